"""Judge the relation of a subject to each reference, and find the verdict.

A judge turns comparisons into relations; the pipeline knows nothing else about it, so that another can take its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from provcheck import data
from provcheck.bank import Bank, load_bank
from provcheck.bank.kinship import Kinship
from provcheck.bank.manifest import read_bank_manifest
from provcheck.errors import BankError
from provcheck.types import Comparison, Coverage, Measurement, NullDistribution, Relation, Verdict
from provcheck.verdict.rule import MarginRule

if TYPE_CHECKING:
    from provcheck.verdict.calibration import Calibration

__all__ = ["Judge", "MarginRule", "choose_judge", "decide"]

MIN_COVERAGE = 0.5
"""Below this share of measured probes nothing is judged."""

ORDER = (Relation.IDENTICAL, Relation.DERIVED, Relation.INCONCLUSIVE, Relation.SAME_RECIPE, Relation.UNRELATED)
"""Which relation decides the verdict when references differ."""


def choose_judge(bank: Bank, measurement: Measurement, asked: Sequence[str], limit: float) -> Judge:
    """The bank's own calibrated judge; else that of the shipped bank, if it was made the same way; else a simple rule.

    `asked`: ids of the references to judge; `limit`: false-accusation rate that the policy accepts.
    """
    from provcheck.verdict.judge import CalibratedJudge

    calibration = find_calibration(bank)
    return CalibratedJudge(calibration, bank, measurement, asked, limit) if calibration else MarginRule.from_bank(bank)


def find_calibration(bank: Bank) -> Calibration | None:
    """The calibration in the bank, or the shipped bank's when probe set and algorithm agree."""
    from provcheck.verdict.calibration import FILE, RECALIBRATE, load_calibration

    file = bank.checked_file(FILE)
    if file is None:
        folder = data.banks().get(data.DEFAULT_BANK)
        if folder is None or read_bank_manifest(folder).basis != bank.manifest.basis:
            return None
        file = load_bank(data.DEFAULT_BANK).checked_file(FILE)
    calibration = load_calibration(file) if file else None
    if calibration and not calibration.fits(bank):
        raise BankError(f"the judge does not fit the bank '{bank.manifest.name}'", RECALIBRATE)
    return calibration


class Judge(Protocol):
    """Turns the numbers of a comparison into a relation."""

    @property
    def name(self) -> str:
        """What is written into the report."""

    @property
    def digest(self) -> str | None:
        """sha256 of the file of its calibration; None where it has none."""

    @property
    def limitation(self) -> str:
        """What the reader of a report must know about its error rates."""

    @property
    def null(self) -> NullDistribution | None:
        """Distances of the independent pairs that it knows; None where it knows too few."""

    def relate(self, comparison: Comparison) -> Comparison:
        """The comparison with relation, probabilities and p-value filled in."""

    def explain(self, comparison: Comparison) -> tuple[str, ...]:
        """Why it was judged so, in plain sentences."""


def decide(
    comparisons: Sequence[Comparison], judge: Judge, coverage: Coverage, kinship: Kinship
) -> tuple[tuple[Comparison, ...], Verdict]:
    """Judge every comparison (nearest first) and derive the verdict.

    A related reference decides; without one, an inconclusive one does; else the nearest independent one.
    """
    if coverage.share < MIN_COVERAGE:
        return tuple(comparisons), _inconclusive(
            f"Only {coverage.questions} of {coverage.questions_total} questions and {coverage.texts} of "
            f"{coverage.texts_total} texts could be measured; at least {MIN_COVERAGE:.0%} of each are needed."
        )
    judged = tuple(judge.relate(comparison) for comparison in comparisons)
    if not judged:
        return judged, _inconclusive("the bank holds no references")
    nearest = min(judged, key=lambda comparison: ORDER.index(comparison.relation))
    chosen = _ancestor(nearest, judged, kinship) if nearest.relation is Relation.DERIVED else nearest
    return judged, Verdict(
        relation=chosen.relation,
        reference=chosen.reference,
        probability=(chosen.probabilities or {}).get(chosen.relation),
        p_value=chosen.p_value,
        reasons=judge.explain(chosen) + _others(chosen, judged),
    )


def _ancestor(nearest: Comparison, judged: Sequence[Comparison], kinship: Kinship) -> Comparison:
    """The eldest documented ancestor of the nearest reference that is related to the subject too.

    Siblings are often nearer to each other than to their common base; the base explains them all and is named.
    """
    line = kinship.line(nearest.reference)
    elders = [c for c in judged if c.reference in line and c.relation.related]
    return min(elders, key=lambda comparison: len(kinship.line(comparison.reference)))


def _others(chosen: Comparison, judged: Sequence[Comparison]) -> tuple[str, ...]:
    """The other related references, nearest first."""
    others = [c.reference for c in judged if c.relation.related and c.reference != chosen.reference]
    if not (chosen.relation.related and others):
        return ()
    more = f" and {len(others) - 3} more" if len(others) > 3 else ""
    return (f"Also judged related, nearest first: {', '.join(others[:3])}{more}.",)


def _inconclusive(reason: str) -> Verdict:
    return Verdict(relation=Relation.INCONCLUSIVE, reference=None, probability=None, p_value=None, reasons=(reason,))
