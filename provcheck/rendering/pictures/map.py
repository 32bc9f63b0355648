"""The map of a bank as a picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from matplotlib.axes import Axes

from provcheck.rendering.pictures.names import fitting, width_of
from provcheck.rendering.pictures.palette import HUES, KIN, MARK, PAPER, SMALL, SOFT
from provcheck.rendering.pictures.sheet import Sheet
from provcheck.types import MapPoint

WIDTH, HEIGHT, MARGIN = 760.0, 500.0, 60.0
SHAPES = "os^D"
NAME_ROOM = 170.0

Box = tuple[float, float, float, float]


def map_svg(points: Sequence[MapPoint], *, standalone: bool = False) -> str:
    """Models as points, near where they are alike; families with several models have a colour, the subject a star.

    `standalone` gives a complete file with its own colours, else a fragment in the colours of the page around it.
    Raises ValueError when there are no points.
    """
    if not points:
        raise ValueError("a map needs points")
    sheet = Sheet("map", WIDTH, HEIGHT)
    axes = sheet.field(MARGIN, MARGIN / 2, MARGIN, MARGIN / 2)
    places = _places(points, axes)
    looks = _looks(points)
    for point, (x, y) in zip(points, places, strict=True):
        colour, shape = looks[point.family]
        if point.subject:
            axes.plot([x], [y], "*", color=KIN, markersize=19, markeredgecolor=PAPER, clip_on=False, zorder=3)
        else:
            axes.plot([x], [y], shape, color=colour, markersize=7, markeredgecolor=PAPER, clip_on=False)
    _write_names(sheet, axes, points, places)
    return sheet.svg("Map of the bank", describe_map(points), standalone=standalone)


def describe_map(points: Sequence[MapPoint]) -> str:
    """What the picture shows, in words."""
    families = len({point.family for point in points if point.family})
    shown = f"A map of {len(points)} models of {families} families; models that are alike lie near each other."
    subject = next((point for point in points if point.subject), None)
    others = [point for point in points if not point.subject]
    if subject is None or not others:
        return shown
    near = sorted(others, key=lambda one: (one.x - subject.x) ** 2 + (one.y - subject.y) ** 2)[:3]
    return f"{shown} Nearest to {subject.id} lie {', '.join(one.id for one in near)}."


def _places(points: Sequence[MapPoint], axes: Axes) -> list[tuple[float, float]]:
    """Pixels, with one scale for both directions and the middle of the map in the middle."""
    width, height = axes.get_xlim()[1], axes.get_ylim()[0]
    low_x, high_x = min(point.x for point in points), max(point.x for point in points)
    low_y, high_y = min(point.y for point in points), max(point.y for point in points)
    scale = min(width / ((high_x - low_x) or 1), height / ((high_y - low_y) or 1))
    left, top = (width - scale * (high_x - low_x)) / 2, (height - scale * (high_y - low_y)) / 2
    return [(left + scale * (point.x - low_x), top + scale * (high_y - point.y)) for point in points]


def _looks(points: Sequence[MapPoint]) -> dict[str | None, tuple[str, str]]:
    """Colour and shape of each family: a colour where it has several models, largest first."""
    sizes = Counter(point.family for point in points if not point.subject)
    several = [family for family, count in sizes.most_common() if count > 1 and family]
    coloured = {family: (HUES[n % len(HUES)], SHAPES[n % len(SHAPES)]) for n, family in enumerate(several)}
    return dict.fromkeys({point.family for point in points}, (MARK, "o")) | coloured


def _write_names(sheet: Sheet, axes: Axes, points: Sequence[MapPoint], places: Sequence[tuple[float, float]]) -> None:
    """The subject's name, and each family's once, where there is room; the table beside the picture has them all."""
    taken = [(x - 6, y - 6, x + 6, y + 6) for x, y in places]
    named: set[str | None] = set()
    order = sorted(range(len(points)), key=lambda at: not points[at].subject)
    for at in order:
        point = points[at]
        if not point.subject and (point.family is None or point.family in named):
            continue
        text = fitting(point.id if point.subject else point.family or "", NAME_ROOM, SMALL)
        found = _free(places[at], width_of(text, SMALL), taken, 12 if point.subject else 7)
        if found is None and not point.subject:
            continue
        box = found or _beside(places[at], width_of(text, SMALL), 12)
        taken.append(box)
        named.add(None if point.subject else point.family)
        weight = {"weight": "bold"} if point.subject else {}
        middle = (box[1] + box[3]) / 2
        sheet.write(axes, (box[0], middle), text, colour=KIN if point.subject else SOFT, small=True, **weight)


def _free(place: tuple[float, float], width: float, taken: Sequence[Box], gap: float) -> Box | None:
    """A box for a name beside a point: right, left, below or above, the first that touches nothing."""
    x, y = place
    for left, top in (
        (x + gap, y - 7),
        (x - gap - width, y - 7),
        (x - width / 2, y + gap),
        (x - width / 2, y - gap - 14),
    ):
        box = (left, top, left + width, top + 14)
        inside = box[0] > -MARGIN and box[2] < WIDTH - MARGIN
        if inside and not any(_touch(box, other) for other in taken):
            return box
    return None


def _beside(place: tuple[float, float], width: float, gap: float) -> Box:
    return (place[0] + gap, place[1] - 7, place[0] + gap + width, place[1] + 7)


def _touch(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
