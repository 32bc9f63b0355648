"""Measuring models in tests, and the arrays of what was measured by short names."""

from __future__ import annotations

from provcheck.checkpoint import Checkpoint
from provcheck.measurement import MeasureOptions
from provcheck.measuring import measure as measure_target
from provcheck.observer import Observer
from provcheck.targets import OpenTarget
from provcheck.targets.local import LocalTarget
from provcheck.types import Coverage, Floats, Measurement, ModelFiles, ProbeSet, Sketch


class Checkpointed(LocalTarget):
    """A model that is measured with a checkpoint of the test's own."""

    def __init__(self, files: ModelFiles, checkpoint: Checkpoint) -> None:
        super().__init__(files)
        self._checkpoint = checkpoint

    def open(self, how: MeasureOptions, observe: Observer, checkpoint: Checkpoint) -> OpenTarget:
        return super().open(how, observe, self._checkpoint)


def measure(
    files: ModelFiles,
    probes: ProbeSet,
    how: MeasureOptions | None = None,
    observe: Observer | None = None,
    checkpoint: Checkpoint | None = None,
) -> Measurement:
    """Measure a model now, whatever a cache holds."""
    target = Checkpointed(files, checkpoint) if checkpoint else LocalTarget(files)
    return measure_target(target, probes, how, observe)


def able(measurement: Measurement) -> Sketch:
    return measurement.sketches["able"]


def paper_blocks(measurement: Measurement) -> Floats:
    return able(measurement).arrays["able_paper_blocks"]


def contrast_blocks(measurement: Measurement) -> Floats:
    return able(measurement).arrays["able_contrast_blocks"]


def words(measurement: Measurement) -> Floats:
    return able(measurement).raw["able_words"]


def loglik_nats(measurement: Measurement) -> Floats:
    return measurement.sketches["likelihood"].arrays["loglik"]


def bits_per_byte(measurement: Measurement) -> float | None:
    return measurement.sketches["likelihood"].facts.values["bits_per_byte"]


def of_questions(measurement: Measurement) -> Coverage:
    return able(measurement).facts.coverage


def of_texts(measurement: Measurement) -> Coverage:
    return measurement.sketches["likelihood"].facts.coverage


def share_of(measurement: Measurement) -> float:
    """Of questions or of texts, whichever is less."""
    return min(of_questions(measurement).share, of_texts(measurement).share)


def all_bits(measurement: Measurement) -> bytes:
    """Every number that was measured."""
    arrays = {**{key: array for sketch in measurement.sketches.values() for key, array in sketch.arrays.items()}}
    arrays |= {key: array for sketch in measurement.sketches.values() for key, array in sketch.raw.items()}
    return b"".join(key.encode() + array.tobytes() for key, array in sorted(arrays.items()))


def same_bits(first: Measurement, second: Measurement) -> bool:
    return all_bits(first) == all_bits(second)
