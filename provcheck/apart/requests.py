"""What the process that measures is told, as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from provcheck.apart.bounds import Bounds
from provcheck.measurement import MeasureOptions
from provcheck.types import ModelFiles, ProbeSet, Subject


@dataclass(frozen=True)
class Request:
    """What is to be measured, how, and where the results go, in types that JSON has; `checkpoint` is a folder."""

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

    @property
    def files(self) -> ModelFiles:
        """The model."""
        return ModelFiles(
            self.subject, self.model_folder, self.adapter_folder, self.allow_pickle, self.trust_remote_code
        )

    def written(self) -> bytes:
        """One JSON object."""
        return _JSON.dump_json(self)


_JSON = TypeAdapter(Request)


def read_request(content: bytes) -> Request:
    """The request in JSON."""
    return _JSON.validate_json(content)
