"""Rows of values with their intervals on one axis."""

from __future__ import annotations

from matplotlib.axes import Axes

from provcheck.rendering.pictures.labels import fitting, width_of, wrapped
from provcheck.rendering.pictures.palette import BOLD, INK, KIN, LINE, MARK, PAPER, SIZE, SMALL, SOFT
from provcheck.rendering.pictures.sheet import LINE_HEIGHT, Sheet
from provcheck.signals.describing import Dot, DotChart, Ruler

WIDTH, SIDE, TOP, TICKS = 360.0, 18.0, 4.0, 26.0
"""Pixels; the width is that of a phone, so that no picture must be shrunk on one."""

ROW, WORDS, LANE, GUIDE = 35.0, 9.0, 25.0, 7.0
"""A row: its height, where in it the words and the value stand, and how far a guide reaches above and below."""


def dots_svg(name: str, chart: DotChart, *, standalone: bool = False) -> str:
    """The rows from top to bottom: each a line of words with the value on the axis below them."""
    rows, ruler = chart.rows, chart.ruler
    label = wrapped(ruler.label, WIDTH - SIDE, SMALL)
    foot = TICKS + LINE_HEIGHT * len(label)
    sheet = Sheet(name, WIDTH, TOP + ROW * len(rows) + foot, chart.title, chart.description)
    axes = sheet.chart(SIDE, TOP, SIDE, foot)
    if ruler.logarithmic:
        axes.set_xscale("log")
    axes.set(xlim=(ruler.low, ruler.high), ylim=(ROW * len(rows), 0))
    sheet.ticks(axes, ruler.ticks, label)
    words = sheet.field(0, TOP, 0, foot)
    guides = [ruler.clip(row.value) for row in rows if row.guide and row.value is not None]
    for place, row in enumerate(rows):
        lane = ROW * place + LANE
        axes.plot([ruler.low, ruler.high], [lane, lane], color=LINE, linewidth=1, zorder=0, clip_on=False)
        axes.vlines(guides, lane - GUIDE, lane + GUIDE, color=LINE, linewidth=1.5, zorder=0, clip_on=False)
        _draw(axes, row, lane, ruler)
        _write(sheet, words, row, ROW * place + WORDS)
    return sheet.svg(standalone=standalone)


def _write(sheet: Sheet, axes: Axes, row: Dot, y: float) -> None:
    colour, weight = (KIN, "bold") if row.own else (INK, "normal")
    room = WIDTH - 3 * SIDE - BOLD * width_of(row.number)
    sheet.write(axes, (SIDE, y), fitting(row.label, room / BOLD, SIZE), colour=colour, weight=weight)
    right = (WIDTH - SIDE, y)
    sheet.write(axes, right, row.number, colour=KIN if row.own else SOFT, weight=weight, ha="right")


def _draw(axes: Axes, row: Dot, y: float, ruler: Ruler) -> None:
    if row.value is None:
        return
    colour = KIN if row.own else MARK
    if row.interval:
        ends = [ruler.clip(end) for end in row.interval]
        axes.plot(ends, [y, y], color=colour, linewidth=3.5, alpha=0.45, solid_capstyle="butt", clip_on=False)
        axes.plot(ends, [y, y], "|", color=colour, markersize=9, clip_on=False)
    inside = PAPER if row.hollow else colour
    axes.plot([ruler.clip(row.value)], [y], "o", color=colour, markerfacecolor=inside, markersize=8, clip_on=False)
