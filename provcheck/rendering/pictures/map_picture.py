"""The map of a bank as a picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import dist, isfinite

from matplotlib.axes import Axes

from provcheck.rendering.pictures.labels import Box, Place, best_box, box_around, fitting, free_box, width_of
from provcheck.rendering.pictures.palette import BOLD, HUES, KIN, MARK, PAPER, SMALL, SOFT
from provcheck.rendering.pictures.sheet import Sheet
from provcheck.types import MapPoint

WIDTH, HIGHEST, MARGIN = 700.0, 520.0, 24.0
SHAPES = (("o", 7.0), ("s", 6.0), ("^", 8.0), ("D", 5.5))
"""Marks of about the same visual weight, with their sizes."""

NAME_ROOM = 200.0

Look = tuple[str, str, float]
"""Colour, shape and size."""


def map_svg(points: Sequence[MapPoint], *, standalone: bool = False) -> str:
    """The map as SVG; `standalone` gives a complete file with its own colours, else a fragment in the colours of the
    page around it. Raises ValueError when there is no map.
    """
    return map_sheet(points).svg("Map of the bank", describe_map(points), standalone=standalone)


def map_sheet(points: Sequence[MapPoint]) -> Sheet:
    """Models as points, close if they are alike; families with several models have a color, the subject is a star.

    Raises ValueError when there are no points, or when they lie too far apart to be drawn.
    """
    if not points:
        raise ValueError("a map needs points")
    places, height = _places(points)
    placed, looks = list(zip(places, points, strict=True)), _looks(points)
    sheet = Sheet("map", WIDTH, height)
    axes = sheet.field()
    for family, look in looks.items():
        _draw(axes, [place for place, one in placed if one.family == family and not one.subject], look)
    _draw(axes, [place for place, one in placed if one.subject], (KIN, "*", 19.0))
    _write_names(sheet, axes, placed, looks)
    return sheet


def describe_map(points: Sequence[MapPoint]) -> str:
    """What the picture shows, in words."""
    families = len({point.family for point in points if point.family})
    shown = f"A map of {len(points)} models of {families} families; models that are alike lie near each other."
    subject = next((point for point in points if point.subject), None)
    others = [point for point in points if not point.subject]
    if subject is None or not others:
        return shown
    near = sorted(others, key=lambda one: dist((one.x, one.y), (subject.x, subject.y)))[:3]
    return f"{shown} Nearest to {subject.id} lie {', '.join(one.id for one in near)}."


def _draw(axes: Axes, places: Sequence[Place], look: Look) -> None:
    colour, shape, size = look
    across, down = [place[0] for place in places], [place[1] for place in places]
    axes.plot(across, down, shape, color=colour, markersize=size, markeredgecolor=PAPER, clip_on=False)


def _places(points: Sequence[MapPoint]) -> tuple[list[Place], float]:
    """Positions in pixels, equally scaled in both directions to fill the sheet in one, and the height of the map."""
    across, up = [point.x for point in points], [point.y for point in points]
    wide, high = max(across) - min(across), max(up) - min(up)
    if not isfinite(wide) or not isfinite(high):
        raise ValueError("the points lie too far apart")
    scale = min((WIDTH - 2 * MARGIN) / (wide or 1), (HIGHEST - 2 * MARGIN) / (high or 1))
    left = (WIDTH - scale * wide) / 2
    places = [(left + scale * (point.x - min(across)), MARGIN + scale * (max(up) - point.y)) for point in points]
    return places, scale * high + 2 * MARGIN


def _looks(points: Sequence[MapPoint]) -> dict[str | None, Look]:
    """How the points of each family look: coloured where it has several models, the largest first, else grey."""
    sizes = Counter(point.family for point in points if not point.subject and point.family)
    several = [family for family, count in sizes.most_common() if count > 1]
    looks: dict[str | None, Look] = dict.fromkeys((point.family for point in points), (MARK, *SHAPES[0]))
    for number, family in enumerate(several):
        shape = SHAPES[(number + number // len(HUES)) % len(SHAPES)]
        looks[family] = (HUES[number % len(HUES)], *shape)
    return looks


def _write_names(
    sheet: Sheet, axes: Axes, points: Sequence[tuple[Place, MapPoint]], looks: dict[str | None, Look]
) -> None:
    """The subject's name, and each family's once, where there is room."""
    edges = (0.0, 0.0, sheet.width, sheet.height)
    taken = [box_around(place, 10 if point.subject else 5) for place, point in points]
    for place, point in points:
        if not point.subject:
            continue
        name = fitting(point.id, NAME_ROOM, SMALL)
        box = best_box(place, BOLD * width_of(name, SMALL), 13, taken, edges)
        _write_beside(sheet, axes, place, box, name, KIN, weight="bold")
        taken.append(box)
    families: dict[str, list[Place]] = {}
    for place, point in points:
        if point.family and not point.subject:
            families.setdefault(point.family, []).append(place)
    for family, places in families.items():
        name = fitting(family, NAME_ROOM, SMALL)
        colour = looks[family][0] if len(places) > 1 else SOFT
        for place in _inner_first(places):
            if found := free_box(place, width_of(name, SMALL), 8, taken, edges):
                _write_beside(sheet, axes, place, found, name, colour)
                taken.append(found)
                break


def _write_beside(sheet: Sheet, axes: Axes, place: Place, box: Box, name: str, colour: str, **how: str) -> None:
    """Put a name into its box, close to its point."""
    x, y = place[0], (box[1] + box[3]) / 2
    sides = {"left": box[0], "right": box[2], "center": x}
    side = "left" if box[0] > x else "right" if box[2] < x else "center"
    sheet.write(axes, (sides[side], y), name, colour=colour, small=True, ha=side, **how)


def _inner_first(places: Sequence[Place]) -> list[Place]:
    """The places with the most others near them first."""
    return sorted(places, key=lambda place: sorted(dist(place, other) for other in places)[len(places) // 3])
