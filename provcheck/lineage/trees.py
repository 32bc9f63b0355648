"""Trees of distances: how they are built, how they split the models, who is nearest on them, and their Newick text.

Leaves are named by their index in the matrix, "0" to "M-1", until the tree is written.
"""

from __future__ import annotations

import math
import re
import sys
import warnings
from collections.abc import Mapping, Sequence
from enum import StrEnum
from functools import cache
from typing import Any

import numpy as np

from provcheck.types import Floats

Tree = Any
"""skbio.TreeNode, which has no types."""

_BARE = re.compile(r"[A-Za-z0-9./+-]+")
"""Names that every reader accepts unquoted; all others are quoted."""


class Method(StrEnum):
    """How a tree is built."""

    NJ = "nj"
    """Neighbor-Joining (Saitou and Nei, 1987): unrooted, branches of any length."""

    HIERARCHICAL = "hierarchical"
    """Average linkage: rooted, every leaf equally far from the root."""


def build(distances: Floats, method: Method = Method.NJ) -> Tree:
    """The tree of (M, M) distances among at least three models.

    Where no tree has exactly these distances, Neighbor-Joining gives some branches a negative length; these are
    set to zero, as is usual.
    """
    names = [str(leaf) for leaf in range(len(distances))]
    even = (distances + distances.T) / 2
    skbio = load_skbio()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if method is Method.NJ:
            return skbio.nj(skbio.DistanceMatrix(even, names), neg_as_zero=True)
        from scipy.cluster.hierarchy import linkage
        from scipy.spatial.distance import squareform

        return skbio.TreeNode.from_linkage_matrix(linkage(squareform(even, checks=False), method="average"), names)


@cache
def load_skbio() -> Any:
    """scikit-bio; it imports torch for tests of its own, which would take seconds, so here it finds none."""
    absent: Any = _Absent
    sys.meta_path.insert(0, absent)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import skbio
    finally:
        sys.meta_path.remove(absent)
    return skbio


class _Absent:
    """A finder by which torch is not installed."""

    @staticmethod
    def find_spec(name: str, path: object = None, target: object = None) -> None:
        if name == "torch":
            raise ModuleNotFoundError("torch is not needed here", name=name)


def rooted_at_midpoint(tree: Tree) -> Tree:
    """The tree with its root midway between its two farthest tips.

    Where the middle is the root that it has, up to rounding, scikit-bio 0.7.4 climbs past it and ends in a TypeError.
    """
    try:
        return tree.root_at_midpoint()
    except TypeError:
        return tree


def splits(tree: Tree) -> list[tuple[Tree, int]]:
    """Every inner node with the split that the edge above it makes; the root and trivial splits are left out.

    A split is a bit mask over the leaves of the side without leaf 0: the same wherever the tree is rooted.
    """
    masks: dict[int, int] = {}
    inner = []
    for node in tree.postorder():
        if node.is_tip():
            masks[id(node)] = 1 << int(node.name)
            continue
        mask = 0
        for child in node.children:
            mask |= masks[id(child)]
        masks[id(node)] = mask
        inner.append((node, mask))
    every = masks[id(tree)]
    sides = [(node, every & ~mask if mask & 1 else mask) for node, mask in inner]
    return [(node, side) for node, side in sides if 1 < side.bit_count() < every.bit_count() - 1]


def nearest_first(tree: Tree, distances: Floats) -> list[int]:
    """Leaves 1 to M-1 by their distance from leaf 0 along the tree; ties by that in the matrix."""
    along = path_lengths(tree)[0].round(9)
    return [int(leaf) for leaf in np.lexsort((distances[0], along)) if leaf != 0]


def path_lengths(tree: Tree) -> Floats:
    """(M, M) distances along the tree."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        paths = tree.cophenet()
    order = np.argsort([int(name) for name in paths.ids])
    return np.asarray(paths.data[np.ix_(order, order)])


def write_newick(tree: Tree, labels: Sequence[str], support: Mapping[int, float] | None = None) -> str:
    """The tree with the label of each leaf, and the support of the edge above it (0 to 1) as each inner node's name.

    Support is written in whole percent, rounded down: 100 means every tree. Branches of a node are sorted by size,
    so that the same tree gives the same text.
    """
    names = {id(node): str(math.floor(100 * support[split])) for node, split in splits(tree)} if support else {}
    texts: dict[int, tuple[int, str]] = {}
    for node in tree.postorder():
        if node.is_tip():
            size, text = 1, quote(labels[int(node.name)])
        else:
            branches = sorted(texts.pop(id(child)) for child in node.children)
            size = sum(leaves for leaves, _ in branches)
            text = f"({','.join(branch for _, branch in branches)}){names.get(id(node), '')}"
        length = "" if node is tree else f":{node.length:.6g}"
        texts[id(node)] = size, text + length
    return texts[id(tree)][1] + ";"


def quote(label: str) -> str:
    """A label in Newick's syntax: in single quotes, with quotes inside doubled, unless it is plain."""
    return label if _BARE.fullmatch(label) else "'" + label.replace("'", "''") + "'"
