"""Comparisons with chosen numbers."""

from __future__ import annotations

from typing import Any

from provcheck.signals.able.values import AbleValues, Distance
from provcheck.signals.likelihood.values import LikelihoodValues
from provcheck.types import Comparison, NotMeasured, SignalValues

KL_TEXTS = 40


def make_comparison(
    reference: str,
    interval: tuple[float, float, float] | None,
    kl_bits_per_byte: float | None = 1.0,
    **fields: Any,
) -> Comparison:
    """A comparison that nobody judged yet; `interval` is low end, distance, high end of both ABLE views."""
    signals = {"able": able_values(interval), "likelihood": likelihood_values(kl_bits_per_byte)}
    return Comparison(reference=reference, signals=signals, **fields)


def able_values(interval: tuple[float, float, float] | None) -> SignalValues | NotMeasured:
    """Both views at that distance."""
    if interval is None:
        return NotMeasured(not_measured="no question was measured")
    low, middle, high = interval
    distance = Distance(cosine_distance=middle, ci95=(low, high))
    return AbleValues(paper=distance, contrast=distance)


def likelihood_values(kl_bits_per_byte: float | None) -> SignalValues | NotMeasured:
    """A divergence without a standard error."""
    if kl_bits_per_byte is None:
        return NotMeasured(not_measured="no text was measured")
    return LikelihoodValues(
        bits_per_byte=kl_bits_per_byte,
        se=0.0,
        winsorised_bits_per_byte=kl_bits_per_byte,
        scale_band=None,
        texts=KL_TEXTS,
    )


def exactly(distance: float) -> tuple[float, float, float]:
    """A distance without uncertainty."""
    return distance, distance, distance
