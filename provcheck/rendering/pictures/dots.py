"""Rows of values with their intervals on one axis."""

from __future__ import annotations

from matplotlib.axes import Axes

from provcheck.rendering.pictures.labels import fitting
from provcheck.rendering.pictures.palette import INK, KIN, LINE, MARK, PAPER, SOFT
from provcheck.rendering.pictures.sheet import Sheet
from provcheck.signals.describing import Dot, DotChart, Ruler

WIDTH, ROW, TOP, FOOT = 620.0, 30.0, 8.0, 50.0
LABELS, NUMBERS, GAP = 206.0, 154.0, 14.0


def dots_svg(name: str, chart: DotChart, *, standalone: bool = False) -> str:
    """The rows from top to bottom."""
    rows, ruler = chart.rows, chart.ruler
    sheet = Sheet(name, WIDTH, TOP + ROW * len(rows) + FOOT)
    axes = sheet.chart(LABELS, TOP, NUMBERS, FOOT)
    if ruler.logarithmic:
        axes.set_xscale("log")
    axes.set(xlim=(ruler.low, ruler.high), ylim=(len(rows) - 0.5, -0.5))
    sheet.ticks(axes, ruler.ticks, ruler.label)
    sides = sheet.field(0, TOP, 0, FOOT)
    for place, row in enumerate(rows):
        _draw(axes, row, place, ruler)
        _write(sheet, sides, row, ROW * (place + 0.5))
    return sheet.svg(chart.title, chart.description, standalone=standalone)


def _write(sheet: Sheet, sides: Axes, row: Dot, y: float) -> None:
    colour, weight = (KIN, "bold") if row.own else (INK, "normal")
    label = fitting(row.label, LABELS - GAP)
    sheet.write(sides, (LABELS - GAP, y), label, colour=colour, weight=weight, ha="right")
    sheet.write(sides, (WIDTH - NUMBERS + GAP, y), row.number, colour=KIN if row.own else SOFT, weight=weight)


def _draw(axes: Axes, row: Dot, place: int, ruler: Ruler) -> None:
    if row.value is None:
        return
    if row.guide:
        axes.axvline(ruler.clip(row.value), color=LINE, linewidth=1.5, zorder=0, clip_on=False)
    colour = KIN if row.own else MARK
    if row.interval:
        ends = [ruler.clip(end) for end in row.interval]
        axes.plot(ends, [place, place], color=colour, linewidth=3.5, alpha=0.45, solid_capstyle="butt", clip_on=False)
        axes.plot(ends, [place, place], "|", color=colour, markersize=9, clip_on=False)
    inside = PAPER if row.hollow else colour
    axes.plot([ruler.clip(row.value)], [place], "o", color=colour, markerfacecolor=inside, markersize=8, clip_on=False)
