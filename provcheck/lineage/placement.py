"""A subject's place on a tree, and the tree of a whole bank."""

from __future__ import annotations

from collections.abc import Sequence

from provcheck.bank import Bank
from provcheck.comparison.distance import pairwise_distances
from provcheck.lineage.bootstrap import resample
from provcheck.lineage.newick import write_newick
from provcheck.lineage.tips import Tips, gather, nearby
from provcheck.lineage.trees import Method, build, nearest_first, splits
from provcheck.types import Comparison, Lineage, Measurement

RESAMPLES = 500
"""Bootstrap trees: a support of 50 % is then known to some 2 %. 60 models take less than a second."""

LEAST = 3
"""Two models are a line, not a tree."""


def place(measurement: Measurement, bank: Bank, comparisons: Sequence[Comparison]) -> Lineage:
    """Place the subject on a Neighbor-Joining tree with its nearest references and one of each family.

    `comparisons` are nearest first. Without a tree the lineage says why.
    """
    rows = nearby(bank.references, [comparison.reference for comparison in comparisons])
    return grow(gather(bank, rows, measurement))


def grow(tips: Tips, method: Method = Method.NJ, resamples: int = RESAMPLES) -> Lineage:
    """The tree of these models, with bootstrap support on its inner edges unless `resamples` is 0.

    A Neighbor-Joining tree has no root; for reading and drawing it is rooted midway between the two tips that are
    farthest apart. Support belongs to the split that an edge makes, which no root changes. Negative branch lengths are
    zero.
    """
    if reason := tips.why_not(LEAST, "tree"):
        return Lineage(newick=None, nearest_on_tree=None, reason=reason)
    distances = pairwise_distances(tips.blocks)
    tree = build(distances, method)
    support = resample(tips.blocks, method, resamples)
    shares = {split: support.of_split(split) for _, split in splits(tree)} if support.trees else None
    nearest = None if tips.subject is None else nearest_first(tree, distances)[0]
    rooted = tree.root_at_midpoint() if method is Method.NJ else tree
    return Lineage(
        newick=write_newick(rooted, tips.labels, shares),
        nearest_on_tree=None if nearest is None else tips.ids[nearest],
        nearest_support=support.of_nearest(nearest) if nearest is not None and support.trees else None,
        resamples=support.trees,
    )
