"""A subject's place on a tree, and the tree of a whole bank, with bootstrap support."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from threadpoolctl import threadpool_limits

from provcheck.bank import Bank
from provcheck.cache import MeasurementCache
from provcheck.lineage.keeping import kept_or_made
from provcheck.lineage.leaves import Leaves, gather, shown
from provcheck.lineage.trees import Method, build, nearest_first, rooted_at_midpoint, splits, write_newick
from provcheck.types import Comparison, Floats, Lineage, Measurement

RESAMPLES = 500
"""Bootstrap trees: a support of 50 % is then known to about 2 %. 60 models take less than a second."""

INDISTINGUISHABLE = 1e-3
"""References of the bank nearer than this count as one on the tree: re-uploads, conversions, rewrites."""

LEAST = 3
"""Two models are a line, not a tree."""


@dataclass(frozen=True)
class Support:
    """Counts over `trees` resampled trees: how many have each split, and in how many each leaf is nearest to leaf 0."""

    trees: int
    splits: Counter[int]
    nearest: Counter[int]

    def of_split(self, split: int) -> float:
        """Share of the trees with that split, 0 to 1."""
        return self.splits[split] / self.trees

    def of_nearest(self, leaf: int) -> float:
        """Share of the trees on which that leaf is nearest to leaf 0, 0 to 1."""
        return self.nearest[leaf] / self.trees


def resample(matrices: Iterable[Floats], method: Method) -> Support:
    """Build a tree from each (M, M) matrix of resampled distances and count (Felsenstein, 1985).

    On one thread: the matrices are so small that several threads wait for one another, ten times as long on a busy
    machine.
    """
    trees, found, nearest = 0, Counter[int](), Counter[int]()
    with threadpool_limits(1):
        for distances in matrices:
            tree = build(distances, method)
            found.update({split for _, split in splits(tree)})
            nearest[nearest_first(tree, distances)[0]] += 1
            trees += 1
    return Support(trees, found, nearest)


def place(
    measurement: Measurement, bank: Bank, comparisons: Sequence[Comparison], kept: MeasurementCache | None = None
) -> Lineage:
    """Place the subject on a Neighbor-Joining tree with its nearest references, those at hand, and one of each family.

    `comparisons` are nearest first. If there is no tree, the lineage says why. `kept`: where trees are looked up.
    """
    leaves = gather(bank, shown(bank, [one.reference for one in comparisons]), measurement)
    return kept_or_made(grow, Lineage, leaves, kept)


def grow(leaves: Leaves, method: Method = Method.NJ, resamples: int = RESAMPLES) -> Lineage:
    """The tree of these models, with bootstrap support on its inner edges unless `resamples` is 0.

    A Neighbor-Joining tree has no root; for reading and drawing it is rooted midway between the two leaves that are
    farthest apart. Support belongs to the split that an edge makes, which rooting does not change. Negative branch
    lengths are set to zero.
    """
    if reason := leaves.why_not(LEAST, "tree"):
        return Lineage(newick=None, nearest_on_tree=None, reason=reason)
    tree = build(leaves.distances, method)
    support = resample(leaves.resampled(resamples), method)
    shares = {split: support.of_split(split) for _, split in splits(tree)} if support.trees else None
    same, nearest = _nearest(leaves, nearest_first(tree, leaves.distances))
    rooted = rooted_at_midpoint(tree) if method is Method.NJ else tree
    return Lineage(
        newick=write_newick(rooted, leaves.labels, shares),
        subject=leaves.labels[0] if leaves.subject is not None else None,
        nearest_on_tree=nearest,
        nearest_support=sum(support.of_nearest(leaf) for leaf in same) if same and support.trees else None,
        resamples=support.trees,
    )


def _nearest(leaves: Leaves, order: Sequence[int]) -> tuple[list[int], str | None]:
    """The leaves indistinguishable from the one nearest to the subject, and the id of the original among them.

    Which of several copies is nearest means nothing, so the one whose documented parents are not among them is named.
    """
    if leaves.subject is None:
        return [], None
    same = [leaf for leaf in order if leaves.distances[order[0], leaf] < INDISTINGUISHABLE]
    ids = {leaves.ids[leaf] for leaf in same}
    reference = {leaf: leaves.references[leaf - 1] for leaf in same}
    originals = [one.id for one in reference.values() if not ids & set(one.parents)]
    return same, originals[0]
