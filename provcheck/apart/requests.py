"""What the process that measures is told, as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from provcheck.apart.bounds import Bounds
from provcheck.measurement import MeasureOptions
from provcheck.types import ModelFiles, ProbeSet, Subject


@dataclass(frozen=True)
class Request:
    """What is to be measured, how, and where the results go; `checkpoint` is a folder."""

    files: ModelFiles
    probes: ProbeSet
    how: MeasureOptions
    signals: tuple[str, ...]
    bounds: Bounds
    folder: Path
    checkpoint: Path | None

    def written(self) -> bytes:
        """One JSON object."""
        return _WRITTEN.dump_json(_Written(**_fields(self)))


@dataclass(frozen=True)
class _Written:
    """The request in types that JSON has; of the files without those that are fetched in part."""

    subject: Subject
    model_folder: str
    adapter_folder: str | None
    allow_pickle: bool
    trust_remote_code: bool
    probes: ProbeSet
    how: MeasureOptions
    signals: tuple[str, ...]
    bounds: Bounds
    folder: Path
    checkpoint: Path | None


_WRITTEN = TypeAdapter(_Written)


def read_request(content: bytes) -> Request:
    """The request in JSON."""
    found = _WRITTEN.validate_json(content)
    files = ModelFiles(
        found.subject, found.model_folder, found.adapter_folder, found.allow_pickle, found.trust_remote_code
    )
    return Request(files, found.probes, found.how, found.signals, found.bounds, found.folder, found.checkpoint)


def _fields(request: Request) -> dict[str, Any]:
    files = request.files
    of_files = {
        "subject": files.subject,
        "model_folder": files.folder,
        "adapter_folder": files.adapter_folder,
        "allow_pickle": files.allow_pickle,
        "trust_remote_code": files.trust_remote_code,
    }
    return of_files | {name: getattr(request, name) for name in _Written.__annotations__ if name not in of_files}
