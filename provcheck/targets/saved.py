"""A measurement file in place of a model: it holds what was measured then, and nothing can be measured anew."""

from __future__ import annotations

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

    def __init__(self, saved: Measurement) -> None:
        self.subject = saved.subject
        self.saved = saved

    def lacks(self, capability: Capability) -> str:
        """Everything."""
        return "a saved measurement holds only what was measured then"

    def open(self, how: MeasureOptions, observe: Observer, checkpoint: Checkpoint) -> OpenTarget:
        """Never called, since it lacks everything."""
        raise NotImplementedError(self.lacks(Capability.WEIGHTS))

    def runs_on(self, how: MeasureOptions) -> str:
        """Where it was measured."""
        return f"{self.saved.run.device} {self.saved.run.dtype}"


def find(model: str, options: FindOptions) -> Target | None:
    """The measurement in a file. Raises MeasurementFileError."""
    return SavedTarget(load_measurement(Path(model).expanduser())) if is_measurement_file(model) else None
