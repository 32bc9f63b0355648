"""Add a reference to a bank, or take one out; the numbers of all others stay as they are, bit for bit."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from provcheck import data
from provcheck.bank.folder import ARRAYS_FILE, WORDS_FILE, Bank, arrays_fit, load_bank
from provcheck.bank.kinship import UNDOCUMENTED
from provcheck.bank.manifest import BankEntry, BankManifest
from provcheck.bank.writing import MANIFEST_FILE, entry_of, replace_bank, words_of
from provcheck.errors import BankError
from provcheck.reading import first_fault
from provcheck.types import Floats, Measurement, Reference

ARRAYS = ("paper_blocks", "contrast_blocks", "loglik")
"""Of bank.safetensors, in the order of the fields of a Bank."""


@dataclass(frozen=True)
class Edited:
    """The bank as it is now. `left_out`: files that were made for the references as they were, like the judge."""

    manifest: BankManifest
    left_out: tuple[str, ...]


def load_editable(name: str) -> Bank:
    """Load a bank that may be changed. Raises BankError when it is broken, or ships with provcheck."""
    shipped = data.banks().get(name)
    if shipped is None and data.is_packed() and Path(name).resolve().is_relative_to(data.root()):
        shipped = Path(name)
    if shipped is not None:
        copy = shlex.join(["cp", "-r", str(shipped), f"my-{shipped.name}"])
        raise BankError(f"the bank '{name}' ships with provcheck and stays as it is", f"change a copy of it: {copy}")
    return load_bank(name)


def check_new(bank: Bank, reference: Reference) -> None:
    """Raise BankError where the reference cannot be added, so that nothing is measured in vain."""
    if any(reference.id == known.id for known in bank.references):
        raise BankError(
            f"the bank '{bank.manifest.name}' has a reference '{reference.id}' already",
            "choose another --id, or remove that one first",
        )
    if any(reference.id in bank.kinship.line(parent) for parent in reference.parents):
        raise BankError(f"'{reference.id}' would be its own ancestor", "check --parent")


def add_reference(bank: Bank, reference: Reference, measurement: Measurement) -> Edited:
    """Write the bank with one reference more, as its last. Raises BankError or OutputError."""
    check_new(bank, reference)
    own = _arrays(bank)
    new = (measurement.paper_blocks, measurement.contrast_blocks, measurement.loglik_nats)
    with np.errstate(over="ignore"):  # what half precision cannot hold is refused below
        rows: dict[str, Floats] = {name: array.astype(own[name].dtype) for name, array in zip(ARRAYS, new, strict=True)}
    if any(rows[name].shape != own[name].shape[1:] for name in own):
        raise BankError(
            f"the measurement of '{reference.id}' has arrays of another shape than bank '{bank.manifest.name}'",
            "measure the model again",
        )
    words = _words(bank)
    if words is not None:
        words |= words_of([(reference, measurement)])
    entries = [*bank.references, entry_of(reference, measurement, rows)]
    return _rewrite(bank, entries, {name: np.concatenate([own[name], rows[name][None]]) for name in own}, words)


def remove_reference(bank: Bank, id: str) -> Edited:
    """Write the bank without that reference. Raises BankError or OutputError."""
    entry = next((known for known in bank.references if known.id == id), None)
    if entry is None:
        raise BankError(
            f"the bank '{bank.manifest.name}' has no reference '{id}'", "`provcheck bank show` lists what it has"
        )
    if len(bank.references) == 1:
        raise BankError(f"'{id}' is the only reference of bank '{bank.manifest.name}'", "remove the folder instead")
    _check_not_needed(bank, entry)
    row = bank.references.index(entry)
    words = _words(bank)
    if words is not None:
        words.pop(id, None)
    entries = [known for known in bank.references if known is not entry]
    return _rewrite(bank, entries, {name: np.delete(x, row, axis=0) for name, x in _arrays(bank).items()}, words)


def _check_not_needed(bank: Bank, entry: BankEntry) -> None:
    """Without a link of a line of descent, those below it would count as independent of those above it."""
    children = [known.id for known in bank.references if entry.id in known.parents]
    if children and (entry.parents or entry.mechanism == UNDOCUMENTED):
        raise BankError(
            f"'{entry.id}' documents where {_some(children)} came from; without it they would count as independent of "
            "models that they descend from",
            f"remove {_some(children)} first",
        )


def _some(ids: Sequence[str]) -> str:
    first = ", ".join(f"'{id}'" for id in ids[:3])
    return f"{first} and {len(ids) - 3} more" if len(ids) > 3 else first


def _arrays(bank: Bank) -> dict[str, Floats]:
    return dict(zip(ARRAYS, (bank.paper_blocks, bank.contrast_blocks, bank.loglik_nats), strict=True))


def _words(bank: Bank) -> dict[str, Floats] | None:
    """The raw attributions by id; None where the bank has none. They lack in the bank of an installed package."""
    if not (bank.folder / WORDS_FILE).exists():
        return None
    path = bank.checked_file(WORDS_FILE)
    try:
        return None if path is None else dict(load_file(path))
    except (SafetensorError, OSError, ValueError) as error:
        raise BankError(f"{WORDS_FILE} of bank '{bank.manifest.name}' cannot be read: {error}") from None


def _rewrite(
    bank: Bank, entries: Sequence[BankEntry], arrays: dict[str, Floats], words: dict[str, Floats] | None
) -> Edited:
    files = {ARRAYS_FILE: save(arrays)} | ({WORDS_FILE: save(words)} if words else {})
    try:
        manifest = BankManifest(**{**dict(bank.manifest), "references": tuple(entries), "files": {}})
    except ValidationError as error:
        raise BankError(f"the bank would not be valid: {first_fault(error)}") from None
    if not arrays_fit(Bank(manifest, bank.folder, *(arrays[name] for name in ARRAYS))):
        raise BankError(f"bank '{manifest.name}' cannot hold such numbers", "measure the model again")
    listed = {*bank.manifest.files, MANIFEST_FILE}
    unlisted = [path for path in bank.folder.iterdir() if path.name not in listed]
    left_out = sorted(set(bank.manifest.files) - set(files))
    return Edited(replace_bank(bank.folder, manifest, files, unlisted), tuple(left_out))
