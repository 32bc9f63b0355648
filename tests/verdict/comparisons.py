"""Comparisons with chosen numbers."""

from __future__ import annotations

from typing import Any

from provcheck.types import AbleDistances, Comparison, Distance, KLDivergence, Relation

KL_TEXTS = 40


def make_comparison(
    reference: str,
    interval: tuple[float, float, float] | None,
    kl_bits_per_byte: float | None = 1.0,
    **fields: Any,
) -> Comparison:
    """A comparison that nobody judged yet; `interval` is low end, distance, high end of the ABLE contrast view."""
    distance = None
    if interval is not None:
        low, middle, high = interval
        distance = Distance(cosine_distance=middle, ci95=(low, high))
    return Comparison(
        reference=reference,
        relation=fields.pop("relation", Relation.INCONCLUSIVE),
        probabilities=None,
        able=AbleDistances(paper=distance, contrast=distance, reason=None if distance else "no question was measured"),
        kl=KLDivergence(bits_per_byte=kl_bits_per_byte, se=None, scale_band=None, texts=KL_TEXTS),
        p_value=None,
        **fields,
    )


def exactly(distance: float) -> tuple[float, float, float]:
    """A distance without uncertainty."""
    return distance, distance, distance
