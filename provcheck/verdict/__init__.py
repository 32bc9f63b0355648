"""Judge the relation of a subject to each reference, and find the verdict.

A judge turns comparisons into relations; the pipeline knows nothing else about it, so that another can take its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from provcheck.types import Comparison, Coverage, Relation, Verdict
from provcheck.verdict.rule import MarginRule

__all__ = ["Judge", "MarginRule", "decide"]

MIN_COVERAGE = 0.5
"""Below this share of measured probes nothing is judged."""


class Judge(Protocol):
    """Turns the numbers of a comparison into a relation."""

    @property
    def name(self) -> str:
        """What is written into the report."""

    def relate(self, comparison: Comparison) -> Comparison:
        """The comparison with relation, probabilities and p-value filled in."""

    def explain(self, comparison: Comparison) -> tuple[str, ...]:
        """Why it was judged so, in plain sentences."""


def decide(
    comparisons: Sequence[Comparison], judge: Judge, coverage: Coverage
) -> tuple[tuple[Comparison, ...], Verdict]:
    """Judge every comparison (nearest first) and derive the verdict from the nearest references.

    A related reference decides; without one, an inconclusive one does; else the nearest independent one.
    """
    if coverage.share < MIN_COVERAGE:
        reason = f"only {coverage.share:.0%} of the probes could be measured; at least {MIN_COVERAGE:.0%} are needed"
        return tuple(comparisons), _inconclusive(None, reason)
    judged = tuple(judge.relate(comparison) for comparison in comparisons)
    if not judged:
        return judged, _inconclusive(None, "the bank holds no references")
    order = (Relation.IDENTICAL, Relation.DERIVED, Relation.INCONCLUSIVE, Relation.SAME_RECIPE, Relation.UNRELATED)
    chosen = min(judged, key=lambda comparison: order.index(comparison.relation))
    return judged, Verdict(
        relation=chosen.relation,
        reference=chosen.reference,
        probability=(chosen.probabilities or {}).get(chosen.relation),
        p_value=chosen.p_value,
        reasons=judge.explain(chosen),
    )


def _inconclusive(reference: str | None, reason: str) -> Verdict:
    return Verdict(
        relation=Relation.INCONCLUSIVE, reference=reference, probability=None, p_value=None, reasons=(reason,)
    )
