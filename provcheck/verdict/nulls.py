"""Null distributions: what independent pairs look like, p-values by them, histograms of them."""

from __future__ import annotations

import numpy as np

from provcheck.types import Floats, NullDistribution

MIN_NULL_PAIRS = 30

BINS = 60
SMALLEST_BIN = 1e-6
"""Edges are written with six decimals."""


def share_as_high(null: Floats, score: float) -> float:
    """The share of the sorted null distribution at least as high as the score, counting the score itself.

    NaN for an unknown score, and for too few pairs.
    """
    if len(null) < MIN_NULL_PAIRS or not np.isfinite(score):
        return np.nan
    return float((1 + len(null) - np.searchsorted(null, score, side="left")) / (1 + len(null)))


def smallest_p_value(pairs: int, hypotheses: int) -> float:
    """What a p-value by so many independent pairs cannot fall below, corrected for so many hypotheses."""
    return min(1.0, hypotheses / (1 + pairs))


def holm(shares: Floats, references: int) -> list[float | None]:
    """P-values corrected by Holm (1979), each by its own null distribution; None where it is NaN.

    `references`: how many are corrected for, although of a large bank only the nearest have a p-value here.
    """
    known = np.flatnonzero(np.isfinite(shares))
    corrected: list[float | None] = [None] * len(shares)
    highest = 0.0
    for rank, place in enumerate(known[np.argsort(shares[known], kind="stable")]):
        highest = max(highest, min(1.0, float(shares[place]) * (references - rank)))
        corrected[place] = highest
    return corrected


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


def _round_up(width: float) -> float:
    """The width rounded up to 1, 2, 2.5 or 5 times a power of ten."""
    width = max(width, SMALLEST_BIN)
    power = 10.0 ** np.floor(np.log10(width))
    return float(next(step * power for step in (1.0, 2.0, 2.5, 5.0, 10.0) if step * power >= width * (1 - 1e-9)))
