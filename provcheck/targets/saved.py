"""A measurement file in place of a model: it holds what was measured then, and nothing can be measured anew."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from provcheck.checkpoint import Checkpoint
from provcheck.measurement import MeasureOptions
from provcheck.observer import Observer
from provcheck.store import is_measurement_file, load_measurement
from provcheck.targets.target import FindOptions, OpenTarget, Target
from provcheck.types import Capability, Measurement


class SavedTarget(Target):
    """A measurement that was made before."""

    saved: Measurement

    def __init__(self, saved: Measurement, path: Path | None = None) -> None:
        self.subject = saved.subject
        self.saved = saved
        self._paths = () if path is None else (path,)

    def lacks(self, capability: Capability) -> str:
        """Everything."""
        return "a saved measurement holds only what was measured then"

    def open(self, how: MeasureOptions, observe: Observer, checkpoint: Checkpoint) -> OpenTarget:
        """Never called, since it lacks everything."""
        raise NotImplementedError(self.lacks(Capability.WEIGHTS))

    def runs_on(self, how: MeasureOptions) -> str:
        """Where it was measured."""
        return self.saved.run.where

    def paths(self) -> Sequence[Path]:
        """The measurement file, if there is one."""
        return self._paths


def find(model: str, options: FindOptions) -> Target | None:
    """The measurement in a file. Raises MeasurementFileError."""
    if not is_measurement_file(model):
        return None
    path = Path(model).expanduser()
    return SavedTarget(load_measurement(path), path)
