"""The files of a model: where they lie, bounded reading of them, digests, and whether they stayed as they were.

Their content is untrusted input; every failure is one sentence.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from provcheck.errors import BrokenModel, SubjectNotFound
from provcheck.io.text import clean
from provcheck.io.untrusted import parse_json, read_bounded
from provcheck.targets.ranged_files import RangedFile
from provcheck.targets.target import Stamps
from provcheck.types import FileDigest, ModelFiles, Subject

MAX_SMALL_BYTES = 100_000_000
"""For files other than weights; the largest tokenizer.json files on the Hub have about 35 MB."""

MAX_JSON_BYTES = 20_000_000
"""For configs and lists of shards; a hostile one takes some twenty times as much memory when it is parsed."""

SHA256 = re.compile(r"[0-9a-f]{64}")

MAX_VALUES = 10_000_000
"""Limit for a JSON file; a tokenizer of a million pieces has fewer."""


@dataclass(frozen=True)
class Place:
    """The files of one model. `names` lists the files there are; `fetch` brings more of them into `folder`.

    `open_ranged(name, keep)`: a weight file that is not here, to be fetched in part; None if it is here. `keep`: in the
    cache.
    """

    id: str
    source: Literal["hub", "folder"]
    folder: Path
    names: frozenset[str]
    revision: str | None = None
    fetch: Callable[[Iterable[str]], object] = lambda _names: None
    open_ranged: Callable[[str, bool], RangedFile | None] = lambda _name, _keep: None
    may_lack_files: bool = False


def in_folder(folder: Path) -> Place:
    """The model in that folder, named after it."""
    name = clean(folder.absolute().name if folder.name not in ("", "..") else folder.resolve().name)
    return Place(id=name or "folder", source="folder", folder=folder, names=list_files(folder))


def list_files(folder: Path) -> frozenset[str]:
    """Names of the plain files of a folder; links to files count, dead links do not."""
    try:
        return frozenset(path.name for path in folder.iterdir() if path.is_file())
    except OSError as error:
        raise SubjectNotFound(f"folder {folder.name} cannot be read: {error.strerror}", "Check its rights.") from error


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
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise unreadable(path, error) from error
    _check_stated(path, sha256)
    return FileDigest(name=path.name, bytes=size, sha256=sha256)


def _check_stated(path: Path, sha256: str) -> None:
    """In the Hub's cache a file of LFS is a link to one that is named by the sha256 that the Hub states.

    A file that does not fit is removed, so that nobody takes it for the good one.
    """
    target = path.readlink() if path.is_symlink() else path
    if target.parent.name != "blobs" or not SHA256.fullmatch(target.name) or target.name == sha256:
        return
    with suppress(OSError):
        (path.parent / target).unlink()
        path.unlink()
    raise BrokenModel(
        f"{path.name} has the sha256 {sha256[:12]}..., but the Hub states {target.name[:12]}...",
        "It was removed from the Hub cache: measure again to fetch it anew, and check HF_ENDPOINT, if it is set.",
    )


def unreadable(path: Path, error: OSError) -> BrokenModel:
    """The error for a file that the operating system refuses to read."""
    return BrokenModel(f"{path.name} cannot be read: {error.strerror or error}", "Check the file and its permissions.")


def stamps(model: ModelFiles) -> Stamps:
    """Name, size, inode and time of change of every file that the subject states; one that is gone is left out."""
    found = set()
    for path in paths(model):
        with suppress(OSError):
            stat = path.stat()
            found.add((path.name, stat.st_size, stat.st_ino, stat.st_mtime_ns))
    return frozenset(found)


def paths(model: ModelFiles) -> list[Path]:
    """Every file that the subject states; for an adapter also those of the model under it."""
    top = _paths(model.adapter_folder or model.folder, model.subject)
    return top + _paths(model.folder, model.subject.base) if model.subject.base else top


def _too_large(path: Path) -> BrokenModel:
    return BrokenModel(
        f"{path.name} is larger than {MAX_SMALL_BYTES // 1_000_000} MB", "Fetch the file again from where it came."
    )


def _paths(folder: str, subject: Subject) -> list[Path]:
    return [Path(folder) / file.name for file in (*subject.weights, *subject.files)]
