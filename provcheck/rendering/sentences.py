"""What a report says in sentences, the same in the terminal, in HTML and in every other format."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from provcheck import wording
from provcheck.io.text import plain, short_name
from provcheck.signals import read_record, read_report
from provcheck.types import Comparison, Outcome, PairReport, Relation, Report, Summary, Verdict

SENTENCES = {
    Relation.IDENTICAL: "The weights of {subject} are the weights of {reference}: "
    "a copy, a conversion, a quantization, or a rewrite that keeps what the model does.",
    Relation.DERIVED: "The weights of {subject} descend from {reference}, or both descend from one ancestor.",
    Relation.SAME_RECIPE: "The weights of {subject} are independent of {reference}, but of kindred training.",
    Relation.UNRELATED: "The weights of {subject} show no relation to {references}.",
    Relation.INCONCLUSIVE: "The evidence does not settle whether {subject} is related to {references}.",
}
"""One sentence per verdict. `{subject}` and `{reference}` are names, `{references}` counts those compared."""

COUNTED = (Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.SKIPPED, Outcome.ERROR)
"""The order in which outcomes are counted."""

EXIT_CODES = {
    0: "every check passed",
    1: "a check failed",
    2: "the audit was interrupted",
    3: "provcheck itself failed",
    4: "the input could not be used",
    5: "no check was made",
}

RELATION_WORDS = {
    "identical": "The same weights: a copy, a re-upload, a format conversion, a quantization (weights stored with "
    "fewer bits), or a rewrite that does not change what the model computes.",
    "derived": "The weights descend from the reference, or both descend from one ancestor: for example fine-tuning, "
    "continued training, merging or pruning. A model trained only on another's answers has weights of its own.",
    "same-recipe": "Independent weights from kindred training: the recipe was run again with other random numbers or "
    "in another size. This is not an accusation.",
    "unrelated": "None of the above.",
    "inconclusive": "The evidence is not enough to say either way. It is not a suspicion.",
}

NUMBER_WORDS = {
    "confidence interval": "How far chance moves a number. With other probes each time, 95 of 100 such ranges hold "
    "the true value.",
    "p-value": "How often models that are not related come out at least this close, by the bank's pairs of independent "
    "models; it assumes that these are typical. Small is strong evidence. It is not the probability that the models "
    "are unrelated, and does not say which of them was first. It cannot fall below the number of references over the "
    "number of pairs: a large one may only mean that few pairs are known.",
    "probe": "A fixed question or text that every model is measured on.",
    "digest": "A fingerprint of a file: if one bit of the file changes, its digest changes.",
}


def plain_report(report: Report) -> Report:
    """The same report with every text made plain: names come from strangers, and may hold hidden characters."""
    return read_report(_plain(report.model_dump()))


def plain_pair(report: PairReport) -> PairReport:
    """The same for a head-to-head comparison."""
    return read_record(PairReport, _plain(report.model_dump()))


def sentence(report: Report) -> str:
    """The verdict in one sentence."""
    return SENTENCES[report.verdict.relation].format(**sentence_names(report))


def sentence_names(report: Report) -> dict[str, str]:
    """The values that fill the placeholders of `SENTENCES`."""
    return {
        "subject": short_name(report.subject.id),
        "reference": short_name(report.verdict.reference or "one of the reference models"),
        "references": _references(report.bank.references + len(at_hand(report))),
    }


def at_hand(report: Report) -> list[Comparison]:
    """The comparisons with references that were measured for this audit, by their names."""
    return sorted((one for one in report.comparisons if one.at_hand), key=lambda one: one.reference)


def origin(one: Comparison) -> str:
    """Of a reference that is not of the bank: that it was measured for this audit, and where it was found."""
    return wording.at_hand(one.at_hand) if one.at_hand else ""


def certainty(report: Report) -> str:
    """How sure the verdict is, in one sentence."""
    return _certainty(report.verdict, report.comparisons)


def sure(report: Report) -> str:
    """The same without p-values, for a page that says in words what they mean."""
    return _sure(report.verdict, report.comparisons)


def pair_certainty(report: PairReport) -> str:
    """The same for a head-to-head comparison."""
    return _certainty(report.verdict, [one.comparison for one in report.opponents])


def _certainty(verdict: Verdict, comparisons: Sequence[Comparison]) -> str:
    chosen = [one for one in comparisons if one.reference == verdict.reference]
    calibrated = verdict.probability is not None and verdict.relation is not Relation.INCONCLUSIVE
    if any(one.same_weights for one in chosen) or not calibrated:
        return _sure(verdict, comparisons)
    return _sure(verdict, comparisons) + _p_values(verdict, max((one.named for one in chosen), default=0))


def _sure(verdict: Verdict, comparisons: Sequence[Comparison]) -> str:
    if verdict.relation is Relation.INCONCLUSIVE:
        return "No relation is claimed, and none is ruled out."
    if any(one.same_weights for one in comparisons if one.reference == verdict.reference):
        return "How sure: certain. The weight files are the same, bit for bit."
    if verdict.probability is None:
        return "How sure: not calibrated. Error rates are not known for this bank, so no probability is given."
    return f"How sure: {wording.probability(verdict.probability)}."


def _p_values(verdict: Verdict, named: int) -> str:
    """The exact one first: it does not depend on the size of the bank, and it alone may be very small."""
    correction = wording.correction(named) if named else "corrected for all its references"
    exact = "" if verdict.exact_p_value is None else f" Exact p-value: {wording.bound(verdict.exact_p_value)}."
    empirical = "" if verdict.p_value is None else f" p-value: {wording.p_value(verdict.p_value)}"
    remark = f" (by the bank's independent pairs, {correction})" if empirical and (exact or named) else ""
    return exact + (f"{empirical}{remark}." if empirical else "")


def relation_probability(one: Comparison) -> str:
    """How probable a comparison's relation is; where it is inconclusive, how probable it is that the two are related.

    The one probability that any output shows of a pair.
    """
    if one.same_weights:
        return "certain"
    if one.relation is Relation.INCONCLUSIVE and one.probabilities:
        return f"related {wording.probability(one.related_probability)}"
    return wording.probability((one.probabilities or {}).get(one.relation))


def counts(summary: Summary) -> str:
    """The outcomes that occurred, counted: `5 passed, 1 failed`."""
    numbers = {outcome: getattr(summary, outcome) for outcome in COUNTED}
    return ", ".join(f"{count} {outcome}" for outcome, count in numbers.items() if count) or "no checks ran"


def seconds(report: Report) -> float:
    """Seconds that the audit took: its stages and its checks."""
    return sum(stages(report).values()) + sum(check.seconds for check in report.checks)


def stages(report: Report) -> dict[str, float]:
    """Seconds of the audit by stage; older reports state no more than how long measuring took."""
    return report.durations or {"measurement": report.measurement.seconds}


def _references(count: int) -> str:
    return "the one reference model" if count == 1 else f"any of the {count:,} reference models"


def _plain(value: Any) -> Any:
    """Walk what `model_dump` gives; enums are our own texts and stay as they are."""
    if type(value) is str:
        return plain(value)
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_plain(item) for item in value)
    return value
