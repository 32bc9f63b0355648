"""How often is a reference's documented parent its nearest neighbour on the tree?

Every reference with a parent in the bank is taken out of it and placed like a subject, twice: among all others, and
without its own descendants and further copies of itself and of its parents, all of which may be nearer than the parent.
A merge has several parents; any of them counts.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from math import comb

import numpy as np

from provcheck.bank import Bank
from provcheck.errors import BankError
from provcheck.lineage.leaves import gather, nearby
from provcheck.lineage.placement import resample
from provcheck.lineage.trees import Method, build, nearest_first
from provcheck.types import Relation

RESAMPLES = 100
"""Bootstrap trees of each placement."""

MOST = 500
"""Size of the largest bank that is assessed, since all pairs are compared."""

SURE, LIKELY = 0.95, 0.5
"""Where the table of support is cut."""


@dataclass(frozen=True)
class Placed:
    """One reference placed like a subject; models are given by their rows.

    `on_tree` and `by_distance` are the references on the tree, nearest first. `copies` holds the parents and every
    reference with the same function as one of them.
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
    among_all: tuple[Placed, ...]
    among_fewer: tuple[Placed, ...]


def assess(bank: Bank, resamples: int = RESAMPLES) -> Assessment:
    """Place every reference that has a parent in the bank.

    Bootstrap trees are built only for the second placement of each. Raises BankError when there is nothing to place,
    or too much.
    """
    if len(bank.references) > MOST:
        raise BankError(f"{bank.manifest.name} has {len(bank.references)} references; {MOST} can be assessed")
    documented = _Documented(bank)
    cases = [row for row in documented.placed if documented.parents(row)]
    if not cases or len(documented.placed) < 4:
        raise BankError(
            f"{bank.manifest.name} cannot be assessed: no reference has a parent in it", "name parents in the manifest"
        )
    return Assessment(
        bank.manifest.name,
        tuple(documented.place(row, documented.others(row), 0) for row in cases),
        tuple(documented.place(row, documented.others_but_nearer(row), resamples) for row in cases),
    )


class _Documented:
    """A bank's distances and documented lineage, by row; references without a distance to others are left out."""

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self._ids = [reference.id for reference in bank.references]
        leaves = gather(bank, range(len(self._ids)))
        if leaves.signal is None or leaves.stack is None:
            raise BankError(f"{bank.manifest.name} cannot be assessed: no signal of it gives distances")
        self._leaves = leaves
        self._leaf = {bank.rows[reference.id]: leaf for leaf, reference in enumerate(leaves.references)}
        self.placed = sorted(self._leaf)
        self._among = leaves.distances if len(leaves) else np.empty((0, 0))

    def parents(self, row: int) -> frozenset[int]:
        """The parents that are in the bank and can be placed."""
        rows = (self._bank.rows.get(parent) for parent in self._bank.references[row].parents)
        return frozenset(parent for parent in rows if parent in self.placed)

    def others(self, row: int) -> list[int]:
        """All other references."""
        return [other for other in self.placed if other != row]

    def others_but_nearer(self, row: int) -> list[int]:
        """All other references except descendants, and copies of the model and of its parents."""
        parents, id = self.parents(row), self._ids[row]
        nearer = self._copies({row, *parents}) - parents
        line = self._bank.ancestry.line
        return [other for other in self.others(row) if other not in nearer and id not in line(self._ids[other])]

    def place(self, row: int, others: Sequence[int], resamples: int) -> Placed:
        """Place a reference among others, on the tree that an audit would draw."""
        by_distance = sorted(others, key=lambda other: (self._distance(row, other), self._ids[other]))
        known = [self._bank.references[other] for other in others]
        shown = [others[at] for at in nearby(known, [self._ids[other] for other in by_distance])]
        leaves = [row, *sorted(shown, key=lambda other: self._ids[other])]
        places = [self._leaf[one] for one in leaves]
        among = self._among[np.ix_(places, places)]
        order = nearest_first(build(among), among)
        support = resample(self._leaves.among(places).resampled(resamples), Method.NJ)
        return Placed(
            id=self._ids[row],
            mechanism=self._bank.references[row].mechanism,
            parents=self.parents(row),
            copies=self._copies(self.parents(row)),
            kin=frozenset(other for other in others if self._is_kin(row, other)),
            on_tree=tuple(leaves[leaf] for leaf in order),
            by_distance=tuple(other for other in by_distance if other in leaves),
            support=support.of_nearest(order[0]) if support.trees else None,
        )

    def _distance(self, first: int, second: int) -> float:
        return float(self._among[self._leaf[first], self._leaf[second]])

    def _copies(self, rows: Iterable[int]) -> frozenset[int]:
        """These rows, and every reference with the same function as one of them."""
        of = list(rows)
        same = Relation.IDENTICAL
        return frozenset(other for other in self.placed if any(self._relation(row, other) is same for row in of))

    def _is_kin(self, first: int, second: int) -> bool:
        """Whether they have an ancestor in common; here a teacher counts as one."""
        line = self._bank.ancestry.line
        return not line(self._ids[first]).isdisjoint(line(self._ids[second]))

    def _relation(self, first: int, second: int) -> Relation:
        return self._bank.ancestry.relation(self._ids[first], self._ids[second])


@dataclass(frozen=True)
class Hits:
    """In how many of the `placements` the nearest reference is one of these; for chance, expected counts."""

    placements: int
    parent: float
    parent_or_copy: float
    parent_among_three: float
    relative: float


def hits(placements: Sequence[Placed], order: Callable[[Placed], Sequence[int]]) -> Hits:
    """Count the hits with the references in this order, nearest first."""
    ranked = [(placement, order(placement)) for placement in placements]
    return Hits(
        placements=len(ranked),
        parent=sum(found[0] in placement.parents for placement, found in ranked),
        parent_or_copy=sum(found[0] in placement.copies for placement, found in ranked),
        parent_among_three=sum(bool(placement.parents & set(found[:3])) for placement, found in ranked),
        relative=sum(found[0] in placement.kin for placement, found in ranked),
    )


def by_chance(placements: Sequence[Placed]) -> Hits:
    """Expected counts when the order of the references on each tree is drawn at random."""

    def first(of: Callable[[Placed], frozenset[int]]) -> float:
        return sum(len(of(one) & set(one.on_tree)) / len(one.on_tree) for one in placements)

    return Hits(
        placements=len(placements),
        parent=first(lambda one: one.parents),
        parent_or_copy=first(lambda one: one.copies),
        parent_among_three=sum(
            _one_of_three(len(one.parents & set(one.on_tree)), len(one.on_tree)) for one in placements
        ),
        relative=first(lambda one: one.kin),
    )


def markdown(assessment: Assessment) -> str:
    """The tables as Markdown."""
    count = len(assessment.among_all)
    fewer = assessment.among_fewer
    lines = [
        f"{count} references of the bank {assessment.bank} have a documented parent in it. Each was taken out and "
        "placed on a tree like a subject. How often the nearest reference is its parent, or else its kin:",
        "",
        "| placed among | nearest by | parent | parent or its copy | parent among the three nearest | kin |",
        "|---|---|---:|---:|---:|---:|",
        *_rows("all others", assessment.among_all),
        *_rows("others, without its descendants and copies of it or its parents", fewer),
        "",
        "Of the latter, on the tree, by how the model was made:",
        "",
        "| mechanism | models | parent | parent among the three nearest | kin |",
        "|---|---:|---:|---:|---:|",
        *(_row(mechanism, part) for mechanism, part in _by_mechanism(fewer).items()),
        "",
        "And by support, the share of bootstrap trees on which the same reference is nearest:",
        "",
        "| support | models | parent | parent among the three nearest | kin |",
        "|---|---:|---:|---:|---:|",
        *(_row(name, part) for name, part in _by_support(fewer).items() if part),
    ]
    return "\n".join(lines) + "\n"


def _tree(placement: Placed) -> Sequence[int]:
    return placement.on_tree


def _distance(placement: Placed) -> Sequence[int]:
    return placement.by_distance


def _rows(name: str, placements: Sequence[Placed]) -> list[str]:
    found = {
        "tree": hits(placements, _tree),
        "plain distance": hits(placements, _distance),
        "chance": by_chance(placements),
    }
    rows = []
    for method, one in found.items():
        cells = (one.parent, one.parent_or_copy, one.parent_among_three, one.relative)
        rows.append(f"| {name} | {method} | {' | '.join(_share(cell, one.placements) for cell in cells)} |")
    return rows


def _row(name: str, placements: Sequence[Placed]) -> str:
    one = hits(placements, _tree)
    cells = (one.parent, one.parent_among_three, one.relative)
    return f"| {name} | {one.placements} | {' | '.join(_share(cell, one.placements) for cell in cells)} |"


def _share(count: float, of: int) -> str:
    return f"{count:.0f} ({count / of:.1%})" if float(count).is_integer() else f"{count:.1f} ({count / of:.1%})"


def _by_mechanism(placements: Sequence[Placed]) -> dict[str, list[Placed]]:
    groups: dict[str, list[Placed]] = defaultdict(list)
    for placement in placements:
        groups[placement.mechanism].append(placement)
    return dict(sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])))


def _by_support(placements: Sequence[Placed]) -> dict[str, list[Placed]]:
    groups: dict[str, list[Placed]] = {f"{SURE:.0%} or more": [], f"{LIKELY:.0%} to {SURE:.0%}": [], "less": []}
    sure, likely, less = groups.values()
    for one in placements:
        if one.support is not None:
            (sure if one.support >= SURE else likely if one.support >= LIKELY else less).append(one)
    return groups


def _one_of_three(wanted: int, among: int) -> float:
    """Probability that three drawn from `among` include one of the `wanted`."""
    return 1 - comb(among - wanted, 3) / comb(among, 3) if among >= 3 else 1.0
