"""The calibrated judge: probabilities of the four relations, abstention, and a p-value for every reference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from provcheck.bank import Bank
from provcheck.types import Comparison, Floats, Measurement, NullDistribution, Relation
from provcheck.verdict.calibration import RANGE_MARGIN, Calibration
from provcheck.verdict.features import NAMES, Vectors, pair_features

MIN_NULL_PAIRS = 30
CONTRAST = NAMES.index("contrast_distance")


class CalibratedJudge:
    """Judges one measurement against the references asked, with the calibration of a bank.

    `limit` is the false-accusation rate that the policy accepts.
    """

    def __init__(
        self, calibration: Calibration, bank: Bank, measurement: Measurement, asked: Sequence[str], limit: float
    ) -> None:
        self._calibration = calibration
        self._limit = limit
        rows = {reference.id: row for row, reference in enumerate(bank.references)}
        subject = Vectors(
            measurement.contrast_blocks[None], measurement.paper_blocks[None], measurement.loglik_nats[None]
        )
        features = pair_features(bank, calibration.space, subject, frozenset(), [rows[id] for id in asked])
        self._features = dict(zip(asked, features, strict=True))
        p_values = _holm(calibration.null_distances, features[:, CONTRAST], len(bank.references))
        self._p_values = dict(zip(asked, p_values, strict=True))

    @property
    def name(self) -> str:
        """What is written into the report."""
        return describe(self._calibration)

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

    @property
    def null(self) -> NullDistribution | None:
        """Contrast distances of the independent pairs that it was calibrated on, in bins of 0.02."""
        machine, distances = self._calibration.related, self._calibration.null_distances
        steps = (self._calibration.facts.accuse_score - machine.intercept) / machine.weights[CONTRAST]
        edges = np.linspace(0, 1.2, 61)
        counts, _ = np.histogram(np.minimum(distances, edges[-1]), edges)
        return NullDistribution(
            edges=tuple(round(float(edge), 2) for edge in edges),
            counts=tuple(int(count) for count in counts),
            accuse_below=float(np.clip(machine.mean[CONTRAST] + steps * machine.scale[CONTRAST], 0, 2)),
        )

    def relate(self, comparison: Comparison) -> Comparison:
        """The comparison with relation, probabilities and Holm-corrected p-value."""
        features = self._features[comparison.reference][None]
        if not np.isfinite(features).all():
            relation = Relation.IDENTICAL if comparison.same_weights else Relation.INCONCLUSIVE
            return comparison.model_copy(update={"relation": relation})
        probabilities = self._probabilities(features)
        relation = Relation.IDENTICAL if comparison.same_weights else self._relation(features, probabilities)
        return comparison.model_copy(
            update={
                "relation": relation,
                "probabilities": probabilities,
                "p_value": self._p_values[comparison.reference],
            }
        )

    def explain(self, comparison: Comparison) -> tuple[str, ...]:
        """Why it was judged so, in plain sentences."""
        facts = self._calibration.facts
        contrast = comparison.able.contrast
        lines = []
        if comparison.same_weights:
            lines.append("The weight files are byte for byte those of the reference.")
        if contrast is not None:
            low, high = contrast.ci95
            lines.append(
                f"The ABLE contrast distance to {comparison.reference} is {contrast.cosine_distance:.3f} "
                f"(95 % interval {low:.3f} to {high:.3f})."
            )
        pairs = len(self._calibration.null_distances)
        if comparison.p_value is not None:
            lines.append(
                f"Among {pairs} pairs of independent models so small a distance has p = {comparison.p_value:.2g}, "
                "corrected for all references of the bank."
            )
        elif pairs < MIN_NULL_PAIRS:
            lines.append(
                f"No p-value: the judge knows only {pairs} pairs of independent models; at least {MIN_NULL_PAIRS} are "
                "needed."
            )
        if comparison.relation.related:
            lines.append(
                f"It is nearer than every one of the {facts.independent_pairs} pairs of independent models that the "
                "judge was calibrated on; with 95 % confidence fewer than "
                f"{facts.false_accusation_upper:.2%} of such pairs are."
            )
        return (*lines, *self._why_inconclusive(comparison))

    def _probabilities(self, features: Floats) -> dict[Relation, float]:
        c = self._calibration
        related, identical, same_recipe = (
            float(machine.probabilities(features)[0]) for machine in (c.related, c.identical, c.same_recipe)
        )
        return {
            Relation.IDENTICAL: related * identical,
            Relation.DERIVED: related * (1 - identical),
            Relation.SAME_RECIPE: (1 - related) * same_recipe,
            Relation.UNRELATED: (1 - related) * (1 - same_recipe),
        }

    def _relation(self, features: Floats, probabilities: dict[Relation, float]) -> Relation:
        facts = self._calibration.facts
        score = self._score(features)
        if not self._in_range(features) or facts.acquit_score < score <= facts.accuse_score:
            return Relation.INCONCLUSIVE
        if score > facts.accuse_score:
            if facts.false_accusation_upper > self._limit:
                return Relation.INCONCLUSIVE
            pair = (Relation.IDENTICAL, Relation.DERIVED)
        else:
            pair = (Relation.SAME_RECIPE, Relation.UNRELATED)
        return max(pair, key=probabilities.__getitem__)

    def _score(self, features: Floats) -> float:
        return float(self._calibration.related.scores(features)[0])

    def _in_range(self, features: Floats) -> bool:
        c = self._calibration
        margin = RANGE_MARGIN * (c.high - c.low)
        return bool(((features >= c.low - margin) & (features <= c.high + margin)).all())

    def _why_inconclusive(self, comparison: Comparison) -> tuple[str, ...]:
        if comparison.relation is not Relation.INCONCLUSIVE:
            return ()
        if comparison.probabilities is None:
            return ("Too few texts or questions were measured by both models.",)
        features, facts = self._features[comparison.reference][None], self._calibration.facts
        related = sum(value for relation, value in comparison.probabilities.items() if relation.related)
        if not self._in_range(features):
            why = "but the numbers lie outside the range that the judge was calibrated on"
        elif self._score(features) > facts.accuse_score:
            why = (
                f"but the judge may accuse wrongly in up to {facts.false_accusation_upper:.2%} of independent pairs, "
                f"more than the {self._limit:.2%} that the policy accepts"
            )
        else:
            why = "not enough to accuse, too much to acquit"
        return (f"The probability of being related is {related:.1%}, {why}.",)


def describe(calibration: Calibration) -> str:
    """The judge in one line: what it was fitted on and how often it accuses wrongly."""
    facts = calibration.facts
    return (
        f"SVM calibrated on {facts.bank} ({len(facts.roots)} roots, {facts.related_pairs} related pairs); it accuses "
        f"only beyond all {facts.independent_pairs} independent pairs, 95 % upper bound "
        f"{facts.false_accusation_upper:.2%}"
    )


def _holm(null: Floats, distances: Floats, references: int) -> list[float | None]:
    """For each distance the share of the null distribution at least as near, counting itself; Holm-corrected (1979).

    Corrected for all references of the bank: those asked are the nearest of them.
    """
    if len(null) < MIN_NULL_PAIRS:
        return [None] * len(distances)
    raw = (1 + np.searchsorted(null, distances, side="right")) / (1 + len(null))
    order = np.argsort(raw, kind="stable")
    steps = raw[order] * (references - np.arange(len(raw)))
    corrected = np.empty(len(raw))
    corrected[order] = np.minimum(1.0, np.maximum.accumulate(steps))
    return [float(value) for value in corrected]
