"""What the log-likelihoods say about two models."""

from __future__ import annotations

from pydantic import Field

from provcheck.types import Comparison, Count, Positive, SignalValues

LOGLIK = "loglik"
"""Name of the array: (N,) log-likelihood of each text in nats, NaN where it was left out."""


MAX_KL = 2.0
"""bits/byte up to which KL is told. It is estimated by half the variance of a log-likelihood ratio, which holds for
models that are near; far apart, a few texts on which one of the two fails dominate it."""


class LikelihoodValues(SignalValues):
    """KL divergence in bits/byte; `scale_band` is its place on the papers' scale, or None with `reason`."""

    bits_per_byte: Positive
    se: Positive
    winsorised_bits_per_byte: Positive = Field(description="the same, robust against a few texts; the judge reads it")
    scale_band: str | None
    reason: str | None = None
    texts: Count = Field(description="texts that both models measured")

    @property
    def beyond_range(self) -> bool:
        """Whether the two models are too far apart for the number to say how far."""
        return self.bits_per_byte >= MAX_KL


def likelihood_of(comparison: Comparison | None) -> LikelihoodValues | None:
    """The log-likelihoods' values in a comparison; None if there are none."""
    found = comparison.signals.get("likelihood") if comparison else None
    return found if isinstance(found, LikelihoodValues) else None
