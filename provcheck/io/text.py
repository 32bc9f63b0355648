"""Untrusted text: cleaned before it is kept, hidden characters made visible before it is shown."""

from __future__ import annotations

import re
import unicodedata
from contextlib import suppress
from pathlib import Path

MAX_TEXT = 200
"""Characters kept of an untrusted text."""

MAX_NAME = 100
"""Characters of a name in a sentence."""

_HIDDEN = frozenset({"Cc", "Cf", "Cn", "Co", "Cs"})
_SEPARATORS = frozenset({"Zl", "Zp"})
_SECRET = re.compile(r"\bhf_[A-Za-z0-9]{30,}|(?<=://)[^/@\s]*@")


def clean(text: object) -> str | None:
    """An untrusted text made safe to keep: one bounded line without control or bidi characters; None if empty.

    Hub tokens, and user names and passwords in URLs, are removed.
    """
    if not isinstance(text, str):
        return None
    kept = "".join(_kept(c) for c in text[: 10 * MAX_TEXT])
    return _SECRET.sub("", kept).strip()[:MAX_TEXT].strip() or None


def plain(text: str) -> str:
    """The text on one line, with control characters, bidi marks and the like as visible `\\uXXXX`."""
    return "".join(_visible(char) for char in " ".join(text.split()))


def short_name(name: str) -> str:
    """A name that fits into a sentence; the middle of a very long one is left out."""
    half = MAX_NAME // 2
    return name if len(name) <= MAX_NAME else f"{name[: half - 1]}…{name[-half:]}"


def shown(path: Path) -> str:
    """The path with `~` for the home folder, so that output shows no user's name."""
    with suppress(ValueError, RuntimeError):
        return str(Path("~") / path.absolute().relative_to(Path.home()))
    return str(path)


def reason(error: Exception) -> str:
    """What an exception says, without the path it may name: one short line."""
    return clean(getattr(error, "strerror", None) or str(error)) or type(error).__name__


def _kept(character: str) -> str:
    """The character, a plain space for other spaces, or nothing."""
    category = unicodedata.category(character)
    return "" if category in _HIDDEN | _SEPARATORS else " " if category == "Zs" else character


def _visible(char: str) -> str:
    return f"\\u{ord(char):04x}" if unicodedata.category(char) in _HIDDEN else char
