"""Distances on each category of questions as a picture."""

from __future__ import annotations

from collections.abc import Sequence

from provcheck.rendering import wording
from provcheck.rendering.pictures.dots import Dot, Ruler, dots_sheet
from provcheck.types import Agreement, Distance

ENDS = 2.0
"""No cosine distance is larger."""


def agreement_svg(overall: Distance | None, categories: Sequence[Agreement], *, standalone: bool = False) -> str:
    """One row for all questions and one for each category: ABLE contrast distance with its 95 % interval."""
    rows = [_row("all questions", overall, own=True), *(_row(one.category, one.distance) for one in categories)]
    high = min(ENDS, max([1.0, *(row.interval[1] for row in rows if row.interval)]))
    ticks = {step / 5: f"{step / 5:g}" for step in range(int(5 * high) + 1)}
    ruler = Ruler(0.0, high, ticks, wording.DISTANCE_AXIS)
    sheet = dots_sheet("agreement", rows, ruler)
    return sheet.svg("Agreement by category of questions", describe_agreement(categories), standalone=standalone)


def describe_agreement(categories: Sequence[Agreement]) -> str:
    """What the picture shows, in words."""
    each = (f"{one.category} {wording.distance(one.distance)}" for one in categories)
    return f"ABLE contrast distance by category of questions: {', '.join(each)}."


def _row(label: str, distance: Distance | None, *, own: bool = False) -> Dot:
    if distance is None:
        return Dot(label, wording.NOT_MEASURED, None)
    return Dot(label, wording.number(distance.cosine_distance), distance.cosine_distance, distance.ci95, own, guide=own)
