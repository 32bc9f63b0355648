"""A signal: the lengths of the rows of a model's input embeddings, as quantiles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, cast

import numpy as np

from provcheck import wording
from provcheck.signals.contract import Measured, NamedNumber, Signal
from provcheck.signals.describing import Cell, Column, Dot, DotChart, Figure, Marked, Ruler
from provcheck.signals.stacks import ArrayLayout
from provcheck.types import (
    Access,
    Capability,
    Comparison,
    Coverage,
    Interval,
    NotMeasured,
    Positive,
    ProbeSet,
    Report,
    SignalValues,
    Sketch,
    Stack,
)

QUANTILES = 16


class NormValues(SignalValues):
    """How far apart two models' quantiles are: mean absolute difference of their natural logarithms."""

    log_ratio: Positive


class EmbeddingNorms(Signal):
    """Lengths of the input embeddings; models of one origin have nearly the same."""

    name = "norms"
    title = "Embedding norms"
    version = "norms/1"
    needs = Capability.WEIGHTS
    accuses = False
    arrays: ClassVar = {"norm_quantiles": ArrayLayout(1, np.float32, 1e6)}
    values = NormValues
    feature_names = ("log_ratio",)
    columns = (Column("norm ratio", "mean log ratio", lambda values: Cell(_shown(values))),)
    glossary: ClassVar = {"norm ratio": "How differently long the word vectors of two models are. 0 is the same."}

    def material(self, probes: ProbeSet) -> None:
        """No probes are needed."""

    def measure(self, access: Access, probes: ProbeSet) -> Measured | NotMeasured:
        """Quantiles of the lengths of all rows."""
        tensors = access.tensors()
        name = next((name for name in tensors if name.endswith("embed_tokens.weight")), None)
        if name is None:
            return NotMeasured(not_measured="no tensor is called embed_tokens.weight")
        lengths = np.linalg.norm(tensors[name].astype(np.float64), axis=1)
        quantiles = np.quantile(lengths, np.linspace(0, 1, QUANTILES)).astype(np.float32)
        return Measured({"norm_quantiles": quantiles}, Coverage(measured=len(lengths), total=len(lengths), unit="row"))

    def compare(self, sketch: Sketch, stack: Stack, *, intervals: bool = True) -> Sequence[NormValues | NotMeasured]:
        """All models at once."""
        logs = [
            np.log(np.maximum(one, 1e-9)) for one in (sketch.arrays["norm_quantiles"], stack.arrays["norm_quantiles"])
        ]
        return [NormValues(log_ratio=float(ratio)) for ratio in np.abs(logs[1] - logs[0]).mean(axis=1)]

    def distance(self, values: SignalValues) -> Interval:
        """The log ratio; there is no interval."""
        ratio = _ratio(values)
        return Interval(value=ratio, low=ratio, high=ratio)

    def features(self, values: SignalValues) -> Mapping[str, float]:
        """The log ratio as it is."""
        return {"log_ratio": _ratio(values)}

    def numbers(self, values: SignalValues) -> tuple[NamedNumber, ...]:
        """Reading a file again gives the same number."""
        return (NamedNumber("norm ratio", _ratio(values), 1e-6),)

    def reasons(self, values: SignalValues, reference: str) -> tuple[str, ...]:
        """One sentence."""
        return (f"The lengths of its word vectors differ from those of {reference} by {_shown(values)}.",)

    def figures(self, report: Report, nearest: Comparison | None) -> list[Figure]:
        """One row for each reference."""
        found = {one.reference: one.signals.get("norms") for one in report.comparisons}
        rows = [Dot(name, _shown(one), _ratio(one)) for name, one in found.items() if isinstance(one, NormValues)]
        ruler = Ruler(0.0, max([1.0, *(row.value for row in rows if row.value)]), {0.0: "0", 1.0: "1"}, "norm ratio")
        chart = DotChart("Norms", "Norm ratio to each reference.", rows, ruler)
        return [Figure("norms", "Lengths of the word vectors", Marked("How differently long they are."), chart)]


def _ratio(values: SignalValues) -> float:
    return cast("NormValues", values).log_ratio


def _shown(values: SignalValues) -> str:
    return wording.number(_ratio(values))
