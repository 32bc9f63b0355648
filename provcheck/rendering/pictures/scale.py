"""The measured KL divergence among the kinds of change on the papers' scale, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log10

from provcheck.rendering import wording
from provcheck.rendering.pictures.dots import Dot, Ruler, dots_sheet
from provcheck.types import KLBand, KLDivergence

MAX_TICKS = 8
SMALLEST, LARGEST = 1e-6, 1e6
"""bits/byte; an axis by powers of ten has no 0. What lies beyond is drawn on the end of the axis."""

STEPS = "each step is ten times the one before"
OUTSIDE = "the papers' scale does not apply to these models"


def scale_svg(kl: KLDivergence, bands: Sequence[KLBand], *, standalone: bool = False) -> str:
    """One row for the measured value with its standard error, and one for each band's median. Unit: bits/byte.

    The bands are hollow where the scale does not apply. Raises ValueError when the value was not measured.
    """
    if kl.bits_per_byte is None:
        raise ValueError("there is no value")
    applies, error = kl.scale_band is not None, kl.se or 0.0
    interval = (kl.bits_per_byte - error, kl.bits_per_byte + error) if error else None
    rows = [Dot("measured here", wording.kl(kl), kl.bits_per_byte, interval, own=True, guide=True)]
    rows += [Dot(wording.band(one.name), wording.number(one.median), one.median, hollow=not applies) for one in bands]
    ruler = _ruler(
        [row.value for row in rows if row.value],
        error,
        f"bits per byte; {STEPS if applies else OUTSIDE}",
    )
    sheet = dots_sheet("scale", rows, ruler)
    return sheet.svg("KL divergence on the papers' scale", describe_scale(kl, bands), standalone=standalone)


def describe_scale(kl: KLDivergence, bands: Sequence[KLBand]) -> str:
    """What the picture shows, in words."""
    medians = ", ".join(f"{wording.band(band.name)} {wording.number(band.median)}" for band in bands)
    place = f"like: {wording.band(kl.scale_band)}" if kl.scale_band else "the papers' scale does not apply"
    against = f" The papers' medians: {medians}." if bands else ""
    return f"Measured: {wording.kl(kl)} bits per byte, {place}.{against}"


def _ruler(values: Sequence[float], error: float, label: str) -> Ruler:
    low = floor(log10(max(SMALLEST, min(values, default=1.0))))
    high = max(low + 1, ceil(log10(min(LARGEST, max(SMALLEST, max(values, default=1.0) + error)))))
    step = ceil((high - low + 1) / MAX_TICKS)
    ticks = {10.0**power: f"{10.0**power:,g}" for power in range(low, high + 1, step)}
    return Ruler(10.0**low, 10.0**high, ticks, label, logarithmic=True)
