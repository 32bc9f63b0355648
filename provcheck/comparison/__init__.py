"""Compare a measurement with those of a bank: every signal computes its values once; the judge reads them from here."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from provcheck.bank import Bank
from provcheck.comparison.shortlist import choose, shortlist_of
from provcheck.errors import IncompatibleError
from provcheck.signals import TABLE, all_signals, find_signal, rank_of
from provcheck.signals.comparable import check_comparable, why_not_comparable
from provcheck.signals.contract import Signal
from provcheck.signals.stacks import stack_of
from provcheck.types import Basis, Comparison, Ints, Measurement, NotMeasured, SignalValues, Sketch, Stack

__all__ = ["compare", "compare_two", "examine", "shared_signals", "shortlist_of"]

UNREADABLE = NotMeasured(not_measured="the bank's arrays are of another version of provcheck")

Found = Sequence[SignalValues | NotMeasured]
Bases = Mapping[str, Basis | NotMeasured]


def compare(
    measurement: Measurement, bank: Bank, always: Collection[str] = (), named: Collection[str] = ()
) -> tuple[Comparison, ...]:
    """Compare with the references of a bank, nearest first; relations are for the judge to fill in.

    Of a large bank, only the shortlist is compared, and, however far, those at hand and those whose ids are in `always`
    or `named`, the ones that were named before anything was measured. Raises IncompatibleError when no signal was
    measured in the same way as the bank.
    """
    shared = shared_signals(measurement, bank)
    chosen = choose(shared, bank, _rows_called(bank, {*always, *named}))
    hypotheses = {bank.references[row].id for row in _rows_called(bank, named)}
    found = {name: _against_bank(name, shared.get(name), measurement, bank, chosen.rows) for name in TABLE}
    compared = []
    for place, row in enumerate(chosen.rows):
        reference = bank.references[row]
        at_hand = bank.at_hand.get(reference.id)
        compared.append(
            Comparison(
                reference=reference.id,
                family=None if at_hand else reference.family,
                mechanism=reference.mechanism,
                license=reference.license,
                signals={name: values[place] for name, values in found.items()},
                same_weights=_same(measurement.subject.weights_digest, reference.weights_digest),
                at_hand=at_hand,
                named=len(hypotheses) if reference.id in hypotheses else 0,
                ends=chosen.ends.get(int(row), ()),
            )
        )
    return tuple(sorted(compared, key=rank_of))


def compare_two(first: Measurement, second: Measurement) -> Comparison:
    """Compare two measurements head to head; the values are those of an audit of the first by a bank with the second.

    Raises IncompatibleError when no signal was measured in the same way.
    """
    one, two = first.sketches, second.sketches
    name = second.subject.id
    called = {run.probes_digest: run.probes for run in (first.run, second.run)}
    check_comparable(first.bases, second.bases, name, called)
    found: dict[str, SignalValues | NotMeasured] = {}
    for signal in TABLE:
        why_not = _why_not(signal, first.bases, second.bases, name, called)
        found[signal] = why_not or _head_to_head(find_signal(signal), one[signal], two[signal], first, name)
    return Comparison(
        reference=name,
        license=second.subject.license,
        signals=found,
        same_weights=_same(first.subject.weights_digest, second.subject.weights_digest),
    )


def examine(
    comparisons: Sequence[Comparison], chosen: str, measurement: Measurement, bank: Bank
) -> tuple[Comparison, ...]:
    """The comparisons, with the values added that are worth computing only for the chosen reference."""
    return tuple(_examined(one, measurement, bank) if one.reference == chosen else one for one in comparisons)


def shared_signals(measurement: Measurement, bank: Bank) -> dict[str, Sketch]:
    """The subject's sketches that the bank can be compared with, in the order of their rank.

    Raises IncompatibleError when there are none, or when arrays have other shapes than the bank's.
    """
    manifest, run = bank.manifest, measurement.run
    called = {**manifest.called, run.probes_digest: run.probes}
    check_comparable(measurement.bases, manifest.bases, manifest.name, called)
    shared = {}
    for name in TABLE:
        sketch, basis = measurement.sketches.get(name), bank.manifest.bases.get(name)
        if sketch and basis and name in bank.stacks and sketch.facts.basis == basis:
            _check_shapes(measurement.subject.id, sketch, bank.stacks[name], bank.manifest.name)
            shared[name] = sketch
    if not shared:
        raise IncompatibleError(
            f"this version of provcheck cannot compare the signals of bank '{bank.manifest.name}'",
            "get the bank again, or build it again",
        )
    return shared


def _rows_called(bank: Bank, ids: Collection[str]) -> list[int]:
    """Rows of the references with these ids; upper and lower case are the same, as on the Hub."""
    asked = {id.lower() for id in ids}
    return [row for row, reference in enumerate(bank.references) if reference.id.lower() in asked]


def _against_bank(name: str, sketch: Sketch | None, measurement: Measurement, bank: Bank, rows: Ints) -> Found:
    """What one signal says about each of these references."""
    if sketch is None:
        manifest = bank.manifest
        called = {**manifest.called, measurement.run.probes_digest: measurement.run.probes}
        why_not = _why_not(name, measurement.bases, manifest.bases, manifest.name, called) or UNREADABLE
        return [why_not] * len(rows)
    stack, measured = bank.part(name, rows)
    found: list[SignalValues | NotMeasured] = [_not_in_bank(bank, name, int(row)) for row in rows]
    for place, values in zip(measured, find_signal(name).compare(sketch, stack), strict=True):
        found[place] = values
    return found


def _why_not(name: str, own: Bases, other: Bases, other_name: str, called: Mapping[str, str]) -> NotMeasured | None:
    """Why a signal cannot be compared; None when it can."""
    one = own.get(name) or NotMeasured(not_measured="the measurement holds none")
    two = other.get(name)
    fault = why_not_comparable(one, two, other_name, called) if two else f"'{other_name}' holds none"
    if isinstance(one, NotMeasured):
        return one
    return NotMeasured(not_measured=fault) if fault else None


def _not_in_bank(bank: Bank, name: str, row: int) -> NotMeasured:
    found = bank.references[row].signals.get(name)
    return (
        found if isinstance(found, NotMeasured) else NotMeasured(not_measured="the bank holds none of this reference")
    )


def _head_to_head(
    signal: Signal, one: Sketch, two: Sketch, first: Measurement, name: str
) -> SignalValues | NotMeasured:
    other = stack_of(signal, [two])
    _check_shapes(first.subject.id, one, other, name)
    return signal.compare(one, other)[0]


def _examined(comparison: Comparison, measurement: Measurement, bank: Bank) -> Comparison:
    found = dict(comparison.signals)
    for name, signal in all_signals().items():
        values, sketch = found.get(name), measurement.sketches.get(name)
        if isinstance(values, SignalValues) and sketch:
            other, _ = bank.part(name, [bank.rows[comparison.reference]])
            found[name] = signal.examine(values, sketch, other)
    return comparison.model_copy(update={"signals": found})


def _check_shapes(subject: str, sketch: Sketch, stack: Stack, name: str) -> None:
    """A measurement file may claim any material; the shapes of its arrays show whether that is possible."""
    own = {one: array.shape for one, array in sketch.arrays.items()}
    if any(own.get(one) != array.shape[1:] for one, array in stack.arrays.items()):
        raise IncompatibleError(
            f"'{subject}' and '{name}' name the same probe set, but have arrays of another shape",
            "measure the model again",
        )


def _same(one: str | None, other: str | None) -> bool:
    return one is not None and one == other
