"""A tree as Newick text, with every name quoted as the format asks."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence

from provcheck.lineage.trees import Tree, splits

_BARE = re.compile(r"[A-Za-z0-9./+-]+")
"""Names that every reader takes as they are; the rest is quoted."""


def write_newick(tree: Tree, labels: Sequence[str], support: Mapping[int, float] | None = None) -> str:
    """The tree with the label of each tip, and the support of the edge above it (0 to 1) as each inner node's name.

    Support is written in whole percent, rounded down: 100 means every tree. Branches of a node stand in the order of
    their size, so that the same tree gives the same text.
    """
    names = {id(node): str(math.floor(100 * support[split])) for node, split in splits(tree)} if support else {}
    texts: dict[int, tuple[int, str]] = {}
    for node in tree.postorder():
        if node.is_tip():
            size, text = 1, quote(labels[int(node.name)])
        else:
            branches = sorted(texts.pop(id(child)) for child in node.children)
            size = sum(tips for tips, _ in branches)
            text = f"({','.join(branch for _, branch in branches)}){names.get(id(node), '')}"
        length = "" if node is tree else f":{node.length:.6g}"
        texts[id(node)] = size, text + length
    return texts[id(tree)][1] + ";"


def quote(label: str) -> str:
    """A label as Newick wants it: in single quotes, its own doubled, unless it is plain."""
    return label if _BARE.fullmatch(label) else "'" + label.replace("'", "''") + "'"
