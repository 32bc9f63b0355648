"""The subject's distance against those of independent models, as a picture."""

from __future__ import annotations

from matplotlib.axes import Axes

from provcheck.rendering import wording
from provcheck.rendering.pictures.palette import INK, KIN, MARK
from provcheck.rendering.pictures.sheet import Sheet
from provcheck.types import Distance, NullDistribution

WIDTH, HEIGHT = 620.0, 290.0
LEFT, TOP, RIGHT, FOOT = 72.0, 30.0, 14.0, 50.0
SUBJECT_AT = 0.3
"""Height of the subject's distance, in parts of the highest bar."""


def null_svg(null: NullDistribution, distance: Distance | None, *, standalone: bool = False) -> str:
    """A histogram of the independent pairs, the line below which the judge accuses, and the subject's own distance.

    Raises ValueError for a histogram whose bins and counts do not fit.
    """
    if len(null.edges) != len(null.counts) + 1 or sum(null.counts) <= 0:
        raise ValueError("bins and counts do not fit")
    sheet = Sheet("null", WIDTH, HEIGHT)
    axes = sheet.chart(LEFT, TOP, RIGHT, FOOT)
    highest, right = max(null.counts), max(1.0, null.edges[-1], distance.ci95[1] if distance else 0)
    axes.set(xlim=(min(0.0, null.edges[0]), right), ylim=(0, highest))
    ticks = {step / 5: f"{step / 5:g}" for step in range(int(5 * right) + 1)}
    sheet.ticks(axes, ticks, wording.DISTANCE_AXIS)
    axes.set_yticks([0, highest], [sheet.words("0"), sheet.words(wording.plural(highest, "pair"))])
    axes.stairs(null.counts, null.edges, fill=True, color=MARK, edgecolor=MARK, linewidth=1, clip_on=False)
    _draw_limit(sheet, axes, null.accuse_below)
    if distance:
        _draw_subject(sheet, axes, distance, SUBJECT_AT * highest)
    return sheet.svg("Distance against independent models", describe_null(null, distance), standalone=standalone)


def describe_null(null: NullDistribution, distance: Distance | None) -> str:
    """What the picture shows, in words."""
    own = f"{wording.distance(distance)} ({wording.CI95} {wording.interval(distance)})" if distance else "not measured"
    most = null.counts.index(max(null.counts))
    return (
        f"The subject's distance: {own}. Of {sum(null.counts):,} pairs of independent models, the nearest has "
        f"{wording.number(null.accuse_below)}; most often it is between {wording.number(null.edges[most])} and "
        f"{wording.number(null.edges[most + 1])}."
    )


def _draw_limit(sheet: Sheet, axes: Axes, limit: float) -> None:
    top = axes.get_ylim()[1]
    axes.plot([limit, limit], [0, top], color=INK, linewidth=1.2, dashes=(4, 3), clip_on=False)
    text = f"a relation is claimed only below {wording.number(limit)}"
    beyond_middle = limit > sum(axes.get_xlim()) / 2
    sheet.write(axes, (limit, 1.06 * top), text, small=True, ha="right" if beyond_middle else "left")


def _draw_subject(sheet: Sheet, axes: Axes, distance: Distance, height: float) -> None:
    at, ends = distance.cosine_distance, list(distance.ci95)
    axes.plot([at, at], [0, height], color=KIN, linewidth=1.5, clip_on=False)
    axes.plot(ends, [height, height], color=KIN, linewidth=3.5, alpha=0.45, solid_capstyle="butt", clip_on=False)
    axes.plot(ends, [height, height], "|", color=KIN, markersize=9, clip_on=False)
    axes.plot([at], [height], "o", color=KIN, markersize=9, clip_on=False)
    text = f"this model: {wording.number(at)}"
    left, right = axes.get_xlim()
    far = at > left + 0.7 * (right - left)
    sheet.write(axes, (at, 1.35 * height), text, colour=KIN, weight="bold", ha="right" if far else "center")
