"""Several banks made one: the parts that shards built, in the manifest's order, or banks of different models.

Of the parts of one manifest, in whatever order they are given, comes the bank that one run would have built, byte for
byte. Nothing is guessed: a model that two banks hold with different numbers, other probes, another version of a signal
or a shard that is not among the banks is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import numpy as np
from pydantic import ValidationError
from safetensors.numpy import save

from provcheck.bank.editing import check_complete, raw_arrays
from provcheck.bank.folder import Bank, arrays_file, load_bank, raw_file
from provcheck.bank.manifest import REBUILD, BankEntry, BankManifest, EntryFacts
from provcheck.bank.parts import PART_FILE, Part
from provcheck.bank.saving import check_fits, check_replaceable, replace_bank
from provcheck.errors import BankError, UsageError
from provcheck.io.text import plain
from provcheck.io.untrusted import first_fault
from provcheck.io.writing import would_replace
from provcheck.signals import TABLE
from provcheck.types import Floats, NotMeasured
from provcheck.wording import listing

AGAIN = "build the parts again from one manifest, with the same version of provcheck"


@dataclass(frozen=True)
class United:
    """The bank, the models of the manifest that it lacks with the reason, and what was made for single banks alone."""

    manifest: BankManifest
    missing: Mapping[str, str]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class Piece:
    """A bank, and what it is a part of; one that is no part is all of itself."""

    bank: Bank
    part: Part | None

    @property
    def models(self) -> tuple[str, ...]:
        """What the whole has, in order."""
        return self.part.models if self.part else tuple(one.id for one in self.bank.references)


def unite_banks(names: Sequence[str], out: Path, name: str | None = None) -> United:
    """Write a bank of all references of these banks. `name`: what it is called; by default as they all are.

    Raises BankError, OutputError or UsageError.
    """
    pieces = [_piece(one) for one in names]
    for one in pieces:
        if would_replace(out, one.bank.folder):
            raise UsageError(f"{one.bank.folder} would be replaced by {out}", "choose another --out")
    check_replaceable(out)
    _check_alike(pieces)
    called = sorted({one.bank.manifest.name for one in pieces})
    if name is None and len(called) > 1:
        raise UsageError(
            f"the banks have different names: {', '.join(map(plain, called))}", "--name says the new one's"
        )
    missing = _missing(pieces)
    owners = _owners(pieces)
    order = [id for id in dict.fromkeys(chain.from_iterable(one.models for one in pieces)) if id in owners]
    signals = [one for one in TABLE if any(one in piece.bank.stacks for piece in pieces)]
    arrays = {one: _rows(one, order, owners) for one in signals}
    raw = {one: found for one in signals if (found := _raw(one, order, pieces))}
    manifest = _manifest(name or called[0], signals, order, owners)
    check_fits(manifest, arrays)
    files = {arrays_file(one): save(found) for one, found in arrays.items()}
    files |= {raw_file(one): save(found) for one, found in raw.items()}
    return United(replace_bank(out, manifest, files), missing, _left_out(pieces, files))


def _piece(name: str) -> Piece:
    bank = load_bank(name)
    check_complete(bank)
    path = bank.checked_file(PART_FILE)
    try:
        return Piece(bank, Part.model_validate_json(path.read_bytes()) if path else None)
    except ValidationError as error:
        raise BankError(f"{PART_FILE} of bank '{name}' is broken: {first_fault(error)}", REBUILD) from None


def _check_alike(pieces: Sequence[Piece]) -> None:
    """Raise BankError where numbers of two of the banks could not be compared, or the parts are not of one manifest."""
    first = pieces[0].bank.manifest
    lists = {one.part.models: one for one in pieces if one.part}
    if len(lists) > 1:
        two = listing([plain(str(one.bank.folder)) for one in lists.values()][:2])
        raise BankError(f"{two} are parts of different manifests", AGAIN)
    for one in pieces[1:]:
        other = one.bank.manifest
        pair = f"{plain(str(pieces[0].bank.folder))} and {plain(str(one.bank.folder))}"
        if other.probes_digest != first.probes_digest:
            raise BankError(f"{pair} were measured on different probes: {first.probes} and {other.probes}", AGAIN)
        for signal in first.signals.keys() & other.signals.keys():
            a, b = (each.signals[signal].model_copy(update={"fitted": {}}) for each in (first, other))
            if a != b:
                raise BankError(f"{pair} were measured in different ways: {a.version} and {b.version}", AGAIN)


def _missing(pieces: Sequence[Piece]) -> dict[str, str]:
    """The models that failed in their shards. Raises BankError where a shard is not there at all."""
    parts = [one.part for one in pieces if one.part]
    known = {one.id for piece in pieces for one in piece.bank.references}
    failed = {id: why for part in parts for id, why in part.failures.items() if id not in known}
    lost = [id for part in parts[:1] for id in part.models if id not in known and id not in failed]
    if lost:
        given = listing(sorted(part.shard for part in parts))
        raise BankError(
            f"of the manifest's {len(parts[0].models)} models, {len(lost)} are in none of the banks, which are shards "
            f"{given}: {', '.join(map(plain, lost[:5]))}{' ...' if len(lost) > 5 else ''}",
            "name the banks of all shards; build those that are missing with --shard",
        )
    return failed


def _owners(pieces: Sequence[Piece]) -> dict[str, tuple[Bank, BankEntry]]:
    """By id: the first bank that has the model. Raises BankError where another has it with other numbers."""
    owners: dict[str, tuple[Bank, BankEntry]] = {}
    for bank in (one.bank for one in pieces):
        for entry in bank.references:
            other, known = owners.setdefault(entry.id, (bank, entry))
            if _measured(known) != _measured(entry):
                a, b = plain(str(other.folder)), plain(str(bank.folder))
                raise BankError(f"{a} and {b} both have '{entry.id}', and differ in it", "remove it from one of them")
    return owners


def _measured(entry: BankEntry) -> BankEntry:
    """Without the reasons of signals that measured nothing, which a part states and a whole bank may not."""
    found = {name: facts for name, facts in entry.signals.items() if isinstance(facts, EntryFacts)}
    return entry.model_copy(update={"signals": found})


def _rows(signal: str, order: Sequence[str], owners: Mapping[str, tuple[Bank, BankEntry]]) -> dict[str, Floats]:
    """The arrays of a signal, of all models that it measured, in order."""
    rows: dict[str, list[Floats]] = {}
    places = {id(bank): {int(row): at for at, row in enumerate(bank.rows_of(signal))} for bank, _ in owners.values()}
    for one in order:
        bank, entry = owners[one]
        at = places[id(bank)].get(bank.rows[entry.id])
        if at is not None:
            for name, array in bank.stacks[signal].arrays.items():
                rows.setdefault(name, []).append(array[at])
    try:
        return {name: np.stack(found) for name, found in rows.items()}
    except ValueError:
        raise BankError(f"the banks have arrays of different shapes ({signal})", AGAIN) from None


def _raw(signal: str, order: Sequence[str], pieces: Sequence[Piece]) -> dict[str, Floats]:
    """The raw arrays, where all banks that have the signal have them."""
    found = [raw_arrays(one.bank).get(signal) for one in pieces if signal in one.bank.stacks]
    if not all(found):
        return {}
    known = {id: array for one in found if one for id, array in one.items()}
    return {id: known[id] for id in order if id in known}


def _manifest(
    name: str, signals: Sequence[str], order: Sequence[str], owners: Mapping[str, tuple[Bank, BankEntry]]
) -> BankManifest:
    first = owners[order[0]][0].manifest
    none = NotMeasured(not_measured="the measurement holds none")
    entries = [owners[id][1] for id in order]
    facts = {
        one: next(b.manifest.signals[one] for b, _ in owners.values() if one in b.manifest.signals) for one in signals
    }
    fields = dict(first) | {
        "name": name,
        "signals": {one: found.model_copy(update={"fitted": {}}) for one, found in facts.items()},
        "references": tuple(
            one.model_copy(update={"signals": {key: one.signals.get(key, none) for key in signals}}) for one in entries
        ),
        "files": {},
    }
    try:
        return BankManifest(**fields)
    except ValidationError as error:
        raise BankError(f"the bank would not be valid: {first_fault(error)}") from None


def _left_out(pieces: Sequence[Piece], files: Mapping[str, bytes]) -> tuple[str, ...]:
    """Files, and what was fitted, that belong to single banks."""
    made = {file for one in pieces for file in one.bank.manifest.files if file not in files and file != PART_FILE}
    facts = {name: signal for one in pieces for name, signal in one.bank.manifest.signals.items()}
    return tuple(sorted(made | {f"{key} of {name}" for name, signal in facts.items() for key in signal.fitted}))
