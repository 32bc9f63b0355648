"""Counts of pairs of models by a number, with a limit and the subject's own number."""

from __future__ import annotations

from matplotlib.axes import Axes

from provcheck import wording
from provcheck.rendering.pictures.palette import INK, KIN, MARK
from provcheck.rendering.pictures.sheet import Sheet
from provcheck.signals.describing import Histogram
from provcheck.types import Interval

WIDTH, HEIGHT = 620.0, 290.0
LEFT, TOP, RIGHT, FOOT = 72.0, 30.0, 14.0, 50.0
SUBJECT_AT = 0.3
"""Height of the subject's number, as a share of the highest bar."""


def histogram_svg(name: str, chart: Histogram, *, standalone: bool = False) -> str:
    """Bars, the limit as a dashed line, and the subject's number with its interval.

    Raises ValueError for a histogram whose bins and counts do not fit.
    """
    if len(chart.edges) != len(chart.counts) + 1 or sum(chart.counts) <= 0:
        raise ValueError("bins and counts do not fit")
    sheet = Sheet(name, WIDTH, HEIGHT)
    axes = sheet.chart(LEFT, TOP, RIGHT, FOOT)
    highest = max(chart.counts)
    axes.set(xlim=(chart.ruler.low, chart.ruler.high), ylim=(0, highest))
    sheet.ticks(axes, chart.ruler.ticks, chart.ruler.label)
    axes.set_yticks([0, highest], [sheet.words("0"), sheet.words(wording.plural(highest, "pair"))])
    axes.stairs(chart.counts, chart.edges, fill=True, color=MARK, edgecolor=MARK, linewidth=1, clip_on=False)
    _draw_limit(sheet, axes, chart.limit, chart.limit_label)
    if chart.own:
        words = chart.own_label or wording.number(chart.own.value)
        _draw_subject(sheet, axes, chart.own, SUBJECT_AT * highest, f"this model: {words}")
    return sheet.svg(chart.title, chart.description, standalone=standalone)


def _draw_limit(sheet: Sheet, axes: Axes, limit: float, label: str) -> None:
    top = axes.get_ylim()[1]
    axes.plot([limit, limit], [0, top], color=INK, linewidth=1.2, dashes=(4, 3), clip_on=False)
    beyond_middle = limit > sum(axes.get_xlim()) / 2
    sheet.write(axes, (limit, 1.06 * top), label, small=True, ha="right" if beyond_middle else "left")


def _draw_subject(sheet: Sheet, axes: Axes, own: Interval, height: float, text: str) -> None:
    at, ends = own.value, [own.low, own.high]
    axes.plot([at, at], [0, height], color=KIN, linewidth=1.5, clip_on=False)
    axes.plot(ends, [height, height], color=KIN, linewidth=3.5, alpha=0.45, solid_capstyle="butt", clip_on=False)
    axes.plot(ends, [height, height], "|", color=KIN, markersize=9, clip_on=False)
    axes.plot([at], [height], "o", color=KIN, markersize=9, clip_on=False)
    left, right = axes.get_xlim()
    far = at > left + 0.7 * (right - left)
    sheet.write(axes, (at, 1.35 * height), text, colour=KIN, weight="bold", ha="right" if far else "center")
