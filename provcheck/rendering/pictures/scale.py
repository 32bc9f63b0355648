"""The measured KL divergence among the kinds of change on the papers' scale, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log10

from provcheck.rendering import wording
from provcheck.rendering.pictures.dots import Dot, Ruler, dots_sheet
from provcheck.types import KLBand, KLDivergence

MAX_TICKS = 8
SMALLEST = 1e-6
"""bits/byte; an axis by powers of ten has no 0, and less than this is drawn on its left end."""


def scale_svg(kl: KLDivergence, bands: Sequence[KLBand], *, standalone: bool = False) -> str:
    """One row for the measured value with its standard error, and one for each band's median. Unit: bits/byte.

    Raises ValueError when the value was not measured.
    """
    if kl.bits_per_byte is None:
        raise ValueError("there is no value")
    error = kl.se or 0.0
    interval = (kl.bits_per_byte - error, kl.bits_per_byte + error) if kl.se is not None else None
    own = Dot("measured here", wording.kl(kl), kl.bits_per_byte, interval, own=True, guide=True)
    others = [Dot(wording.band(band.name), wording.number(band.median), band.median) for band in bands]
    sheet = dots_sheet("scale", [own, *others], _ruler([dot.value for dot in (own, *others) if dot.value], error))
    return sheet.svg("KL divergence on the papers' scale", describe_scale(kl, bands), standalone=standalone)


def describe_scale(kl: KLDivergence, bands: Sequence[KLBand]) -> str:
    """What the picture shows, in words."""
    medians = ", ".join(f"{wording.band(band.name)} {wording.number(band.median)}" for band in bands)
    place = f"nearest to {wording.band(kl.scale_band)}" if kl.scale_band else "without a place on the papers' scale"
    against = f" The papers' medians: {medians}." if bands else ""
    return f"Measured: {wording.kl(kl)} bits per byte, {place}.{against}"


def _ruler(values: Sequence[float], error: float) -> Ruler:
    low = floor(log10(max(SMALLEST, min(values, default=1.0))))
    high = max(low + 1, ceil(log10(max(SMALLEST, max(values, default=1.0) + error))))
    step = ceil((high - low + 1) / MAX_TICKS)
    ticks = {10.0**power: f"{10.0**power:,g}" for power in range(low, high + 1, step)}
    return Ruler(10.0**low, 10.0**high, ticks, "bits per byte; each step is ten times the one before", logarithmic=True)
