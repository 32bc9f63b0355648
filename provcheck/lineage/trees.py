"""Trees of distances: how they are built, how they split the models, and who is nearest on them.

Tips are named by their place in the matrix, "0" to "M-1", until the tree is written.
"""

from __future__ import annotations

import warnings
from enum import StrEnum
from typing import Any

import numpy as np

from provcheck.types import Floats

Tree = Any
"""skbio.TreeNode, which has no types."""


class Method(StrEnum):
    """How a tree is built."""

    NJ = "nj"
    """Neighbor-Joining (Saitou and Nei, 1987): unrooted, branches of any length."""

    HIERARCHICAL = "hierarchical"
    """Average linkage: rooted, every tip equally far from the root."""


def build(distances: Floats, method: Method = Method.NJ) -> Tree:
    """The tree of (M, M) distances, three models at least.

    Where the distances are not those of any tree, Neighbor-Joining gives some branches a negative length; these are
    set to zero, as is usual.
    """
    names = [str(tip) for tip in range(len(distances))]
    even = (distances + distances.T) / 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from skbio import DistanceMatrix, TreeNode
        from skbio.tree import nj

        if method is Method.NJ:
            return nj(DistanceMatrix(even, names), neg_as_zero=True)
        from scipy.cluster.hierarchy import linkage
        from scipy.spatial.distance import squareform

        return TreeNode.from_linkage_matrix(linkage(squareform(even, checks=False), method="average"), names)


def splits(tree: Tree) -> list[tuple[Tree, int]]:
    """Every inner node with the split that the edge above it makes; the root and trivial splits are left out.

    A split is a bit mask over the tips of the side without tip 0: the same wherever the tree is rooted.
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
    """Tips 1 to M-1 by their distance from tip 0 along the tree; equally far ones by their distance in the matrix."""
    along = path_lengths(tree)[0].round(9)
    return [int(tip) for tip in np.lexsort((distances[0], along)) if tip != 0]


def path_lengths(tree: Tree) -> Floats:
    """(M, M) distances along the tree."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        paths = tree.cophenet()
    order = np.argsort([int(name) for name in paths.ids])
    return np.asarray(paths.data[np.ix_(order, order)])
