"""Whether a model's files stayed as they were while they were read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provcheck.types import Loadable, Subject

Stamps = frozenset[tuple[str, int, int, int]]


def stamps(model: Loadable) -> Stamps:
    """Name, size, inode and time of change of every file whose digest the subject states; those that are gone lack."""
    top = _stamps(model.adapter_folder or model.folder, model.subject)
    return top | _stamps(model.folder, model.subject.base) if model.subject.base else top


def _stamps(folder: str, subject: Subject) -> Stamps:
    found = set()
    for file in (*subject.weights, *subject.files):
        try:
            stat = (Path(folder) / file.name).stat()
        except OSError:
            continue
        found.add((file.name, stat.st_size, stat.st_ino, stat.st_mtime_ns))
    return frozenset(found)
