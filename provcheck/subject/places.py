"""Where a model's files lie: a folder of this machine, or one commit of a Hub repository."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from provcheck.errors import SubjectNotFound
from provcheck.reading import clean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@dataclass(frozen=True)
class Place:
    """The files of one model. `names` lists the files there are; `fetch` brings more of them into `folder`."""

    id: str
    source: Literal["hub", "folder"]
    folder: Path
    names: frozenset[str]
    revision: str | None = None
    fetch: Callable[[Iterable[str]], object] = lambda _names: None
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
