"""Counts of pairs of models by a number, with a limit and the subject's own number."""

from __future__ import annotations

from matplotlib.axes import Axes

from provcheck import wording
from provcheck.rendering.pictures.labels import width_of, wrapped
from provcheck.rendering.pictures.palette import BOLD, INK, KIN, MARK, SIZE, SMALL, SOFT
from provcheck.rendering.pictures.sheet import LINE_HEIGHT, Sheet
from provcheck.signals.describing import Histogram
from provcheck.types import Interval

WIDTH, SIDE, TOP, BARS, TICKS = 360.0, 14.0, 42.0, 130.0, 26.0
HEIGHT_WORDS, LIMIT_WORDS = 10.0, 29.0
"""Where the words above the bars stand, from the top of the sheet."""

SUBJECT_AT, SUBJECT_WORDS = 0.3, 0.42
"""Height of the subject's number, and of its words, as a share of the highest bar."""


def histogram_svg(name: str, chart: Histogram, *, standalone: bool = False) -> str:
    """Bars, the limit as a dashed line, and the subject's number with its interval.

    Raises ValueError for a histogram whose bins and counts do not fit.
    """
    if len(chart.edges) != len(chart.counts) + 1 or sum(chart.counts) <= 0:
        raise ValueError("bins and counts do not fit")
    label = wrapped(chart.ruler.label, WIDTH - SIDE, SMALL)
    foot = TICKS + LINE_HEIGHT * len(label)
    sheet = Sheet(name, WIDTH, TOP + BARS + foot, chart.title, chart.description)
    axes, highest = sheet.chart(SIDE, TOP, SIDE, foot), max(chart.counts)
    axes.set(xlim=(chart.ruler.low, chart.ruler.high), ylim=(0, highest), yticks=[])
    sheet.ticks(axes, chart.ruler.ticks, label)
    axes.stairs(chart.counts, chart.edges, fill=True, color=MARK, edgecolor=MARK, linewidth=1, clip_on=False)
    axes.plot([chart.limit] * 2, [0, highest], color=INK, linewidth=1.2, dashes=(4, 3), clip_on=False)
    words = sheet.field(SIDE)
    highest_bar = f"highest bar: {wording.plural(highest, 'pair')}"
    sheet.write(words, (0, HEIGHT_WORDS), highest_bar, colour=SOFT, small=True)
    at = _centre(axes, chart.limit, width_of(chart.limit_label, SMALL))
    sheet.write(words, (at, LIMIT_WORDS), chart.limit_label, small=True, ha="center")
    if chart.own:
        _draw_subject(axes, chart.own, SUBJECT_AT * highest)
        text = f"this model: {chart.own_label or wording.number(chart.own.value)}"
        place = (_centre(axes, chart.own.value, BOLD * width_of(text, SIZE)), TOP + BARS * (1 - SUBJECT_WORDS))
        sheet.write(words, place, text, colour=KIN, weight="bold", ha="center")
    return sheet.svg(standalone=standalone)


def _centre(axes: Axes, value: float, wide: float) -> float:
    """Where words of that width stand above a value, in pixels of the axes, without leaving the sheet."""
    low, high = axes.get_xlim()
    room = WIDTH - 2 * SIDE
    return min(max(room * (value - low) / (high - low), wide / 2), room - wide / 2)


def _draw_subject(axes: Axes, own: Interval, height: float) -> None:
    at, ends = own.value, [own.low, own.high]
    axes.plot([at, at], [0, height], color=KIN, linewidth=1.5, clip_on=False)
    axes.plot(ends, [height, height], color=KIN, linewidth=3.5, alpha=0.45, solid_capstyle="butt", clip_on=False)
    axes.plot(ends, [height, height], "|", color=KIN, markersize=9, clip_on=False)
    axes.plot([at], [height], "o", color=KIN, markersize=9, clip_on=False)
