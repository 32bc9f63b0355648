"""The calibrated judge: probabilities of the four relations, abstention, and a p-value for every reference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from provcheck.signals import features_of, find_signal
from provcheck.types import Comparison, Floats, JudgeFacts, NotMeasured, NullDistribution, Relation, SignalValues
from provcheck.verdict.calibration import IDENTICAL, SAME_RECIPE, Calibration

MIN_NULL_PAIRS = 30

RANGE_MARGIN = 0.1
"""Features may lie outside the range of the calibration pairs by this share of it."""

BINS = 60
SMALLEST_BIN = 1e-6
"""Edges are written with six decimals."""


class CalibratedJudge:
    """Judges comparisons with the calibration of a bank.

    `references`: their number in the bank, which p-values are corrected for; `limit`: the false-accusation rate that
    the policy accepts.
    """

    def __init__(self, calibration: Calibration, references: int, limit: float) -> None:
        self._calibration = calibration
        self._references = references
        self._limit = limit

    @property
    def facts(self) -> JudgeFacts:
        """What is written into the report."""
        found = self._calibration.facts
        return JudgeFacts(
            name=describe(self._calibration),
            features=found.features,
            accuse_above=found.accuse_above,
            acquit_up_to=found.acquit_up_to,
            null=self._null(),
        )

    @property
    def digest(self) -> str | None:
        """sha256 of the calibration's file."""
        return self._calibration.digest

    @property
    def limitation(self) -> str:
        """What the error rates do not cover."""
        return (
            f"The judge's error rates were measured on the models of the bank {self._calibration.facts.bank}; on "
            "models that are very unlike these they may be higher. Their bounds count pairs as independent, although "
            "many pairs share a model."
        )

    @cached_property
    def signals(self) -> tuple[str, ...]:
        """The signals whose features it reads."""
        return tuple(dict.fromkeys(name.partition(".")[0] for name in self._calibration.facts.features))

    def judge(self, comparisons: Sequence[Comparison]) -> tuple[Comparison, ...]:
        """The comparisons with relation, probabilities, score and Holm-corrected p-value."""
        features = [features_of(comparison) for comparison in comparisons]
        scores = [self._calibration.related.score(found) for found in features]
        p_values = holm(self._calibration.null_scores, np.array(scores), self._references)
        return tuple(self._judged(*one) for one in zip(comparisons, features, scores, p_values, strict=True))

    def explain(self, comparison: Comparison) -> tuple[str, ...]:
        """Why it was judged so, in plain sentences."""
        lines = ["The weight files are byte for byte those of the reference."] if comparison.same_weights else []
        lines += [line for name in self.signals for line in _reasons(name, comparison)]
        return (*lines, *self._p_value(comparison), *self._rank(comparison), *self._why_inconclusive(comparison))

    def _null(self) -> dict[str, NullDistribution]:
        """Histograms, over the independent pairs, of the features that decide whether two models are related."""
        machine = self._calibration.related
        return {
            name: histogram(self._calibration.null_features[name], rises=weight > 0)
            for name, weight in zip(machine.features, machine.weights, strict=True)
        }

    def _judged(
        self, comparison: Comparison, features: Mapping[str, float], score: float, p_value: float | None
    ) -> Comparison:
        if any(name not in features for name in self._calibration.facts.features):
            relation = Relation.IDENTICAL if comparison.same_weights else Relation.INCONCLUSIVE
            return comparison.model_copy(update={"relation": relation})
        probabilities = self._probabilities(features)
        relation = Relation.IDENTICAL if comparison.same_weights else self._relation(features, score, probabilities)
        found = {"relation": relation, "probabilities": probabilities, "score": score, "p_value": p_value}
        return comparison.model_copy(update=found)

    def _probabilities(self, features: Mapping[str, float]) -> dict[Relation, float]:
        machines = self._calibration.machines
        related = self._calibration.related.probability(features)
        identical, same_recipe = (machines[name].probability(features) for name in (IDENTICAL, SAME_RECIPE))
        return {
            Relation.IDENTICAL: related * identical,
            Relation.DERIVED: related * (1 - identical),
            Relation.SAME_RECIPE: (1 - related) * same_recipe,
            Relation.UNRELATED: (1 - related) * (1 - same_recipe),
        }

    def _relation(
        self, features: Mapping[str, float], score: float, probabilities: Mapping[Relation, float]
    ) -> Relation:
        facts = self._calibration.facts
        if not self._in_range(features) or facts.acquit_up_to < score <= facts.accuse_above:
            return Relation.INCONCLUSIVE
        pair = (Relation.SAME_RECIPE, Relation.UNRELATED)
        if score > facts.accuse_above:
            if facts.false_accusation_upper > self._limit:
                return Relation.INCONCLUSIVE
            pair = (Relation.IDENTICAL, Relation.DERIVED)
        return max(pair, key=probabilities.__getitem__)

    def _in_range(self, features: Mapping[str, float]) -> bool:
        c = self._calibration
        values = np.array([features[name] for name in c.facts.features])
        margin = RANGE_MARGIN * (c.high - c.low)
        return bool(((values >= c.low - margin) & (values <= c.high + margin)).all())

    def _p_value(self, comparison: Comparison) -> list[str]:
        pairs = len(self._calibration.null_scores)
        if comparison.p_value is not None:
            return [
                f"Among {pairs} pairs of independent models so high a score has p = {comparison.p_value:.2g}, "
                "corrected for all references of the bank."
            ]
        if pairs < MIN_NULL_PAIRS:
            return [
                f"No p-value: the judge knows only {pairs} pairs of independent models; at least {MIN_NULL_PAIRS} are "
                "needed."
            ]
        return []

    def _rank(self, comparison: Comparison) -> list[str]:
        """How the score ranks among independent pairs; stated only for a score above all of them."""
        facts, score = self._calibration.facts, comparison.score
        if not comparison.relation.related or score is None or score <= self._calibration.null_scores[-1]:
            return []
        return [
            f"The judge scores it above every one of the {facts.independent_pairs} pairs of independent models that it "
            f"was calibrated on; with 95 % confidence fewer than {facts.false_accusation_upper:.2%} of such pairs "
            "score so high."
        ]

    def _why_inconclusive(self, comparison: Comparison) -> list[str]:
        if comparison.relation is not Relation.INCONCLUSIVE:
            return []
        features, facts = features_of(comparison), self._calibration.facts
        if comparison.probabilities is None or comparison.score is None:
            return self._what_is_missing(comparison, features)
        if not self._in_range(features):
            why = "but the numbers lie outside the range that the judge was calibrated on"
        elif comparison.score > facts.accuse_above:
            why = (
                f"but the judge may accuse wrongly in up to {facts.false_accusation_upper:.2%} of independent pairs, "
                f"more than the {self._limit:.2%} that the policy accepts"
            )
        else:
            why = "not enough to accuse, too much to acquit"
        return [f"The probability of being related is {comparison.related_probability:.1%}, {why}."]

    def _what_is_missing(self, comparison: Comparison, features: Mapping[str, float]) -> list[str]:
        missing = dict.fromkeys(
            name.partition(".")[0] for name in self._calibration.facts.features if name not in features
        )
        return [_missing(name, comparison.signals.get(name)) for name in missing]


def describe(calibration: Calibration) -> str:
    """The judge in one line: what it was fitted on and how often it accuses wrongly."""
    facts = calibration.facts
    return (
        f"SVM calibrated on {facts.bank} ({len(facts.roots)} roots, {facts.related_pairs} related pairs); it accuses "
        f"only beyond all {facts.independent_pairs} independent pairs, 95 % upper bound "
        f"{facts.false_accusation_upper:.2%}"
    )


def histogram(values: Floats, *, rises: bool) -> NullDistribution:
    """A feature's sorted values on independent pairs, in 60 bins of a round width, from 0 unless some are negative.

    `rises`: whether larger values look more like those of related pairs.
    """
    low, high = min(0.0, float(values[0])), float(values[-1])
    width = _round_up((high - low) / BINS)
    start = np.floor(low / width) * width
    edges = start + width * np.arange(BINS + 1)
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return NullDistribution(
        edges=tuple(round(float(edge), 6) for edge in edges),
        counts=tuple(int(count) for count in counts),
        nearest=float(values[-1 if rises else 0]),
    )


def holm(null: Floats, scores: Floats, references: int) -> list[float | None]:
    """For each score, the share of the null distribution at least as high, counting itself; Holm-corrected (1979).

    Corrected for all references of the bank, although only the nearest have scores here. None for an unknown score.
    """
    known = np.flatnonzero(np.isfinite(scores))
    corrected: list[float | None] = [None] * len(scores)
    if len(null) < MIN_NULL_PAIRS:
        return corrected
    raw = (1 + len(null) - np.searchsorted(null, scores[known], side="left")) / (1 + len(null))
    highest = 0.0
    for rank, place in enumerate(np.argsort(raw, kind="stable")):
        highest = max(highest, min(1.0, float(raw[place]) * (references - rank)))
        corrected[known[place]] = highest
    return corrected


def _round_up(width: float) -> float:
    """The width rounded up to 1, 2, 2.5 or 5 times a power of ten."""
    width = max(width, SMALLEST_BIN)
    power = 10.0 ** np.floor(np.log10(width))
    return float(next(step * power for step in (1.0, 2.0, 2.5, 5.0, 10.0) if step * power >= width * (1 - 1e-9)))


def _reasons(name: str, comparison: Comparison) -> tuple[str, ...]:
    values = comparison.signals.get(name)
    return find_signal(name).reasons(values, comparison.reference) if isinstance(values, SignalValues) else ()


def _missing(name: str, values: SignalValues | NotMeasured | None) -> str:
    why = values.not_measured if isinstance(values, NotMeasured) else "no reason is stated"
    return f"{find_signal(name).title} could not be compared: {why}."
