"""Reading files that nobody vouches for: bounded, and every failure is one sentence."""

from __future__ import annotations

import hashlib
import json
import os
import unicodedata
from typing import TYPE_CHECKING, Any

from provcheck.errors import BrokenModel
from provcheck.types import FileDigest

if TYPE_CHECKING:
    from pathlib import Path

MAX_SMALL_BYTES = 100_000_000
"""For what is not weights; the largest tokenizer.json on the Hub are about 35 MB."""

MAX_TEXT = 200
"""Characters kept of a declared value."""


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file; anything else is a BrokenModel."""
    raw = _read(path)
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BrokenModel(f"{path.name} is not valid JSON", "Fetch the file again from where it came.") from error
    if not isinstance(value, dict):
        raise BrokenModel(f"{path.name} holds no JSON object", "Fetch the file again from where it came.")
    return value


def digest(path: Path, *, limit: int | None = None) -> FileDigest:
    """Size and digest of the file's content, read in chunks; BrokenModel where it has more than `limit` bytes."""
    try:
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            if limit is not None and size > limit:
                raise _too_large(path)
            return FileDigest(name=path.name, bytes=size, sha256=hashlib.file_digest(file, "sha256").hexdigest())
    except OSError as error:
        raise unreadable(path, error) from error


def clean(text: object) -> str | None:
    """A declared value made safe to print: one bounded line without control or bidi characters; None if empty."""
    if not isinstance(text, str):
        return None
    kept = "".join(c for c in text[: 10 * MAX_TEXT] if unicodedata.category(c) not in _UNPRINTABLE)
    return kept.strip()[:MAX_TEXT] or None


def unreadable(path: Path, error: OSError) -> BrokenModel:
    """The error for a file that the system does not let us read."""
    return BrokenModel(f"{path.name} cannot be read: {error.strerror or error}", "Check the file's permissions.")


_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_SMALL_BYTES + 1)
    except OSError as error:
        raise unreadable(path, error) from error
    if len(raw) > MAX_SMALL_BYTES:
        raise _too_large(path)
    return raw


def _too_large(path: Path) -> BrokenModel:
    return BrokenModel(
        f"{path.name} is larger than {MAX_SMALL_BYTES // 1_000_000} MB", "Fetch the file again from where it came."
    )
