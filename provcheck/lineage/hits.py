"""The tables of an assessment: the tree against the plain distance and against chance."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import comb

from provcheck.lineage.assessment import Assessment, Placement

SURE, LIKELY = 0.95, 0.5
"""Where the table of support is cut."""


@dataclass(frozen=True)
class Hits:
    """In how many of `placements` the nearest reference is ...; by chance these are expectations."""

    placements: int
    parent: float
    parent_or_copy: float
    parent_among_three: float
    relative: float


def hits(placements: Sequence[Placement], order: Callable[[Placement], Sequence[int]]) -> Hits:
    """Count for the references in this order, nearest first."""
    ranked = [(placement, order(placement)) for placement in placements]
    return Hits(
        placements=len(ranked),
        parent=sum(found[0] in placement.parents for placement, found in ranked),
        parent_or_copy=sum(found[0] in placement.copies for placement, found in ranked),
        parent_among_three=sum(bool(placement.parents & set(found[:3])) for placement, found in ranked),
        relative=sum(found[0] in placement.kin for placement, found in ranked),
    )


def by_chance(placements: Sequence[Placement]) -> Hits:
    """Expected counts when the order of the references on each tree is drawn at random."""

    def first(of: Callable[[Placement], frozenset[int]]) -> float:
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


def _tree(placement: Placement) -> Sequence[int]:
    return placement.on_tree


def _distance(placement: Placement) -> Sequence[int]:
    return placement.by_distance


def _rows(name: str, placements: Sequence[Placement]) -> list[str]:
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


def _row(name: str, placements: Sequence[Placement]) -> str:
    one = hits(placements, _tree)
    cells = (one.parent, one.parent_among_three, one.relative)
    return f"| {name} | {one.placements} | {' | '.join(_share(cell, one.placements) for cell in cells)} |"


def _share(count: float, of: int) -> str:
    return f"{count:.0f} ({count / of:.1%})" if float(count).is_integer() else f"{count:.1f} ({count / of:.1%})"


def _by_mechanism(placements: Sequence[Placement]) -> dict[str, list[Placement]]:
    groups: dict[str, list[Placement]] = defaultdict(list)
    for placement in placements:
        groups[placement.mechanism].append(placement)
    return dict(sorted(groups.items(), key=lambda item: (-len(item[1]), item[0])))


def _by_support(placements: Sequence[Placement]) -> dict[str, list[Placement]]:
    groups: dict[str, list[Placement]] = {f"{SURE:.0%} or more": [], f"{LIKELY:.0%} to {SURE:.0%}": [], "less": []}
    sure, likely, less = groups.values()
    for one in placements:
        if one.support is not None:
            (sure if one.support >= SURE else likely if one.support >= LIKELY else less).append(one)
    return groups


def _one_of_three(wanted: int, among: int) -> float:
    """Probability that three drawn of `among` hold one of the `wanted`."""
    return 1 - comb(among - wanted, 3) / comb(among, 3) if among >= 3 else 1.0
