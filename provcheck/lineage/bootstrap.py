"""How well a tree is supported: the same tree again from blocks of questions drawn with replacement."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from provcheck.comparison.distance import bootstrap_weights, cosine_distance
from provcheck.lineage.trees import Method, build, nearest_first, splits
from provcheck.types import Floats


@dataclass(frozen=True)
class Support:
    """What `trees` resampled trees say: how many have a split, and how many a tip nearest to tip 0."""

    trees: int
    splits: Counter[int]
    nearest: Counter[int]

    def of_split(self, split: int) -> float:
        """Share of the trees with that split, 0 to 1."""
        return self.splits[split] / self.trees

    def of_nearest(self, tip: int) -> float:
        """Share of the trees on which that tip is nearest to tip 0, 0 to 1."""
        return self.nearest[tip] / self.trees


def resample(blocks: Floats, method: Method, resamples: int) -> Support:
    """Build a tree of each resample of the blocks (M, B, K) and count (Felsenstein, 1985).

    On one thread: the matrices are so small that several wait for one another, on a busy machine ten times as long.
    """
    trees, found, nearest = 0, Counter[int](), Counter[int]()
    with threadpool_limits(1):
        for distances in resampled_distances(blocks, resamples):
            tree = build(distances, method)
            found.update({split for _, split in splits(tree)})
            nearest[nearest_first(tree, distances)[0]] += 1
            trees += 1
    return Support(trees, found, nearest)


def resampled_distances(blocks: Floats, resamples: int) -> Iterator[Floats]:
    """(M, M) cosine distances of each resample; one in which a model has no attributions at all is left out.

    Equal to `pairwise_distances` with the weights of `bootstrap_weights`, but the products are taken only once.
    """
    by_block = blocks.transpose(1, 0, 2).astype(np.float64)
    products = by_block @ by_block.transpose(0, 2, 1)
    for weights in bootstrap_weights(len(products), resamples):
        summed = np.tensordot(weights, products, axes=1)
        squares = np.diag(summed)
        distances = cosine_distance(summed, squares[:, None], squares[None, :])
        if np.isfinite(distances).all():
            np.fill_diagonal(distances, 0.0)
            yield distances
