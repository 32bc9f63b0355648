"""Reading untrusted files: bounded in bytes, depth and time. Every failure is an OSError or a ValueError."""

from __future__ import annotations

import errno
import json
import stat
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from provcheck.io.text import MAX_TEXT, clean, reason
from provcheck.types import StrPath

MAX_VALUES = 2_000_000
"""Limit for a JSON file: as many as the manifest of a bank of 80,000 references has."""

MAX_FAULTS = 10_000


def is_file(name: str | Path) -> bool:
    """Whether there is a plain file of that name; False if the system refuses to look (no permission, too long).

    In a str, `~` is the home folder; a Path is taken as it is.
    """
    try:
        return (Path(name).expanduser() if isinstance(name, str) else name).is_file()
    except (OSError, ValueError, RuntimeError):
        return False


def as_path(name: StrPath) -> Path:
    """The path of a file; in a str, `~` is the home folder, if there is one."""
    try:
        return Path(name).expanduser() if isinstance(name, str) else Path(name)
    except RuntimeError:
        return Path(name)


def existing_folder(name: str) -> Path | None:
    """The folder of that name; None if there is none or the system refuses to look (no permission, too long)."""
    try:
        path = Path(name).expanduser()
        return path if path.is_dir() else None
    except (OSError, ValueError, RuntimeError):
        return None


def read_bounded(path: Path, limit: int) -> bytes:
    """The content of a plain file of at most `limit` bytes; OSError for anything else, without blocking on a pipe."""
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "it is not a plain file")
    if found.st_size > limit:
        raise OSError(errno.EFBIG, f"it is larger than {limit // 1_000_000 or limit / 1_000_000} MB")
    with path.open("rb") as file:
        return file.read(limit)


def parse_json(content: bytes, values: int = MAX_VALUES) -> Any:
    """The value of a JSON text. Raises ValueError, also for more than about `values` values, which take up memory.

    Used for records too: pydantic's own parser copies an untrusted document once for each field that it lacks.
    """
    if sum(map(content.count, (b",", b"[", b"{"))) > values:
        raise ValueError(f"it holds more than {values:,} values")
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"it is not valid JSON: {error}") from None


def first_fault(error: ValueError) -> str:
    """Where a text is not JSON, or a record does not follow its schema, and why: one short line."""
    if not isinstance(error, ValidationError):
        return reason(error)
    if error.error_count() > MAX_FAULTS:  # each would be described before the first can be read
        return f"it does not follow the schema in {error.error_count():,} places"
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(str(part)[:MAX_TEXT] for part in first["loc"][:8])
    return clean(f"{where}: {first['msg']}" if where else first["msg"]) or "it does not follow the schema"
