"""Judge the relation of a subject to each reference, and find the verdict.

A judge turns comparisons into relations; the pipeline knows nothing else about it, so that another can take its place.

calibration  a judge's file: SVMs, thresholds, null distributions
judge        the calibrated judge
margin       the judge of banks without a calibration
merges       is the subject a merge of two references?
svm          the linear SVM; training: the pairs that it is fitted on
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from provcheck.bank import Bank, load_bank
from provcheck.bank.ancestry import Ancestry
from provcheck.bank.manifest import read_bank_manifest
from provcheck.errors import BankError
from provcheck.io import data
from provcheck.types import Comparison, JudgeFacts, MeasurementFacts, Relation, Verdict
from provcheck.verdict.calibration import FILE, RECALIBRATE, Calibration, load_calibration
from provcheck.verdict.margin import MarginRule
from provcheck.wording import plural

__all__ = ["Judge", "MarginRule", "choose_judge", "decide", "find_calibration"]

MIN_COVERAGE = 0.5
"""The verdict is inconclusive if a signal that the judge reads measured a smaller share of its material."""

ORDER = (Relation.IDENTICAL, Relation.DERIVED, Relation.INCONCLUSIVE, Relation.SAME_RECIPE, Relation.UNRELATED)
"""Which relation decides the verdict when references differ."""


class Judge(Protocol):
    """Turns the numbers of comparisons into relations."""

    @property
    def facts(self) -> JudgeFacts:
        """What is written into the report."""

    @property
    def digest(self) -> str | None:
        """sha256 of its calibration file, or None."""

    @property
    def limitation(self) -> str:
        """What readers of a report must know about its error rates."""

    @property
    def signals(self) -> tuple[str, ...]:
        """The signals that it reads."""

    def judge(self, comparisons: Sequence[Comparison]) -> tuple[Comparison, ...]:
        """The comparisons with relation, probabilities, score and p-value filled in, as far as it knows them."""

    def explain(self, comparison: Comparison) -> tuple[str, ...]:
        """Why it was judged so, in plain sentences."""


def choose_judge(bank: Bank, limit: float) -> Judge:
    """The bank's own calibrated judge; else that of the shipped bank, if it was made the same way; else a simple rule.

    `limit`: false-accusation rate that the policy accepts.
    """
    from provcheck.verdict.judge import CalibratedJudge

    calibration = find_calibration(bank)
    return CalibratedJudge(calibration, len(bank.references), limit) if calibration else MarginRule.from_bank(bank)


def find_calibration(bank: Bank) -> Calibration | None:
    """The calibration in the bank, or the shipped bank's if its signals were measured in the same way."""
    file = bank.checked_file(FILE)
    if file is not None:
        return _fitting(load_calibration(file), bank)
    folder = data.banks().get(data.DEFAULT_BANK)
    if folder is None or FILE not in read_bank_manifest(folder).files:
        return None
    file = load_bank(data.DEFAULT_BANK).checked_file(FILE)
    shipped = load_calibration(file) if file else None
    if shipped is None or any(bank.manifest.bases.get(name) != one for name, one in shipped.facts.signals.items()):
        return None
    return _fitting(shipped, bank)


def decide(
    comparisons: Sequence[Comparison], judge: Judge, facts: MeasurementFacts, ancestry: Ancestry
) -> tuple[tuple[Comparison, ...], Verdict]:
    """Judge every comparison (nearest first) and derive the verdict.

    A related reference decides; without one, an inconclusive one does; else the nearest independent one.
    """
    if reason := _too_little(facts, judge):
        return tuple(comparisons), _inconclusive(reason)
    judged = judge.judge(comparisons)
    if not judged:
        return judged, _inconclusive("the bank holds no references")
    nearest = min(judged, key=lambda comparison: ORDER.index(comparison.relation))
    chosen = _ancestor(nearest, judged, ancestry) if nearest.relation is Relation.DERIVED else nearest
    return judged, Verdict(
        relation=chosen.relation,
        reference=chosen.reference,
        probability=(chosen.probabilities or {}).get(chosen.relation),
        p_value=chosen.p_value,
        reasons=judge.explain(chosen) + _others(chosen, judged),
    )


def _fitting(calibration: Calibration, bank: Bank) -> Calibration:
    if not calibration.fits(bank):
        raise BankError(f"the judge does not fit the bank '{bank.manifest.name}'", RECALIBRATE)
    return calibration


def _too_little(facts: MeasurementFacts, judge: Judge) -> str | None:
    """A sentence that says how much was measured if that is too little, else None."""
    found = [facts.measured[name].coverage for name in judge.signals if name in facts.measured]
    if all(coverage.share >= MIN_COVERAGE for coverage in found):
        return None
    parts = " and ".join(f"{one.measured} of {plural(one.total, one.unit)}" for one in found)
    return f"Only {parts} could be measured; at least {MIN_COVERAGE:.0%} of each are needed."


def _ancestor(nearest: Comparison, judged: Sequence[Comparison], ancestry: Ancestry) -> Comparison:
    """The oldest documented ancestor of the nearest reference that is related to the subject too.

    Siblings are often nearer to each other than to their common base; the base explains them all, so it is named.
    """
    line = ancestry.line(nearest.reference)
    elders = [c for c in judged if c.reference in line and c.relation.related]
    return min(elders, key=lambda comparison: len(ancestry.line(comparison.reference)))


def _others(chosen: Comparison, judged: Sequence[Comparison]) -> tuple[str, ...]:
    """The other related references, nearest first."""
    others = [c.reference for c in judged if c.relation.related and c.reference != chosen.reference]
    if not (chosen.relation.related and others):
        return ()
    more = f" and {len(others) - 3} more" if len(others) > 3 else ""
    return (f"Also judged related, nearest first: {', '.join(others[:3])}{more}.",)


def _inconclusive(reason: str) -> Verdict:
    return Verdict(relation=Relation.INCONCLUSIVE, reference=None, probability=None, p_value=None, reasons=(reason,))
