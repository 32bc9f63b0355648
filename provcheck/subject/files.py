"""Reading files that nobody vouches for: bounded, and every failure is one sentence."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING, Any

from provcheck.errors import BrokenModel
from provcheck.reading import parse_json, read_bounded
from provcheck.types import FileDigest

if TYPE_CHECKING:
    from pathlib import Path

MAX_SMALL_BYTES = 100_000_000
"""For what is not weights; the largest tokenizer.json on the Hub are about 35 MB."""

MAX_JSON_BYTES = 20_000_000
"""For configs and lists of shards; a hostile one takes some twenty times as much memory when it is parsed."""

MAX_VALUES = 10_000_000
"""Of a JSON file; a tokenizer of a million pieces has fewer."""


def read_json(path: Path, limit: int = MAX_JSON_BYTES) -> dict[str, Any]:
    """The JSON object in a file of at most `limit` bytes; anything else is a BrokenModel."""
    try:
        value = parse_json(read_bounded(path, limit), MAX_VALUES)
    except OSError as error:
        raise unreadable(path, error) from error
    except ValueError as error:
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


def unreadable(path: Path, error: OSError) -> BrokenModel:
    """The error for a file that the system does not let us read."""
    return BrokenModel(f"{path.name} cannot be read: {error.strerror or error}", "Check the file and its permissions.")


def _too_large(path: Path) -> BrokenModel:
    return BrokenModel(
        f"{path.name} is larger than {MAX_SMALL_BYTES // 1_000_000} MB", "Fetch the file again from where it came."
    )
