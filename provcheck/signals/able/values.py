"""What ABLE says about two models."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from provcheck.signals.able.cosine import Distances, cosine_distances
from provcheck.types import Comparison, CosineDistance, Count, Floats, Interval, Record, SignalValues

PAPER, CONTRAST = "able_paper_blocks", "able_contrast_blocks"
"""Names of the arrays: (B, 256) projected attributions of each block of questions, in the two views."""

SHARED_START_DISTANCE = 0.6
"""Models that share a recipe and their random initialisation come as near as 0.61 in the zoo's calibration split, in
the contrast view. A bank may know no such pair, so nobody is accused by a distance down to this."""


class Distance(Record):
    """Cosine distance of two ABLE embeddings with a 95 % bootstrap interval over blocks of questions."""

    cosine_distance: CosineDistance
    ci95: tuple[CosineDistance, CosineDistance] | None = Field(description="null where no interval was computed")

    @property
    def interval(self) -> Interval:
        """The same as an `Interval`; if no interval was computed, both ends are the value."""
        low, high = self.ci95 or (self.cosine_distance, self.cosine_distance)
        return Interval(value=self.cosine_distance, low=low, high=high)


class CategoryDistance(Record):
    """How far apart two models are on the questions of one category (contrast view)."""

    category: str
    blocks: Count = Field(description="blocks of questions of that category")
    distance: Distance | None


class AbleValues(SignalValues):
    """Distances in both views; `categories` only for the reference that the verdict speaks about."""

    paper: Distance
    contrast: Distance
    categories: tuple[CategoryDistance, ...] = ()


def able_of(comparison: Comparison | None) -> AbleValues | None:
    """ABLE's values in a comparison; None if there are none."""
    found = comparison.signals.get("able") if comparison else None
    return found if isinstance(found, AbleValues) else None


def distance_at(found: Distances, place: int) -> Distance | None:
    """The distance to one reference, or None for a model without attributions."""
    if not np.isfinite(found.value[place]):
        return None
    ci95 = None if found.low is None or found.high is None else (float(found.low[place]), float(found.high[place]))
    return Distance(cosine_distance=float(found.value[place]), ci95=ci95)


def by_category(subject: Floats, other: Floats, categories: dict[str, int]) -> tuple[CategoryDistance, ...]:
    """Contrast distance of two models' blocks (B, K) on each category alone, in the order of the probe set.

    A few questions tell less than all: the intervals are wide, and no judge reads these numbers.
    """
    found, start = [], 0
    for category, count in categories.items():
        part = slice(start, start := start + count)
        distance = distance_at(cosine_distances(subject[part], other[None, part]), 0)
        found.append(CategoryDistance(category=category, blocks=count, distance=distance))
    return tuple(found)
