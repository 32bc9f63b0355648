"""How often is a reference's documented parent its nearest neighbour on the tree?

Every reference with a parent in the bank is taken out of it and placed like a subject, twice: among all others, and
without its own descendants and further copies of itself and of its parents, all of which may be nearer than the parent.
A merge has several parents; any of them counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from provcheck.bank import Bank
from provcheck.comparison.distance import pairwise_distances
from provcheck.errors import BankError
from provcheck.lineage.bootstrap import resample
from provcheck.lineage.tips import nearby
from provcheck.lineage.trees import Method, build, nearest_first
from provcheck.types import Floats, Relation

RESAMPLES = 100
"""Bootstrap trees of each placement."""

MOST = 500
"""References of the largest bank that is assessed: all pairs are compared."""


@dataclass(frozen=True)
class Placement:
    """One reference placed like a subject; models are named by their rows.

    `on_tree` and `by_distance` are the references on the tree, nearest first. `copies` holds the parents and whatever
    has the same function as one of them.
    """

    id: str
    mechanism: str
    parents: frozenset[int]
    copies: frozenset[int]
    kin: frozenset[int]
    on_tree: tuple[int, ...]
    by_distance: tuple[int, ...]
    support: float | None
    """Share of the bootstrap trees on which the same reference is nearest, 0 to 1."""


@dataclass(frozen=True)
class Assessment:
    """The placements of a bank's references among all others, and without those that may be nearer than a parent."""

    bank: str
    among_all: tuple[Placement, ...]
    among_fewer: tuple[Placement, ...]


def assess(bank: Bank, resamples: int = RESAMPLES) -> Assessment:
    """Place every reference that has a parent in the bank.

    Bootstrap trees are built only for the second placement of each. Raises BankError when there is nothing to place,
    or too much.
    """
    if len(bank.references) > MOST:
        raise BankError(f"{bank.manifest.name} has {len(bank.references)} references; {MOST} can be assessed")
    documented = _Documented(bank)
    cases = [row for row in documented.voiced if documented.parents(row)]
    if not cases or len(documented.voiced) < 4:
        raise BankError(
            f"{bank.manifest.name} cannot be assessed: no reference has a parent in it", "name parents in the manifest"
        )
    return Assessment(
        bank.manifest.name,
        tuple(documented.place(row, documented.others(row), 0) for row in cases),
        tuple(documented.place(row, documented.others_but_nearer(row), resamples) for row in cases),
    )


class _Documented:
    """A bank's distances beside its documented lineage, by rows; references without attributions take no part."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._ids = [reference.id for reference in bank.references]
        self._rows = {id: row for row, id in enumerate(self._ids)}
        self._blocks = bank.contrast_blocks.astype(np.float32)
        self._distances: Floats = pairwise_distances(self._blocks)
        self.voiced = [row for row, blocks in enumerate(self._blocks) if blocks.any()]

    def parents(self, row: int) -> frozenset[int]:
        """The parents that are in the bank and can be placed."""
        rows = (self._rows.get(parent) for parent in self._bank.references[row].parents)
        return frozenset(parent for parent in rows if parent in self.voiced)

    def others(self, row: int) -> list[int]:
        """Everything else."""
        return [other for other in self.voiced if other != row]

    def others_but_nearer(self, row: int) -> list[int]:
        """Everything else without descendants, and without copies of the model and of its parents."""
        parents, id = self.parents(row), self._ids[row]
        nearer = self._copies({row, *parents}) - parents
        line = self._bank.kinship.line
        return [other for other in self.others(row) if other not in nearer and id not in line(self._ids[other])]

    def place(self, row: int, others: Sequence[int], resamples: int) -> Placement:
        """Place a reference among others, on the tree that an audit would draw."""
        by_distance = sorted(others, key=lambda other: (self._distances[row, other], self._ids[other]))
        known = [self._bank.references[other] for other in others]
        shown = [others[at] for at in nearby(known, [self._ids[other] for other in by_distance])]
        tips = [row, *sorted(shown, key=lambda other: self._ids[other])]
        among = self._distances[np.ix_(tips, tips)]
        order = nearest_first(build(among), among)
        support = resample(self._blocks[tips], Method.NJ, resamples)
        return Placement(
            id=self._ids[row],
            mechanism=self._bank.references[row].mechanism,
            parents=self.parents(row),
            copies=self._copies(self.parents(row)),
            kin=frozenset(other for other in others if self._relation(row, other).related),
            on_tree=tuple(tips[tip] for tip in order),
            by_distance=tuple(other for other in by_distance if other in tips),
            support=support.of_nearest(order[0]) if support.trees else None,
        )

    def _copies(self, rows: Iterable[int]) -> frozenset[int]:
        """These and whatever has the same function as one of them."""
        of = list(rows)
        same = Relation.IDENTICAL
        return frozenset(other for other in self.voiced if any(self._relation(row, other) is same for row in of))

    def _relation(self, first: int, second: int) -> Relation:
        return self._bank.kinship.relation(self._ids[first], self._ids[second])
