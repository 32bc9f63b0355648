"""What a signal must do: measure a model, compare two, give the judge features, and describe itself to a reader.

A signal has no state: everything that it knows about a model is in a `Sketch`, about several models in a `Stack`. Code
that uses signals loops over `provcheck.signals.TABLE` and knows nothing else about them. The methods are in the order
in which an audit calls them; those that are not abstract have a default that most signals can keep.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from provcheck.signals.describing import Column, Figure
from provcheck.signals.stacks import ArrayLayout, compare_all, is_plausible
from provcheck.types import (
    Access,
    Basis,
    Bools,
    Capability,
    Comparison,
    Coverage,
    Floats,
    Interval,
    NotMeasured,
    ProbeSet,
    Record,
    Report,
    Sign,
    SignalFacts,
    SignalValues,
    Sketch,
    Stack,
)


@dataclass(frozen=True)
class Measured:
    """What `Signal.measure` found; the fields are those of `Sketch` and `SignalFacts`."""

    arrays: Mapping[str, Floats]
    coverage: Coverage
    values: Mapping[str, float | None] = field(default_factory=dict)
    raw: Mapping[str, NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class LinearView:
    """Coordinates in which a merge of two models is nearly a weighted sum of them.

    subject: (D,), others: (M, D). `gain`: the residual of two parents over that of the best single one is at most this
    for a merge. `names_weights`: whether the weights of the sum are those of the merge.
    """

    subject: Floats
    others: Floats
    gain: float
    names_weights: bool = False


@dataclass(frozen=True)
class NamedNumber:
    """A number of a comparison under the name that readers know, and how far another device or dtype may move it."""

    name: str
    value: float | None
    moves_by: float


class Signal(ABC):
    """One kind of evidence."""

    name: ClassVar[str]
    title: ClassVar[str]
    """The name that readers see."""

    version: ClassVar[str]
    """`name/number`; the number grows with every change that moves what is measured."""

    needs: ClassVar[Capability]
    accuses: ClassVar[bool]
    """Whether nearness in this signal alone may count as descent."""

    arrays: ClassVar[Mapping[str, ArrayLayout]]
    """Names are unique across signals, since all share one measurement file."""

    values: ClassVar[type[SignalValues]]
    background: ClassVar[type[Record] | None] = None
    feature_names: ClassVar[tuple[str, ...]] = ()
    rising: ClassVar[frozenset[str]] = frozenset()
    """The features that are larger the more alike two models are; all others are smaller then."""

    innocent: ClassVar[Mapping[str, float]] = {}
    """How alike models may be, by feature, that share no trained weights, whatever pairs a bank knows of."""

    places: ClassVar[float] = 0.0
    """Weight of its distances among those that nearness, tree and map go by; 0 if it gives none."""

    columns: ClassVar[tuple[Column, ...]] = ()
    glossary: ClassVar[Mapping[str, str]] = {}
    metrics: ClassVar[tuple[str, ...]] = ()
    """Numbers in the facts of a sketch that say how well the model does; others only describe it."""

    # Measuring

    def material(self, probes: ProbeSet) -> str | None:
        """sha256 of the fixed material that models are measured on; None for a signal that needs none."""
        return probes.digest

    def context(self, probes: ProbeSet) -> Mapping[str, JsonValue]:
        """Facts about the material that a comparison needs, since it does not have the material itself."""
        return {}

    @abstractmethod
    def measure(self, access: Access, probes: ProbeSet) -> Measured | NotMeasured:
        """Measure an open target that gives what the signal needs. Raises SubjectError."""

    def basis(self, probes: ProbeSet) -> Basis:
        """What a sketch made with these probes can be compared with."""
        return Basis(version=self.version, material=self.material(probes))

    # Keeping

    def check(self, sketch: Sketch) -> bool:
        """Whether a sketch from a file holds what a model can give."""
        return all(
            name in sketch.arrays
            and sketch.arrays[name].ndim == layout.ndim
            and is_plausible(sketch.arrays[name], layout)
            for name, layout in self.arrays.items()
        )

    def check_stack(self, stack: Stack) -> bool:
        """Whether the arrays of a bank's file hold what models can give, one row for each model."""
        return all(
            name in stack.arrays
            and stack.arrays[name].ndim == layout.ndim + 1
            and len(stack.arrays[name]) == len(stack)
            and is_plausible(stack.arrays[name], layout)
            for name, layout in self.arrays.items()
        )

    def exported(self, sketch: Sketch) -> Mapping[str, Floats]:
        """Further arrays for a measurement file, for other programs; derived from the sketch's own."""
        return {}

    # Comparing

    def nearest(self, sketch: Sketch, stack: Stack, count: int) -> Sequence[int]:
        """Rows of the `count` nearest models, of those that have a distance; called only for large banks."""
        found = self.compare(sketch, stack, intervals=False)
        known = ((row, self.distance(one)) for row, one in enumerate(found) if isinstance(one, SignalValues))
        distances = {row: one.value for row, one in known if one}
        return sorted(distances, key=lambda row: distances[row])[:count]

    def lists(self, sketch: Sketch, stack: Stack, count: int) -> Mapping[str, Sequence[int]]:
        """Rows of the models of a large bank that are worth comparing in full: lists of the `count` likeliest, by name.

        A relative that is far in one should be near in another. A list by which nothing is near is left out.
        """
        nearest = self.nearest(sketch, stack, count)
        return {f"{self.title} distance": nearest} if nearest else {}

    @abstractmethod
    def compare(self, sketch: Sketch, stack: Stack, *, intervals: bool = True) -> Sequence[SignalValues | NotMeasured]:
        """The values of one model against each of a stack. Without `intervals` no time is spent on them."""

    @abstractmethod
    def distance(self, values: SignalValues) -> Interval | None:
        """How far apart two models are; smaller is nearer."""

    def all_distances(self, stack: Stack) -> Floats:
        """(M, M) what `distance` gives for every two models, at least above the diagonal; NaN where it gives none.

        A signal that can compute all at once overrides this: pair by pair takes seconds for hundreds of models.
        """
        found = np.full((len(stack), len(stack)), np.nan)
        for first, second, values in compare_all(self, stack):
            if one := self.distance(values):
                found[first, second] = one.value
        return found

    def features(self, values: SignalValues) -> Mapping[str, float]:
        """What a judge may read: the numbers of `feature_names`, each read or transformed from one of the values."""
        return {}

    def exact_p_value(self, values: SignalValues) -> float | None:
        """A p-value that needs no calibration, if the signal has one."""
        return None

    def examine(self, values: SignalValues, sketch: Sketch, other: Stack) -> SignalValues:
        """The values, plus those worth computing only for the reference that decides. `other` has one row."""
        return values

    # Placing

    def has_place(self, stack: Stack) -> Bools:
        """(M,) which models have a distance to others at all."""
        return np.ones(len(stack), dtype=bool)

    def distance_matrix(self, stack: Stack) -> Floats:
        """(M, M) distances among a few models."""
        raise NotImplementedError

    def resampled_matrices(self, stack: Stack, resamples: int) -> Iterator[Floats]:
        """(M, M) distances of each bootstrap resample of the material; one that gives no distances is left out."""
        return iter(())

    def linear_view(self, sketch: Sketch, stack: Stack) -> LinearView | None:
        """Coordinates to look for merges in, if the signal has any."""
        return None

    # Describing

    def against(self, context: Mapping[str, JsonValue] | None = None) -> tuple[Record, str] | None:
        """Published numbers to read the signal's own against, as a `background` record, and their digest.

        `context`: that of a bank, which may hold numbers of its own in their place.
        """
        return None

    def facts(self, facts: SignalFacts) -> list[tuple[str, str]]:
        """Terms and values: what is worth saying about one model's sketch besides its coverage."""
        return []

    def reasons(self, values: SignalValues, reference: str) -> tuple[str, ...]:
        """What it says about the verdict's reference, in plain sentences."""
        return ()

    def oddities(self, values: SignalValues, reference: str) -> tuple[Sign, ...]:
        """What is odd about two models that are related, such as a rewrite that changes no answer."""
        return ()

    def figures(self, report: Report, nearest: Comparison | None) -> list[Figure]:
        """The signal's section of the page; `nearest` is the comparison that the page speaks about."""
        return []

    def numbers(self, values: SignalValues) -> tuple[NamedNumber, ...]:
        """The main numbers, the most important first, and how far each may move when it is measured again."""
        return ()

    def details(self, values: SignalValues) -> tuple[NamedNumber, ...]:
        """All other numbers in the values, for the verification of a report."""
        return ()
