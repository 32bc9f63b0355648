"""What must follow from a report's own numbers, where these are near the new ones but not the same.

Whoever forges a report can then move its numbers only as far as another device does, and must leave every relation,
probability, p-value and outcome as the judge and the policy give them for these numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from provcheck.signals import rank_of
from provcheck.types import Comparison, Report, SignalValues, Verdict
from provcheck.verdict.merges import with_parents

WEIGHT_MOVES_BY = 0.05
"""Tolerance for the weight of a merge's parent; a sentence states it with two decimals."""


def what_follows(report: Report, new: Report, conclude: Callable[[Sequence[Comparison]], Report]) -> Report:
    """The new report, concluded from the numbers of the old one."""
    follows = conclude(restated(report, new.comparisons))
    return follows.model_copy(update={"verdict": _with_parents_of(report.verdict, follows.verdict)})


def restated(report: Report, comparisons: Iterable[Comparison]) -> tuple[Comparison, ...]:
    """New comparisons with the report's own numbers, nearest first, without the references that it leaves out."""
    stated = {one.reference: one for one in report.comparisons}
    kept = [_with_numbers_of(stated[one.reference], one) for one in comparisons if one.reference in stated]
    return tuple(sorted(kept, key=rank_of))


def _with_numbers_of(stated: Comparison, found: Comparison) -> Comparison:
    """Not judged yet; what either of the two did not measure is as it was found."""
    values = {
        name: stated.signals[name] if isinstance(one, SignalValues) and _measured(stated, name) else one
        for name, one in found.signals.items()
    }
    facts = {"family", "mechanism", "license", "reference", "same_weights", "at_hand", "named", "ends"}
    return Comparison(signals=values, **found.model_dump(include=facts))


def _measured(comparison: Comparison, name: str) -> bool:
    return isinstance(comparison.signals.get(name), SignalValues)


def _with_parents_of(stated: Verdict, found: Verdict) -> Verdict:
    """The verdict that was found, with the stated weights of the same two parents if these have hardly moved."""
    pairs = list(zip(stated.parents, found.parents, strict=False))
    same = len(stated.parents) == len(found.parents) and all(
        one.reference == other.reference and abs(one.weight - other.weight) <= WEIGHT_MOVES_BY for one, other in pairs
    )
    return with_parents(found, stated.parents) if same else found
