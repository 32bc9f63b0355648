"""Which models are shown on a tree or a map, and how far apart they are.

A distance is the mean of those of all signals that measured both models. The first signal that gives distances leads:
only models that it can place are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from provcheck import wording
from provcheck.bank import Bank
from provcheck.signals import all_signals
from provcheck.signals.contract import Signal
from provcheck.signals.stacks import exact, with_first
from provcheck.types import Floats, Ints, Measurement, Reference, Sketch, Stack

NEAREST = 20
"""References nearest to the subject that are shown in addition to one of each family."""

MAX_FAMILIES = 40

WHOLE = 500
"""Size of the largest bank that is shown whole: a larger picture cannot be read, and takes minutes."""


@dataclass(frozen=True)
class Part:
    """What a further signal knows of some of the models: their sketches, and their places (P,) among the leaves."""

    signal: Signal
    stack: Stack
    places: Ints

    def among(self, chosen: Ints) -> Part:
        """Of the leaves of these places, in that order."""
        new = {int(place): at for at, place in enumerate(chosen)}
        kept = [row for row, place in enumerate(self.places) if int(place) in new]
        return Part(
            self.signal, self.stack.take(kept), np.array([new[int(self.places[row])] for row in kept], np.int64)
        )

    @cached_property
    def distances(self) -> Floats:
        """(P, P) distances of its models."""
        return self.signal.distance_matrix(self.stack)


@dataclass(frozen=True)
class Leaves:
    """Models to show: the subject, if there is one, then references sorted by id.

    Sorting makes trees and maps independent of the bank's order. `stack` holds the models' sketches by `signal`, which
    leads; `further` what other signals know of them.
    `left_out` are the ids of references without any distance; `silent` says why the subject has none, if so.
    """

    subject: str | None
    references: tuple[Reference, ...]
    signal: Signal | None
    stack: Stack | None
    left_out: tuple[str, ...] = ()
    silent: str | None = None
    further: tuple[Part, ...] = ()

    def __len__(self) -> int:
        return len(self.stack) if self.stack else 0

    @property
    def ids(self) -> list[str]:
        """The models' ids, unchanged."""
        return [*([self.subject] if self.subject is not None else []), *(one.id for one in self.references)]

    @cached_property
    def labels(self) -> list[str]:
        """Unique labels for the leaves: ids with whitespace collapsed, since Newick has no line breaks.

        References keep their ids where possible; a subject with the same id as one of them is marked.
        """
        found: dict[str, None] = {}
        references = [_unused(one.id, "", found) for one in self.references]
        return [*([_unused(self.subject, "subject", found)] if self.subject is not None else []), *references]

    @property
    def placed(self) -> tuple[Signal, Stack]:
        """The signal and its sketches of the models. Raises ValueError if there are none."""
        if self.signal is None or self.stack is None:
            raise ValueError("no signal gives distances")
        return self.signal, self.stack

    @property
    def title(self) -> str:
        """The signals that the distances come from."""
        return wording.joined([one.title for one in (self.placed[0], *(part.signal for part in self.further))])

    @cached_property
    def distances(self) -> Floats:
        """(M, M) distances among the models. Only valid where `why_not` returns None."""
        signal, stack = self.placed
        return self._fused(signal.distance_matrix(stack))

    def resampled(self, resamples: int) -> Iterator[Floats]:
        """(M, M) distances of each bootstrap resample of the leading signal's material; other signals have none."""
        signal, stack = self.placed
        return map(self._fused, signal.resampled_matrices(stack, resamples))

    def among(self, chosen: Sequence[int]) -> Leaves:
        """The references at these places, in that order, with no subject."""
        signal, stack = self.placed
        places = np.asarray(chosen, dtype=np.int64)
        references = tuple(self.references[place] for place in chosen)
        further = tuple(part.among(places) for part in self.further)
        return Leaves(None, references, signal, stack.take(places), further=further)

    def _fused(self, led: Floats) -> Floats:
        """The leading signal's distances, averaged with those of the others where they have any."""
        weight = self.placed[0].places
        total, weights = weight * led, np.full(led.shape, weight)
        for part in self.further:
            at = np.ix_(part.places, part.places)
            total[at] += part.signal.places * part.distances
            weights[at] += part.signal.places
        return np.asarray(total / weights)

    def why_not(self, least: int, what: str) -> str | None:
        """Why these are too few for a tree or a map, or None when there are `least` of them."""
        if self.signal is None:
            return f"no signal that was measured gives distances for a {what}"
        if self.silent:
            return self.silent
        if len(self) >= least:
            return None
        count = {3: "three", 4: "four"}[least]
        return f"a {what} needs at least {count} models with {self.signal.title} distances, and there are {len(self)}"


def gather(bank: Bank, rows: Iterable[int], measurement: Measurement | None = None) -> Leaves:
    """The subject, if any, and the references of these rows; reads nothing else of the bank's arrays."""
    subject = measurement.subject.id if measurement else None
    signal = next(iter(_placing(bank, measurement)), None)
    chosen = sorted(rows, key=lambda row: bank.references[row].id)
    if signal is None:
        return Leaves(subject, (), None, None, tuple(bank.references[row].id for row in chosen))
    stack, measured = bank.part(signal.name, chosen)
    placed = np.flatnonzero(signal.has_place(stack))
    shown = [chosen[place] for place in measured[placed]]
    left_out = tuple(bank.references[row].id for row in chosen if row not in set(shown))
    references, part = tuple(bank.references[row] for row in shown), exact(stack.take(placed))
    further = tuple(_part(one, bank, shown, measurement) for one in _placing(bank, measurement)[1:])
    if measurement is None:
        return Leaves(None, references, signal, part, left_out, further=further)
    both = with_first(measurement.sketches[signal.name], part)
    silent = None if bool(signal.has_place(both.take([0]))[0]) else f"the subject has no {signal.title} distances"
    return Leaves(subject, references, signal, both, left_out, silent, further)


def _part(signal: Signal, bank: Bank, shown: Sequence[int], measurement: Measurement | None) -> Part:
    """What a signal knows of the subject, if there is one, and of these references."""
    stack, places = bank.part(signal.name, shown)
    stack = exact(stack)
    if measurement is not None:
        stack, places = with_first(measurement.sketches[signal.name], stack), np.concatenate([[0], places + 1])
    kept = np.flatnonzero(signal.has_place(stack))
    return Part(signal, stack.take(kept), places[kept])


def shown(bank: Bank, nearest_first: Sequence[str]) -> list[int]:
    """Rows that a tree around a subject shows: those of `nearby`, and the references at hand."""
    return sorted({*nearby(bank.references, nearest_first), *bank.rows_at_hand})


def nearby(references: Sequence[Reference], nearest_first: Sequence[str]) -> list[int]:
    """Rows of the nearest references, and of one of each family: its nearest, or else its first in the bank."""
    rows = {reference.id: row for row, reference in enumerate(references)}
    families: dict[str, int] = {}
    for row in [*(rows[id] for id in nearest_first), *range(len(references))]:
        families.setdefault(references[row].family, row)
    return sorted({rows[id] for id in nearest_first[:NEAREST]} | set(list(families.values())[:MAX_FAMILIES]))


def whole(bank: Bank, nearest_first: Sequence[str] = ()) -> tuple[list[int], str | None]:
    """Every row of a bank; if that is too large, the rows of `nearby` and a sentence that says so."""
    total = len(bank.references)
    if total <= WHOLE:
        return list(range(total)), None
    rows = shown(bank, nearest_first)
    near = f"the {min(NEAREST, len(nearest_first))} nearest references and " if nearest_first else ""
    each = f"one of each family, {MAX_FAMILIES} at most"
    return rows, f"{total} references are too many for one picture: it shows {near}{each}"


def _placing(bank: Bank, measurement: Measurement | None) -> list[Signal]:
    """The signals that give distances and were measured in the same way on both sides, in the order of their rank."""
    found = []
    for name, signal in all_signals().items():
        if not signal.places or name not in bank.stacks:
            continue
        sketch: Sketch | None = measurement.sketches.get(name) if measurement else None
        if measurement is None or (sketch and sketch.facts.basis == bank.manifest.bases[name]):
            found.append(signal)
    return found


def _unused(id: str, mark: str, taken: dict[str, None]) -> str:
    """A label that is not taken yet; `mark` is tried before a number."""
    label = stem = " ".join(id.split())
    if mark and label in taken:
        label = stem = f"{stem} ({mark})"
    number = 2
    while label in taken:
        label, number = f"{stem} ({number})", number + 1
    taken[label] = None
    return label
