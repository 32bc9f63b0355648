"""Points and lines on two axes, with intervals and a line of words for each series."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, isclose, log10

import numpy as np
from matplotlib.axes import Axes

from provcheck.rendering.pictures.labels import fitting, width_of, wrapped
from provcheck.rendering.pictures.map_picture import SHAPES
from provcheck.rendering.pictures.palette import HUES, LINE, MARK, PAPER, SMALL, SOFT
from provcheck.rendering.pictures.sheet import LINE_HEIGHT, Sheet
from provcheck.types import Plot, Series

WIDE, NARROW, HEIGHT = 700.0, 360.0, 330.0
"""Widths of a picture, the narrow one for a phone, and the height of its field."""

LEFT, TOP, RIGHT, TICKS = 64.0, 30.0, 20.0, 24.0
"""Pixels beside the axes; the legend stands below them."""

GAP = 6.0
"""Between an axis and its words, and between words."""

MOST_TICKS = 7
MARGIN = 0.04
"""Share of an axis that stays free at both ends."""

MANY = 400
"""From so many points on, they are drawn small and light."""


def plot_sheet(name: str, plot: Plot, title: str, description: str, *, narrow: bool = False) -> Sheet:
    """The series in their order, each with its colour and shape. Raises ValueError where there is nothing to draw."""
    if not any(one.x for one in plot.series):
        raise ValueError("a plot needs points")
    width, legend = NARROW if narrow else WIDE, [one.label for one in plot.series if one.label]
    field = width - LEFT - RIGHT
    label, rows = wrapped(plot.x_label, field, SMALL), _rows(plot, field)
    below = TICKS + LINE_HEIGHT * (rows - 1)
    foot = below + LINE_HEIGHT * (len(label) + len(legend) + 0.5)
    sheet = Sheet(name, width, TOP + HEIGHT + foot, title, description)
    axes = sheet.chart(LEFT, TOP, RIGHT, foot)
    _scale(axes, plot)
    _ticks(sheet, axes, plot, rows)
    for number, one in enumerate(plot.series):
        _draw(axes, one, number)
    words = sheet.field()
    sheet.write(words, (LEFT / 4, TOP / 2), fitting(plot.y_label, width - LEFT, SMALL), colour=SOFT, small=True)
    y = TOP + HEIGHT + below + LINE_HEIGHT / 2
    for line in label:
        sheet.write(words, (LEFT + field / 2, y), line, colour=SOFT, small=True, ha="center")
        y += LINE_HEIGHT
    for number, one in enumerate(plot.series):
        if one.label:
            _entry(sheet, words, one, number, y + LINE_HEIGHT / 2)
            y += LINE_HEIGHT
    return sheet


def _look(number: int) -> tuple[str, str, float]:
    """Colour, shape and size of the points of a series."""
    return (HUES[number % len(HUES)], *SHAPES[(number + number // len(HUES)) % len(SHAPES)])


def _draw(axes: Axes, series: Series, number: int) -> None:
    colour, shape, size = _look(number)
    many = len(series.x) > MANY
    if series.low and series.high:
        axes.vlines(series.x, series.low, series.high, color=colour, linewidth=2, alpha=0.5, clip_on=False)
    axes.plot(
        series.x,
        series.y,
        marker=shape,
        linestyle="-" if series.line else "none",
        color=colour,
        linewidth=1.6,
        markersize=size / 3 if many else size,
        markeredgecolor="none" if many else PAPER,
        alpha=0.35 if many else 1.0,
        clip_on=False,
    )


def _entry(sheet: Sheet, words: Axes, series: Series, number: int, y: float) -> None:
    colour, shape, size = _look(number)
    words.plot([LEFT], [y], shape, color=colour, markersize=size, markeredgecolor=PAPER, clip_on=False)
    sheet.write(words, (LEFT + 12, y), fitting(series.label, sheet.width - LEFT - RIGHT, SMALL), small=True)


def _scale(axes: Axes, plot: Plot) -> None:
    across = [x for one in plot.series for x in one.x]
    up = [y for one in plot.series for y in (*one.y, *one.low, *one.high)]
    if plot.x_log:
        axes.set_xscale("log")
    if plot.y_log:
        axes.set_yscale("log")
    axes.set_xlim(*((-0.5, len(plot.names) - 0.5) if plot.names else _room(across, logarithmic=plot.x_log)))
    axes.set_ylim(*_room(up, logarithmic=plot.y_log))
    axes.spines["left"].set_visible(True)
    axes.spines["left"].set(color=MARK, linewidth=1)
    axes.grid(visible=True, color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)


def _room(values: Sequence[float], *, logarithmic: bool) -> tuple[float, float]:
    """The ends of an axis that holds these values. Raises ValueError for what has no logarithm."""
    if logarithmic and min(values) <= 0:
        raise ValueError("a logarithmic axis holds positive numbers only")
    low, high = (log10(end) if logarithmic else end for end in (min(values), max(values)))
    beyond = MARGIN * (high - low) or MARGIN * (abs(high) or 1.0)
    low, high = low - beyond, high + beyond
    return (10**low, 10**high) if logarithmic else (low, high)


def _ticks(sheet: Sheet, axes: Axes, plot: Plot, rows: int) -> None:
    """Labels are written by hand: matplotlib would make those of its ticks anew."""
    across = dict(enumerate(plot.names)) or ticks_of(*axes.get_xlim(), logarithmic=plot.x_log)
    up = ticks_of(*axes.get_ylim(), logarithmic=plot.y_log)
    for axis, places in ((axes.xaxis, across), (axes.yaxis, up)):
        axis.set_ticks(list(places), [""] * len(places), minor=False)
        axis.set_ticks([], minor=True)
    at_foot, at_side = axes.get_xaxis_transform(), axes.get_yaxis_transform()
    for number, (place, text) in enumerate(across.items()):
        y = -(GAP + LINE_HEIGHT * (0.5 + number % rows)) / HEIGHT
        sheet.write(axes, (place, y), text, colour=SOFT, small=True, ha="center", transform=at_foot)
    for place, text in up.items():
        sheet.write(axes, (-0.012, place), text, colour=SOFT, small=True, ha="right", transform=at_side)


def ticks_of(low: float, high: float, *, logarithmic: bool) -> dict[float, str]:
    """Round numbers between two ends, with their labels."""
    if logarithmic and high / low > 20:
        powers = range(ceil(log10(low)), floor(log10(high)) + 1)
        step = max(1, ceil(len(powers) / MOST_TICKS))
        return {10.0**power: f"{10.0**power:g}" for power in powers[::step]}
    rough = (high - low) / MOST_TICKS
    size = 10.0 ** floor(log10(rough))
    step_size = next(size * one for one in (1, 2, 5, 10) if size * one >= rough * 0.999)
    places = np.arange(ceil(low / step_size), floor(high / step_size) + 1) * step_size
    return {float(place): f"{0.0 if isclose(place, 0, abs_tol=step_size / 1e6) else place:.6g}" for place in places}


def _rows(plot: Plot, field: float) -> int:
    """On how many rows the names stand in turn, so that none touches its neighbour."""
    widest = max((width_of(name, SMALL) for name in plot.names), default=0.0)
    return max(1, ceil((widest + GAP) * len(plot.names) / field))
