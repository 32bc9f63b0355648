"""Judge the relation of a subject to each reference, and find the verdict.

A judge turns comparisons into relations; the pipeline knows nothing else about it, so that another can take its place.

calibration  one panel of signals that are judged together: SVMs, thresholds, null distributions
panels       a judge's file: one calibration a panel, the largest that can judge a pair is asked
judge        the calibrated judge; nulls: p-values and histograms
margin       the judge of banks without a calibration
merges       is the subject a merge of two references? claims: what of those named?
fitting      a bank -> its judge; training: the pairs that it is fitted on; svm: the linear SVM
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from provcheck.bank import Bank, load_bank
from provcheck.bank.ancestry import Ancestry
from provcheck.bank.manifest import read_bank_manifest
from provcheck.errors import BankError
from provcheck.io import data
from provcheck.signals import exact_p_value_of
from provcheck.types import Comparison, Coverage, JudgeFacts, MeasurementFacts, Relation, Verdict
from provcheck.verdict.margin import MarginRule
from provcheck.verdict.panels import FILE, RECALIBRATE, Calibrations, Panel, load_calibrations
from provcheck.wording import plural

__all__ = ["Judge", "MarginRule", "choose_judge", "decide", "find_calibrations"]

MIN_COVERAGE = 0.5
"""A signal that measured a smaller share of its material is not judged by."""

ORDER = (Relation.IDENTICAL, Relation.DERIVED, Relation.INCONCLUSIVE, Relation.SAME_RECIPE, Relation.UNRELATED)
"""Which relation decides the verdict when references differ."""


class Judge(Protocol):
    """Turns the numbers of comparisons into relations."""

    @property
    def digest(self) -> str | None:
        """sha256 of its calibration file, or None."""

    @property
    def limitation(self) -> str:
        """What readers of a report must know about its error rates."""

    @property
    def panels(self) -> tuple[Panel, ...]:
        """The sets of signals that it can judge by, the largest first."""

    def judge(self, comparisons: Sequence[Comparison], signals: Collection[str]) -> tuple[Comparison, ...]:
        """The comparisons with relation, probabilities, score and p-value filled in, as far as it knows them.

        It goes by these signals only.
        """

    def facts(self, judged: Sequence[Comparison]) -> JudgeFacts:
        """What is written into the report."""

    def explain(self, comparison: Comparison) -> tuple[str, ...]:
        """Why it was judged so, in plain sentences."""


def choose_judge(bank: Bank, limit: float) -> Judge:
    """The bank's own calibrated judge; else that of the shipped bank, if it was made the same way; else a simple rule.

    `limit`: false-accusation rate that the policy accepts.
    """
    from provcheck.verdict.judge import CalibratedJudge

    found = find_calibrations(bank)
    if not found:
        return MarginRule.from_bank(bank)
    return CalibratedJudge(found, len(bank.references), limit)


def find_calibrations(bank: Bank) -> Calibrations | None:
    """Those in the bank, or else the shipped bank's panels whose signals were measured in the same way."""
    file = bank.checked_file(FILE)
    if file is not None:
        return _fitting(load_calibrations(file), bank)
    folder = data.banks().get(data.DEFAULT_BANK)
    if folder is None or FILE not in read_bank_manifest(folder).files:
        return None
    file = load_bank(data.DEFAULT_BANK).checked_file(FILE)
    shipped = load_calibrations(file).serving(bank) if file else None
    return _fitting(shipped, bank) if shipped else None


def decide(
    comparisons: Sequence[Comparison], judge: Judge, facts: MeasurementFacts, ancestry: Ancestry
) -> tuple[tuple[Comparison, ...], Verdict]:
    """Judge every comparison (nearest first) and derive the verdict.

    A related reference decides; without one, an inconclusive one does; else the nearest independent one. Of several
    with the same relation, one that was named beforehand goes before the others, since it is what was asked about; the
    user's own reference goes before a claim.
    """
    covered = {name for name, one in facts.measured.items() if one.coverage.share >= MIN_COVERAGE}
    if reason := _too_little(facts, judge.panels, covered):
        return tuple(comparisons), _inconclusive(reason)
    judged = judge.judge(comparisons, covered)
    if not judged:
        return judged, _inconclusive("the bank holds no references")
    nearest = min(judged, key=_decisive)
    chosen = _ancestor(nearest, judged, ancestry) if nearest.relation is Relation.DERIVED else nearest
    return judged, Verdict(
        relation=chosen.relation,
        reference=chosen.reference,
        probability=1.0 if chosen.same_weights else (chosen.probabilities or {}).get(chosen.relation),
        p_value=chosen.p_value,
        exact_p_value=exact_p_value_of(chosen),
        reasons=judge.explain(chosen) + _others(chosen, judged),
    )


def _decisive(comparison: Comparison) -> tuple[int, bool, bool]:
    """Sort key: the relation that decides, then what the user gave, then what was named beforehand."""
    given = comparison.at_hand is not None and comparison.at_hand.found == "given"
    return ORDER.index(comparison.relation), not given, not comparison.named


def _fitting(calibrations: Calibrations, bank: Bank) -> Calibrations:
    if not calibrations.fits(bank):
        raise BankError(f"the judge does not fit the bank '{bank.manifest.name}'", RECALIBRATE)
    return calibrations


def _too_little(facts: MeasurementFacts, panels: Sequence[Panel], covered: Collection[str]) -> str | None:
    """A sentence that says how much was measured where that is too little for every panel, else None."""
    read = dict.fromkeys(name for panel in panels for name in panel)
    found = [facts.measured[name].coverage for name in read if name in facts.measured]
    if any(set(panel) <= set(covered) for panel in panels) or all(one.share >= MIN_COVERAGE for one in found):
        return None
    parts = " and ".join(map(_measured, found))
    return f"Only {parts} could be measured; at least {MIN_COVERAGE:.0%} of each are needed."


def _measured(coverage: Coverage) -> str:
    """`8 of 480 questions (the others: longer than the model's context of 32 tokens)`."""
    others = f" (the others: {'; '.join(coverage.left_out)})" if coverage.left_out else ""
    return f"{coverage.measured} of {plural(coverage.total, coverage.unit)}{others}"


def _ancestor(nearest: Comparison, judged: Sequence[Comparison], ancestry: Ancestry) -> Comparison:
    """The oldest documented ancestor of the nearest reference's weights that is related to the subject too.

    Siblings are often nearer to each other than to their common base; the base explains them all, so it is named. A
    teacher is no ancestor of its student's weights.
    """
    line = ancestry.descent(nearest.reference)
    elders = [c for c in judged if c.reference in line and c.relation.related]
    return min(elders, key=lambda comparison: len(ancestry.descent(comparison.reference)))


def _others(chosen: Comparison, judged: Sequence[Comparison]) -> tuple[str, ...]:
    """The other related references, nearest first."""
    others = [c.reference for c in judged if c.relation.related and c.reference != chosen.reference]
    if not (chosen.relation.related and others):
        return ()
    more = f" and {len(others) - 3} more" if len(others) > 3 else ""
    return (f"Also judged related, nearest first: {', '.join(others[:3])}{more}.",)


def _inconclusive(reason: str) -> Verdict:
    return Verdict(relation=Relation.INCONCLUSIVE, reference=None, probability=None, p_value=None, reasons=(reason,))
