"""Newick as two readers of others see it: scikit-bio and DendroPy."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dendropy


@dataclass(frozen=True)
class Seen:
    """Labels of the tips, and for each inner edge the tips on its first reader's side with the name of its node."""

    tips: frozenset[str]
    edges: dict[frozenset[str], str | None]

    @property
    def splits(self) -> dict[frozenset[str], str | None]:
        """The inner edges by the side without the first tip in the alphabet; an edge that a root divides is one."""
        first, found = min(self.tips), {}
        for side, name in self.edges.items():
            if 1 < len(side) < len(self.tips) - 1:
                found[self.tips - side if first in side else side] = name
        return found


def by_skbio(newick: str | None) -> Seen:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from skbio import TreeNode

        tree: Any = TreeNode.read(io.StringIO(newick or ""), format="newick")
    inner = list(tree.non_tips())
    return Seen(
        frozenset(tip.name for tip in tree.tips()),
        {frozenset(tip.name for tip in node.tips()): node.name for node in inner},
    )


def by_dendropy(newick: str | None) -> Seen:
    tree: Any = dendropy.Tree.get(
        data=newick, schema="newick", rooting="force-rooted", suppress_internal_node_taxa=True
    )
    inner = [node for node in tree.preorder_internal_node_iter() if node is not tree.seed_node]
    return Seen(
        frozenset(leaf.taxon.label for leaf in tree.leaf_node_iter()),
        {frozenset(leaf.taxon.label for leaf in node.leaf_iter()): node.label for node in inner},
    )


READERS: list[Callable[[str | None], Seen]] = [by_skbio, by_dendropy]
