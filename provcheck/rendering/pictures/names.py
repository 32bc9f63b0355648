"""Names that fit into a picture."""

from __future__ import annotations

from unicodedata import east_asian_width

from provcheck.rendering.pictures.palette import SIZE
from provcheck.rendering.plain import plain

NARROW, BROAD = frozenset("fijlrt .,:;'|!/-()[]"), frozenset("MWmw@%…—")


def fitting(name: str, width: float, size: float = SIZE) -> str:
    """The name on one line; the middle is left out of one that is wider than `width` pixels."""
    text = plain(name)
    if width_of(text, size) <= width:
        return text
    room = width - width_of("…", size)
    return f"{_start(text, room / 2, size)}…{_start(text[::-1], room / 2, size)[::-1]}"


def width_of(text: str, size: float = SIZE) -> float:
    """About how many pixels wide a text is in the system's font; rather too many than too few."""
    return size * sum(_width(char) for char in text)


def _width(char: str) -> float:
    """In parts of the height of the letters; measured on DejaVu Sans, the widest of the usual fonts."""
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
