"""Read and check a bank: manifest.json and one file of plain arrays for each signal, no pickle anywhere."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from provcheck.bank.ancestry import Ancestry
from provcheck.bank.manifest import REBUILD, BankEntry, BankManifest, EntryFacts, leads_outside, read_bank_manifest
from provcheck.errors import BankError
from provcheck.io import data
from provcheck.io.digests import arrays_digest, file_digest
from provcheck.io.safetensors import read_arrays
from provcheck.io.text import reason
from provcheck.signals import TABLE, find_signal
from provcheck.types import AtHand, Ints, Stack, StrPath

RAW = "-raw"
"""How the name of a file for research ends, before its suffix: no audit needs it, and no installed package has it."""


def arrays_file(signal: str) -> str:
    """Name of the file with a signal's arrays."""
    return f"{signal}.safetensors"


def raw_file(signal: str) -> str:
    """Name of the file with a signal's raw arrays."""
    return f"{signal}{RAW}.safetensors"


@dataclass(frozen=True)
class Bank:
    """A loaded bank of M references.

    `stacks` holds the signals that this version can compare with. A reference that a signal could not measure has no
    row in its stack; `rows_of` says which reference each row belongs to. In memory, references at hand may stand behind
    the bank's own (`provcheck.bank.widening`): `at_hand` says what they are, and `narrow` is the bank without them.
    """

    manifest: BankManifest
    folder: Path
    stacks: Mapping[str, Stack]
    at_hand: Mapping[str, AtHand] = field(default_factory=dict)
    narrow: Bank | None = field(default=None, repr=False)

    @property
    def references(self) -> tuple[BankEntry, ...]:
        """The reference models, in the bank's order."""
        return self.manifest.references

    @cached_property
    def rows(self) -> dict[str, int]:
        """Index of each reference by its id."""
        return {reference.id: row for row, reference in enumerate(self.references)}

    @property
    def own(self) -> Bank:
        """The bank as it lies in its folder, without references at hand."""
        return self.narrow or self

    @property
    def rows_at_hand(self) -> range:
        """Indexes of the references at hand."""
        return range(len(self.own.references), len(self.references))

    def rows_of(self, signal: str) -> Ints:
        """For each row of the signal's stack, the index of the reference that it belongs to."""
        return rows_with(signal, self.references)

    def part(self, signal: str, rows: Sequence[int] | Ints) -> tuple[Stack, Ints]:
        """The stack of those references in `rows` that the signal measured, and their positions in `rows`."""
        asked = np.asarray(rows, dtype=np.int64)
        places = np.full(len(self.references), -1)
        known = self.rows_of(signal)
        places[known] = np.arange(len(known))
        found = np.flatnonzero(places[asked] >= 0)
        return self.stacks[signal].take(places[asked[found]]), found

    def checked_file(self, name: str) -> Path | None:
        """A further file that the manifest lists, its digest checked; None when the bank has none of that name."""
        if name not in self.manifest.files:
            return None
        _check_file(self.folder, self.manifest, name)
        return self.folder / name

    @cached_property
    def ancestry(self) -> Ancestry:
        """The documented lineage."""
        return Ancestry(self.references)


def load_bank(name: StrPath) -> Bank:
    """Load a shipped bank by name, or a folder, and check every digest.

    Signals of another version, or that this version does not know, are skipped. Raises BankError when the bank is
    unknown, broken, or was changed.
    """
    folder = data.bank_folder(os.fspath(name))
    manifest = read_bank_manifest(folder)
    known = [
        one for one, facts in manifest.signals.items() if one in TABLE and facts.version == find_signal(one).version
    ]
    with ThreadPoolExecutor() as pool:  # to read and to hash a file lets others run
        stacks = pool.map(lambda signal: _read_stack(folder, manifest, signal), known)
        return Bank(manifest, folder, dict(zip(known, stacks, strict=True)))


def verify_bank(name: str) -> Bank:
    """Load a bank and check the digest of every single model too, and of all further files that are there."""
    bank = load_bank(name)
    for signal, stack in bank.stacks.items():
        for row, place in enumerate(bank.rows_of(signal)):
            reference = bank.references[place]
            facts = reference.signals[signal]
            rows = {one: array[row] for one, array in stack.arrays.items()}
            if isinstance(facts, EntryFacts) and arrays_digest(rows) != facts.sha256:
                raise BankError(f"the numbers of '{reference.id}' in bank '{bank.manifest.name}' were changed")
    for file in bank.manifest.files:
        if not Path(file).stem.endswith(RAW) or (bank.folder / file).exists():
            _check_file(bank.folder, bank.manifest, file)
    return bank


def rows_with(signal: str, references: Sequence[BankEntry]) -> Ints:
    """Indexes of the references that a signal measured."""
    return np.array(
        [row for row, one in enumerate(references) if isinstance(one.signals.get(signal), EntryFacts)], dtype=np.int64
    )


def stack_for(manifest: BankManifest, signal: str, arrays: Mapping[str, Any]) -> Stack:
    """The stack of these arrays, with the manifest's facts about their models."""
    found = [one.signals.get(signal) for one in manifest.references]
    values = tuple(one.values for one in found if isinstance(one, EntryFacts))
    facts = manifest.signals[signal]
    return Stack({**facts.context, **facts.fitted}, values, dict(arrays))


def stack_fits(signal: str, stack: Stack) -> bool:
    """Whether the arrays hold numbers that models can give, one row for each model that the manifest lists."""
    return len(stack) > 0 and find_signal(signal).check_stack(stack)


def _read_stack(folder: Path, manifest: BankManifest, signal: str) -> Stack:
    name = arrays_file(signal)
    try:
        arrays = read_arrays(_plain_file(folder, manifest, name), manifest.files.get(name, ""))
    except (OSError, ValueError) as error:
        raise BankError(f"the file {name} of bank '{manifest.name}' cannot be read: {reason(error)}", REBUILD) from None
    if arrays is None:
        raise _changed(manifest, name)
    stack = stack_for(manifest, signal, arrays)
    if not stack_fits(signal, stack):
        raise BankError(f"the arrays in {name} of bank '{manifest.name}' do not fit its manifest, or hold NaN", REBUILD)
    return stack


def _check_file(folder: Path, manifest: BankManifest, name: str) -> None:
    path = _plain_file(folder, manifest, name)
    try:
        changed = file_digest(path) != manifest.files.get(name)
    except OSError as error:
        raise BankError(f"the file {name} of bank '{manifest.name}' cannot be read: {reason(error)}") from None
    if changed:
        raise _changed(manifest, name)


def _plain_file(folder: Path, manifest: BankManifest, name: str) -> Path:
    """A file of the folder itself: an untrusted bank must not make us read files outside of it."""
    path = folder / name
    if not path.is_file() or leads_outside(path):
        raise BankError(f"the bank '{manifest.name}' lacks its file {name}", "get or build the bank again")
    return path


def _changed(manifest: BankManifest, name: str) -> BankError:
    return BankError(f"the file {name} of bank '{manifest.name}' was changed after the bank was built", REBUILD)
