"""Probes, and the numbers that a model gives on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, JsonValue

from provcheck.types.base import Count, Floats, Number, Positive, Record
from provcheck.types.subject import Subject


class Question(Record):
    """A multiple-choice question of a probe set."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    category: str
    subject: str
    question: str = Field(min_length=1)
    options: tuple[str, ...] = Field(min_length=2)
    answer: int


class Text(Record):
    """A text of a probe set."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    domain: str
    text: str = Field(min_length=1)


@dataclass(frozen=True)
class ProbeSet:
    """Fixed questions and texts; `digest` covers content and order."""

    name: str
    digest: str
    questions: tuple[Question, ...]
    texts: tuple[Text, ...]


class NotMeasured(Record):
    """In place of numbers: why there are none."""

    not_measured: str = Field(min_length=1, description="the reason")


class Coverage(Record):
    """How much of its material a signal really measured; the rest was left out, for the reasons counted."""

    measured: Count
    total: Count
    unit: str = Field(description="what is counted, in the singular: question, text")
    left_out: dict[str, Count] = Field(default_factory=dict)

    @property
    def share(self) -> float:
        """The measured share, 0 to 1."""
        return self.measured / max(1, self.total)


class Basis(Record):
    """What two sketches of one signal must have in common to be compared."""

    version: str = Field(description="the signal's name and number, such as name/2")
    material: str | None = Field(description="sha256 of the fixed material, such as the probe set; None without any")


class SignalFacts(Basis):
    """How one signal measured one model."""

    context: dict[str, JsonValue] = Field(
        default_factory=dict, description="what comparing must know of the material; the same for every model"
    )
    coverage: Coverage
    values: dict[str, Number | None] = Field(default_factory=dict, description="single numbers of the model itself")
    seconds: Positive = 0.0

    @property
    def basis(self) -> Basis:
        """What it can be compared with."""
        return Basis(version=self.version, material=self.material)


@dataclass(frozen=True, eq=False)
class Sketch:
    """What one signal measured of one model. The arrays' names, shapes and units are the signal's own.

    `raw` holds larger arrays for research; no comparison needs them, and they may be missing.
    """

    facts: SignalFacts
    arrays: Mapping[str, Floats]
    raw: Mapping[str, NDArray[Any]]


class Served(Record):
    """How an endpoint was asked, and what its answers look like."""

    form: str = Field(description="form of the requests")
    requests: Count = Field(description="requests that were sent, those that failed among them")
    tokens: Count = Field(description="tokens that the server read or wrote in the answers that could be used")
    special_tokens: Count = Field(description="tokens that the server puts before a text, and tells of")
    repeats_nats: Positive = Field(description="largest difference between two answers about the same tokens")
    checked: bool = Field(description="whether a generated token was seen to have the same number within a prompt")
    rounded_to_nats: Positive = Field(description="step to which the server rounds log-probabilities; 0 for none")


NO_DEVICE, AS_STORED = "none", "as stored"
"""In place of device and dtype where the model was not run: only its files were read."""


class RunFacts(Record):
    """Where and when a model was measured."""

    probes: str
    probes_digest: str
    device: str
    dtype: str
    versions: dict[str, str]
    measured_at: datetime
    unused_tensors: Count | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="stored tensors that the model does not have; left out where it was not loaded",
    )
    served: Served | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="how an endpoint answered; left out for a model that was at hand",
    )

    @property
    def was_run(self) -> bool:
        """Whether the model was run, not only its files read."""
        return self.device != NO_DEVICE

    @property
    def where(self) -> str:
        """Device and dtype in short."""
        return f"{self.device} {self.dtype}" if self.was_run else "no device (the model was not run)"


class MeasurementFacts(RunFacts):
    """How a measurement was made, and what each signal covered."""

    signals: dict[str, SignalFacts | NotMeasured]

    @property
    def measured(self) -> dict[str, SignalFacts]:
        """The signals that were measured."""
        return {name: facts for name, facts in self.signals.items() if isinstance(facts, SignalFacts)}

    @property
    def seconds(self) -> float:
        """Seconds for all signals together."""
        return sum(facts.seconds for facts in self.measured.values())


@dataclass(frozen=True, eq=False)
class Measurement:
    """The numbers of one model by signal, or the reason why a signal could not be measured."""

    subject: Subject
    run: RunFacts
    signals: Mapping[str, Sketch | NotMeasured]

    @property
    def sketches(self) -> dict[str, Sketch]:
        """The signals that were measured."""
        return {name: sketch for name, sketch in self.signals.items() if isinstance(sketch, Sketch)}

    @property
    def bases(self) -> dict[str, Basis | NotMeasured]:
        """What each signal can be compared with, or why there is nothing to compare."""
        return {name: one.facts.basis if isinstance(one, Sketch) else one for name, one in self.signals.items()}

    @property
    def facts(self) -> MeasurementFacts:
        """Everything but the arrays, as a report states it."""
        signals = {name: one.facts if isinstance(one, Sketch) else one for name, one in self.signals.items()}
        return MeasurementFacts(**dict(self.run), signals=signals)


@dataclass(frozen=True, eq=False)
class Stack:
    """One signal's sketches of M models, stacked: those in a bank's file, or of a few models at hand.

    Every array has M rows. `values` are the single numbers of each model.
    """

    context: Mapping[str, JsonValue]
    values: tuple[Mapping[str, float | None], ...]
    arrays: Mapping[str, Floats]

    def __len__(self) -> int:
        return len(self.values)

    def take(self, rows: Floats | np.ndarray | list[int]) -> Stack:
        """The models of these rows, in that order."""
        chosen = np.asarray(rows, dtype=np.int64)
        if len(chosen) == len(self) and (chosen == np.arange(len(self))).all():
            return self
        values = tuple(self.values[row] for row in chosen)
        return Stack(self.context, values, {name: array[chosen] for name, array in self.arrays.items()})
