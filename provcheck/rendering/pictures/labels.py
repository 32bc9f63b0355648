"""Names that fit into a picture, and where there is room for them."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import east_asian_width

from provcheck.io.text import plain
from provcheck.rendering.pictures.palette import SIZE, SMALL

NARROW, BROAD = frozenset("fijlrt .,:;'|!/-()[]"), frozenset("MWmw@%…—")

HEIGHT = SMALL + 3

Place = tuple[float, float]
Box = tuple[float, float, float, float]
"""Left, top, right, bottom in pixels."""


def fitting(name: str, width: float, size: float = SIZE) -> str:
    """The name on one line; the middle is left out of one that is wider than `width` pixels."""
    text = plain(name)
    if width_of(text, size) <= width:
        return text
    room = width - width_of("…", size)
    return f"{_start(text, room / 2, size)}…{_start(text[::-1], room / 2, size)[::-1]}"


def wrapped(text: str, width: float, size: float = SIZE) -> list[str]:
    """The text on as many lines of at most `width` pixels as it needs; a word that is longer has a line of its own."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and width_of(longer, size) > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def width_of(text: str, size: float = SIZE) -> float:
    """About how many pixels wide a text is in the system's font; errs on the wide side."""
    return size * sum(_width(char) for char in text)


def box_around(place: Place, reach: float) -> Box:
    """The square that a point fills."""
    x, y = place
    return (x - reach, y - reach, x + reach, y + reach)


def free_box(place: Place, width: float, gap: float, taken: Sequence[Box], sheet: Box) -> Box | None:
    """A box for a name beside a point, the first of right, left, below and above that touches nothing taken."""
    return next((box for box in _beside(place, width, gap) if _inside(box, sheet) and not _touched(box, taken)), None)


def best_box(place: Place, width: float, gap: float, taken: Sequence[Box], sheet: Box) -> Box:
    """A box for a name that must be written: on the sheet if possible, then where it touches least."""
    boxes = _beside(place, width, gap)
    return min(boxes, key=lambda box: (not _inside(box, sheet), _touched(box, taken)))


def _width(char: str) -> float:
    """As a share of the font size; measured on DejaVu Sans, the widest of the usual fonts."""
    if char in NARROW:
        return 0.42
    if char in BROAD or east_asian_width(char) in "WF":
        return 1.05
    return 0.8 if char.isupper() else 0.64


def _start(text: str, room: float, size: float) -> str:
    """As much of the start as fits."""
    end, used = 0, 0.0
    while end < len(text) and (used := used + width_of(text[end], size)) <= room:
        end += 1
    return text[:end]


def _beside(place: Place, width: float, gap: float) -> list[Box]:
    x, y = place
    half = HEIGHT / 2
    right, left = (x + gap, y - half), (x - gap - width, y - half)
    below, above = (x - width / 2, y + gap), (x - width / 2, y - gap - HEIGHT)
    return [(start, top, start + width, top + HEIGHT) for start, top in (right, left, below, above)]


def _inside(box: Box, sheet: Box) -> bool:
    return sheet[0] <= box[0] and box[2] <= sheet[2] and sheet[1] <= box[1] and box[3] <= sheet[3]


def _touched(box: Box, taken: Sequence[Box]) -> int:
    """How many of the others it touches."""
    return sum(box[0] < one[2] and one[0] < box[2] and box[1] < one[3] and one[1] < box[3] for one in taken)
