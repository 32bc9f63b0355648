"""A table of numbers from 0 to 1 as shades of one colour, each with its number, and the scale of the shades below."""

from __future__ import annotations

from math import ceil

from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from provcheck.rendering.pictures.labels import fitting
from provcheck.rendering.pictures.palette import INK, KIN, LINE, SMALL, SOFT
from provcheck.rendering.pictures.sheet import Sheet
from provcheck.signals.describing import HeatMap

WIDTH = 360.0
LEFT, TOP, RIGHT, FOOT = 34.0, 64.0, 14.0, 70.0
ROW, WIDEST, NARROWEST, LABEL = 30.0, 46.0, 34.0, 22.0
"""Pixels: the height of a cell, its largest width, the smallest that a number fits into, and what a label takes."""

MOST = 24
"""Rows and columns; the labels of more would touch."""

DARKEST = 0.45
"""Opacity of the shade of 1: letters on it keep the contrast that WCAG 2 AA asks for, in light and dark."""

STEPS, STEP, BAR = 10, 22.0, 10.0
"""The scale: how many shades, and how wide and high each."""


def heat_map_svg(name: str, chart: HeatMap, *, standalone: bool = False) -> str:
    """Rows from top to bottom, columns from left to right. Raises ValueError for what is no table, or too large."""
    rows, columns = len(chart.rows), len(chart.columns)
    shapes = {len(row) for table in (chart.values, chart.numbers) for row in table}
    if not (0 < rows <= MOST and 0 < columns <= MOST and shapes == {columns}):
        raise ValueError("rows and columns do not fit")
    if not len(chart.values) == len(chart.numbers) == rows:
        raise ValueError("rows and columns do not fit")
    sheet = Sheet(name, WIDTH, TOP + ROW * rows + FOOT, chart.title, chart.description)
    axes, cell = sheet.field(LEFT, TOP, RIGHT, FOOT), min(WIDEST, (WIDTH - LEFT - RIGHT) / columns)
    _write_titles(sheet, axes, chart, cell)
    for row, values in enumerate(chart.values):
        for column, value in enumerate(values):
            _box(axes, column * cell, row * ROW, cell, ROW, value)
            if cell >= NARROWEST:
                at = ((column + 0.5) * cell, (row + 0.5) * ROW)
                sheet.write(axes, at, chart.numbers[row][column], small=True, ha="center")
    for row, column in chart.framed:
        frame = Rectangle((column * cell + 1, row * ROW + 1), cell - 2, ROW - 2)
        frame.set(fill=False, edgecolor=INK, linewidth=1.6, clip_on=False)
        axes.add_patch(frame)
    _draw_scale(sheet, axes, ROW * rows + 22, chart.scale_title)
    return sheet.svg(standalone=standalone)


def _write_titles(sheet: Sheet, axes: Axes, chart: HeatMap, cell: float) -> None:
    for y, words in ((-52, f"rows: {chart.row_title}"), (-36, f"columns: {chart.column_title}")):
        sheet.write(axes, (-LEFT / 2, y), fitting(words, WIDTH - LEFT, SMALL), colour=SOFT, small=True)
    for column, label in enumerate(chart.columns):
        if column % ceil(LABEL / cell) == 0:
            sheet.write(axes, ((column + 0.5) * cell, -13), label, ha="center")
    for row, label in enumerate(chart.rows):
        sheet.write(axes, (-12, (row + 0.5) * ROW), label, ha="right")


def _draw_scale(sheet: Sheet, axes: Axes, top: float, title: str) -> None:
    for step in range(STEPS):
        _box(axes, step * STEP, top, STEP, BAR, (step + 0.5) / STEPS)
    for share in (0.0, 0.2, 0.4, 0.6, 0.8, 1.0):
        at = (share * STEPS * STEP, top + BAR + 11)
        sheet.write(axes, at, f"{share:g}", colour=SOFT, small=True, ha="center")
    sheet.write(axes, (0, top + BAR + 28), title, colour=SOFT, small=True)


def _box(axes: Axes, left: float, top: float, width: float, height: float, value: float) -> None:
    """A cell with a thin edge, so that an empty one can be seen too."""
    place = (left, top)
    shade = DARKEST * min(1.0, max(0.0, value))
    axes.add_patch(Rectangle(place, width, height, facecolor=KIN, alpha=shade, linewidth=0, clip_on=False))
    axes.add_patch(Rectangle(place, width, height, fill=False, edgecolor=LINE, linewidth=1, clip_on=False))
