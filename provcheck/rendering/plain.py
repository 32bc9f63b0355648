"""Names come from strangers: what a person reads shows every hidden character instead of obeying it."""

from __future__ import annotations

import unicodedata
from typing import Any

from provcheck.types import Report

_HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs"})
NAME_LIMIT = 100


def plain(text: str) -> str:
    """The text on one line, with control characters, bidi marks and the like as visible `\\uXXXX`."""
    return "".join(_visible(char) for char in " ".join(text.split()))


def plain_report(report: Report) -> Report:
    """The same report with every text made plain."""
    return Report.model_validate(_plain(report.model_dump()))


def short_name(name: str) -> str:
    """A name that fits into a sentence; the middle of a very long one is left out."""
    half = NAME_LIMIT // 2
    return name if len(name) <= NAME_LIMIT else f"{name[: half - 1]}…{name[-half:]}"


def _visible(char: str) -> str:
    return f"\\u{ord(char):04x}" if unicodedata.category(char) in _HIDDEN else char


def _plain(value: Any) -> Any:
    """Walk what `model_dump` gives; enums are texts of our own and stay as they are."""
    if type(value) is str:
        return plain(value)
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_plain(item) for item in value)
    return value
