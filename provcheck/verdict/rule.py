"""A first, uncalibrated judge: is the subject nearer to a reference than independent models ever are in this bank?

It knows no error rates and says so; a calibrated judge takes its place when a bank carries one.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from provcheck.bank import Bank
from provcheck.comparison.distance import pairwise_distances
from provcheck.comparison.divergence import clip_floor, pairwise_divergences
from provcheck.types import Comparison, NullDistribution, Relation

RELATED_SHARE = 0.85
"""Related: the whole interval lies below this share of the smallest distance between independent references."""

INDEPENDENT_SHARE = 0.90
"""Independent: the whole interval lies above this share of it. Between the two the rule does not decide."""

IDENTICAL_DISTANCE = 0.05
"""Identical: related, and the whole interval of the contrast distance lies below this."""

MIN_PAIRS = 3
MAX_REFERENCES = 300
"""References of a large bank that the pairs are made from: evenly spaced."""


@dataclass(frozen=True)
class MarginRule:
    """What independent models of the bank look like to each other.

    smallest_distance: smallest ABLE contrast distance of `pairs` documented independent pairs; smallest_kl: smallest
    KL divergence in bits/byte of documented unrelated pairs; None where the bank has too few pairs.
    """

    pairs: int
    smallest_distance: float | None
    smallest_kl: float | None
    name: str = "margin rule (not calibrated)"
    limitation: str = (
        "The rule that judges here has no calibrated error rates yet; treat every relation as a lead to follow, not as "
        "proof."
    )

    @classmethod
    def from_bank(cls, bank: Bank) -> MarginRule:
        """Read the independent pairs off the bank's documented lineage."""
        rows = np.unique(np.linspace(0, len(bank.references) - 1, MAX_REFERENCES).astype(int))
        distances = pairwise_distances(bank.contrast_blocks[rows])
        floor, mean_bytes = clip_floor(bank.loglik_nats), bank.manifest.mean_text_bytes
        divergences = pairwise_divergences(bank.loglik_nats[rows], floor, mean_bytes)
        between, kl = [], []
        for i, j in combinations(range(len(rows)), 2):
            relation = bank.kinship.relation(bank.references[rows[i]].id, bank.references[rows[j]].id)
            if relation.independent and np.isfinite(distances[i, j]):
                between.append(distances[i, j])
            if relation is Relation.UNRELATED and np.isfinite(divergences[i, j]):
                kl.append(divergences[i, j])
        enough = len(between) >= MIN_PAIRS
        return cls(
            pairs=len(between),
            smallest_distance=float(min(between)) if enough else None,
            smallest_kl=float(min(kl)) if enough and kl else None,
        )

    @property
    def digest(self) -> str | None:
        """None: nothing was fitted."""
        return None

    @property
    def null(self) -> NullDistribution | None:
        """None: the pairs of a bank without a calibrated judge are too few for a distribution."""
        return None

    def relate(self, comparison: Comparison) -> Comparison:
        """The comparison with its relation; probabilities and p-value stay None, for the rule has none."""
        return comparison.model_copy(update={"relation": self._relation(comparison)})

    def _relation(self, comparison: Comparison) -> Relation:
        if comparison.same_weights:
            return Relation.IDENTICAL
        contrast = comparison.able.contrast
        if contrast is None or self.smallest_distance is None:
            return Relation.INCONCLUSIVE
        low, high = contrast.ci95
        if high < RELATED_SHARE * self.smallest_distance:
            return Relation.IDENTICAL if high < IDENTICAL_DISTANCE else Relation.DERIVED
        if low > INDEPENDENT_SHARE * self.smallest_distance:
            return self._independent(comparison.kl.bits_per_byte)
        return Relation.INCONCLUSIVE

    def _independent(self, kl_bits_per_byte: float | None) -> Relation:
        """Nearer in behaviour than unrelated references ever are, without kinship of weights: the same recipe."""
        near = kl_bits_per_byte is not None and self.smallest_kl is not None and kl_bits_per_byte < self.smallest_kl
        return Relation.SAME_RECIPE if near else Relation.UNRELATED

    def explain(self, comparison: Comparison) -> tuple[str, ...]:
        """Why it was judged so, in plain sentences."""
        if comparison.same_weights:
            return ("The weight files are byte for byte those of the reference.",)
        contrast = comparison.able.contrast
        if contrast is None:
            return (comparison.able.reason or "The ABLE distance could not be measured.",)
        if self.smallest_distance is None:
            return (
                f"The bank documents only {self.pairs} pairs of independent models; at least {MIN_PAIRS} are needed "
                "to know how far apart independent models lie.",
            )
        low, high = contrast.ci95
        return (
            f"The ABLE contrast distance to {comparison.reference} is {contrast.cosine_distance:.3f} "
            f"(95 % interval {low:.3f} to {high:.3f}).",
            f"The nearest two of the bank's {self.pairs} pairs of independent models are "
            f"{self.smallest_distance:.3f} apart.",
            "This rule has no calibrated error rates yet.",
        )
