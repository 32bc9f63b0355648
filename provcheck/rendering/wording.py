"""Numbers and sentences as people read them, the same in the terminal and in HTML.

A probability is never rounded into certainty, and what is not known is said, never shown as a number.
"""

from __future__ import annotations

from math import inf

from provcheck.rendering.plain import short_name
from provcheck.types import Comparison, Distance, KLDivergence, Outcome, Relation, Report, Summary

SENTENCES = {
    Relation.IDENTICAL: "The weights of {subject} are the weights of {reference}: "
    "a copy, a conversion, a quantization, or a rewrite that keeps what the model does.",
    Relation.DERIVED: "The weights of {subject} descend from {reference}, or both descend from one ancestor.",
    Relation.SAME_RECIPE: "The weights of {subject} are independent of {reference}, but of kindred training.",
    Relation.UNRELATED: "The weights of {subject} show no relation to {references}.",
    Relation.INCONCLUSIVE: "The evidence does not settle whether {subject} is related to {references}.",
}
"""One sentence a verdict. `{subject}` and `{reference}` are names, `{references}` counts who was compared."""

NOT_CALIBRATED = "not calibrated"
NOT_MEASURED = "not measured"
CI95 = "95\u00a0% interval"
DISTANCE_AXIS = "ABLE contrast distance: 0 is the same, about 1 has nothing in common"

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

BANDS = {
    "checkpoint": "two stages of one training",
    "seed": "one recipe run twice",
    "fine-tune / quantization / size": "tuned, quantized, resized",
    "same type": "two models of one type",
    "random pair": "two random models",
}
"""The papers' kinds of change in plain words."""

GLOSSARY = {
    "identical": "The same weights: a copy, a re-upload, a format conversion, a quantization (weights stored with "
    "fewer bits), or a rewrite that does not change what the model computes.",
    "derived": "The weights descend from the reference, or both descend from one ancestor: for example fine-tuning, "
    "continued training, merging, pruning, or distillation (training on another model's answers).",
    "same-recipe": "Independent weights from kindred training: the recipe was run again with other random numbers or "
    "in another size. This is not an accusation.",
    "unrelated": "None of the above.",
    "inconclusive": "The evidence is not enough to say either way. It is not a suspicion.",
    "ABLE": "A fingerprint of how strongly each word of fixed questions moves a model's answers. The distance of two "
    "fingerprints is 0 where they agree and about 1 where they have nothing in common. It is taken in two views: "
    "the paper's own, and contrast, which looks only at what sets the answers of one question apart.",
    "KL": "How differently two models rate the same texts (Kullback-Leibler divergence). Two runs of one recipe can be "
    "closer than a model and its fine-tune, so KL alone shows no descent.",
    "bits per byte": "The unit of KL: information per byte of text.",
    "confidence interval": "How far chance moves a number. With other questions each time, 95 of 100 such ranges hold "
    "the true value.",
    "p-value": "How often models that are not related come out at least this close. Small is strong evidence.",
    "probe": "A fixed question or text that every model is measured on.",
    "digest": "A fingerprint of a file: if one bit of the file changes, its digest changes.",
}


def sentence(report: Report) -> str:
    """The verdict in one sentence."""
    return SENTENCES[report.verdict.relation].format(**sentence_names(report))


def sentence_names(report: Report) -> dict[str, str]:
    """What the sentences of `SENTENCES` speak about."""
    return {
        "subject": short_name(report.subject.id),
        "reference": short_name(report.verdict.reference or "one of the reference models"),
        "references": _references(report.bank.references),
    }


def certainty(report: Report) -> str:
    """How sure the verdict is, in one sentence."""
    verdict = report.verdict
    if verdict.relation is Relation.INCONCLUSIVE:
        return "No relation is claimed, and none is ruled out."
    if any(one.same_weights for one in report.comparisons if one.reference == verdict.reference):
        return "How sure: certain. The weight files are the same, bit for bit."
    if verdict.probability is None:
        return "How sure: not calibrated. Error rates are not known for this bank, so no probability is given."
    p_value = "" if verdict.p_value is None else f" p-value: {p_value_text(verdict.p_value)}."
    return f"How sure: {probability(verdict.probability)}.{p_value}"


def probability(value: float | None) -> str:
    """A probability in percent; 100 % and 0 % only where they are exact."""
    if value is None:
        return NOT_CALIBRATED
    if value in (0, 1):
        return f"{value:.0%}".replace("%", " %")
    if value > 0.999:
        return "> 99.9 %"
    return "< 0.1 %" if value < 0.001 else f"{100 * value:.1f} %"


def relation_probability(one: Comparison) -> str:
    """How probable a comparison's relation is; the two most probable ones where it is inconclusive."""
    if not one.probabilities:
        return NOT_CALIBRATED
    if one.relation in one.probabilities:
        return probability(one.probabilities[one.relation])
    likely = sorted(one.probabilities.items(), key=lambda item: -item[1])[:2]
    return ", ".join(f"{relation.value} {probability(value)}" for relation, value in likely)


def p_value_text(value: float | None) -> str:
    """A p-value with 3 significant digits."""
    return NOT_CALIBRATED if value is None else number(value)


def number(value: float) -> str:
    """A number with 3 significant digits; one too small to matter says so."""
    if value == 0:
        return "0"
    if abs(value) < 0.0001:
        return "< 0.0001"
    return f"{value:,.0f}" if abs(value) >= 999.5 else f"{value:#.3g}".rstrip(".")


def distance(value: Distance | None) -> str:
    """An ABLE distance."""
    return NOT_MEASURED if value is None else number(value.cosine_distance)


def interval(value: Distance | None) -> str:
    """The 95 % confidence interval of an ABLE distance."""
    return "" if value is None else f"{number(value.ci95[0])} to {number(value.ci95[1])}"


def kl(value: KLDivergence) -> str:
    """A KL divergence in bits/byte with its standard error."""
    if value.bits_per_byte is None:
        return NOT_MEASURED
    error = "" if value.se is None else f" ± {number(value.se)}"
    return f"{number(value.bits_per_byte)}{error}"


def kl_place(value: KLDivergence) -> str:
    """Where it lies on the papers' scale; why it has no place there is a long story."""
    if value.bits_per_byte is None:
        return value.reason or "no reason is stated"
    return f"like: {band(value.scale_band)}" if value.scale_band else "outside the papers' scale"


def band(name: str) -> str:
    """A kind of change on the papers' scale in plain words."""
    return BANDS.get(name, name)


def nearest(report: Report) -> list[Comparison]:
    """All comparisons, the verdict's own first, then by distance; what was not measured comes last."""
    return sorted(report.comparisons, key=lambda one: (one.reference != report.verdict.reference, *_closeness(one)))


def counts(summary: Summary) -> str:
    """The outcomes that occurred, counted: `5 passed, 1 failed`."""
    numbers = {outcome: getattr(summary, outcome) for outcome in COUNTED}
    return ", ".join(f"{count} {outcome}" for outcome, count in numbers.items() if count) or "no checks ran"


def seconds(report: Report) -> float:
    """Seconds of measuring and checking."""
    return report.measurement.seconds + sum(check.seconds for check in report.checks)


def plural(count: int, noun: str) -> str:
    """`1 reference`, `2 references`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def _references(count: int) -> str:
    return "the one reference model" if count == 1 else f"any of the {count:,} reference models"


def _closeness(one: Comparison) -> tuple[bool, float, float, float, str]:
    contrast, paper = (view.cosine_distance if view else inf for view in (one.able.contrast, one.able.paper))
    bits = inf if one.kl.bits_per_byte is None else one.kl.bits_per_byte
    return (not one.same_weights, contrast, paper, bits, one.reference)
