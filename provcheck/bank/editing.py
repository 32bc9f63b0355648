"""Add a reference to a bank, or take one out; the numbers of all others stay as they are, bit for bit."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from pydantic import ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from provcheck.bank.ancestry import UNDOCUMENTED
from provcheck.bank.folder import Bank, arrays_file, load_bank, raw_file
from provcheck.bank.manifest import BankEntry, BankManifest, check_parents
from provcheck.bank.saving import MANIFEST_FILE, Rows, check_fits, entry_of, kept_rows, raw_of, replace_bank
from provcheck.errors import BankError
from provcheck.io import data
from provcheck.io.untrusted import first_fault, is_file
from provcheck.signals.comparable import check_comparable
from provcheck.types import Floats, Measurement, Reference
from provcheck.wording import listing

Arrays = Mapping[str, Mapping[str, Floats]]
"""By signal, then by name."""


@dataclass(frozen=True)
class Edited:
    """The bank as it is now. `left_out`: what was made for the previous references, like the judge."""

    manifest: BankManifest
    left_out: tuple[str, ...]


def is_bank(name: str) -> bool:
    """Whether a bank of that name ships, or lies in the folder of that name."""
    return name in data.banks() or is_file(Path(name) / MANIFEST_FILE)


def load_editable(name: str) -> Bank:
    """Load a bank that may be changed, under the name that it has from then on: a copy of one that ships is another.

    Raises BankError when it is broken, or ships with provcheck.
    """
    shipped = data.banks().get(name)
    if shipped is None and data.is_packed() and Path(name).resolve().is_relative_to(data.root()):
        shipped = Path(name)
    if shipped is not None:
        copy = shlex.join(["cp", "-r", str(shipped), f"my-{shipped.name}"])
        raise BankError(f"the bank '{name}' ships with provcheck and stays as it is", f"change a copy of it: {copy}")
    bank = load_bank(name)
    return replace(bank, manifest=bank.manifest.model_copy(update={"name": _own_name(bank)}))


def _own_name(bank: Bank) -> str:
    """Its name; of a copy of a bank that ships, what its folder is called."""
    name, shipped = bank.manifest.name, data.banks()
    if name not in shipped or shipped[name].resolve() == bank.folder.resolve():
        return name
    folder = bank.folder.resolve().name
    return f"{folder}-edited" if folder in shipped else folder


def check_new(bank: Bank, reference: Reference) -> None:
    """Raise BankError where the reference cannot be added, so that nothing is measured in vain."""
    if any(reference.id == known.id for known in bank.references):
        raise BankError(
            f"the bank '{bank.manifest.name}' has a reference '{reference.id}' already",
            "choose another --id, or remove that one first",
        )
    if any(reference.id in bank.ancestry.line(parent) for parent in reference.parents):
        raise BankError(f"'{reference.id}' would be its own ancestor", "check --parent")
    check_parents([reference], bank.rows)


def add_reference(bank: Bank, reference: Reference, measurement: Measurement) -> Edited:
    """Write the bank with one more reference at the end. Raises BankError, IncompatibleError or OutputError."""
    check_new(bank, reference)
    check_complete(bank)
    check_fits_bank(bank, measurement)
    rows = {name: rows_for(bank, name, reference.id, measurement) for name in bank.stacks}
    arrays = {name: appended(bank.stacks[name].arrays, found) for name, found in rows.items()}
    raw = {name: found | raw_of(name, [(reference, measurement)]) for name, found in raw_arrays(bank).items()}
    return _rewrite(bank, [*bank.references, entry_of(reference, measurement, rows)], arrays, raw)


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
    check_complete(bank)
    place = bank.references.index(entry)
    arrays = {
        name: {one: array[bank.rows_of(name) != place] for one, array in stack.arrays.items()}
        for name, stack in bank.stacks.items()
    }
    raw = {name: {one: array for one, array in found.items() if one != id} for name, found in raw_arrays(bank).items()}
    return _rewrite(bank, [known for known in bank.references if known is not entry], arrays, raw)


def check_complete(bank: Bank) -> None:
    """A signal that this version cannot read could not be kept in step with the references."""
    unread = sorted(set(bank.manifest.signals) - set(bank.stacks))
    if unread:
        raise BankError(
            f"the bank '{bank.manifest.name}' has signals of another version of provcheck: {', '.join(unread)}",
            "change it with that version, or build it again with this one",
        )


def check_fits_bank(bank: Bank, measurement: Measurement) -> None:
    """Raise IncompatibleError for a measurement that cannot be compared with any of the bank's."""
    manifest, run = bank.manifest, measurement.run
    called = {**manifest.called, run.probes_digest: run.probes}
    check_comparable(measurement.bases, manifest.bases, manifest.name, called)


def rows_for(bank: Bank, signal: str, id: str, measurement: Measurement) -> Rows | None:
    """A model's rows for the bank; None if it was not measured in the same way as the bank."""
    sketch = measurement.sketches.get(signal)
    if sketch is None or sketch.facts.basis != bank.manifest.signals[signal].basis:
        return None
    rows = kept_rows(signal, sketch)
    if any(rows[name].shape != array.shape[1:] for name, array in bank.stacks[signal].arrays.items()):
        raise BankError(
            f"the measurement of '{id}' has arrays of another shape than bank '{bank.manifest.name}'",
            "measure the model again",
        )
    return rows


def appended(arrays: Mapping[str, Floats], rows: Rows | None) -> Mapping[str, Floats]:
    """The arrays of a stack with one more model at the end, if it has rows."""
    if rows is None:
        return arrays
    return {name: np.concatenate([array, rows[name][None].astype(array.dtype)]) for name, array in arrays.items()}


def _check_not_needed(bank: Bank, entry: BankEntry) -> None:
    """Without a link in a line of descent, models below it would count as independent of those above it."""
    quoted = [f"'{known.id}'" for known in bank.references if entry.id in known.parents]
    if quoted and (entry.parents or entry.mechanism == UNDOCUMENTED):
        raise BankError(
            f"'{entry.id}' documents where {listing(quoted)} came from; without it they would count as independent of "
            "models that they descend from",
            f"remove {listing(quoted)} first",
        )


def raw_arrays(bank: Bank) -> dict[str, dict[str, Floats]]:
    """The raw arrays by signal and id, if the bank has them; an installed package ships none."""
    found: dict[str, dict[str, Floats]] = {}
    for signal in bank.stacks:
        name = raw_file(signal)
        if not (bank.folder / name).exists() or (path := bank.checked_file(name)) is None:
            continue
        try:
            found[signal] = dict(load_file(path))
        except (SafetensorError, OSError, ValueError) as error:
            raise BankError(f"{name} of bank '{bank.manifest.name}' cannot be read: {error}") from None
    return found


def _rewrite(bank: Bank, entries: Sequence[BankEntry], arrays: Arrays, raw: Arrays) -> Edited:
    arrays = {name: found for name, found in arrays.items() if len(next(iter(found.values())))}
    files = {arrays_file(name): save(dict(found)) for name, found in arrays.items()}
    files |= {raw_file(name): save(dict(found)) for name, found in raw.items() if found}
    signals = {name: bank.manifest.signals[name].model_copy(update={"fitted": {}}) for name in arrays}
    fields = {**dict(bank.manifest), "references": tuple(entries), "signals": signals, "files": {}}
    try:
        manifest = BankManifest(**fields)
    except ValidationError as error:
        raise BankError(f"the bank would not be valid: {first_fault(error)}") from None
    check_fits(manifest, arrays)
    listed = {*bank.manifest.files, MANIFEST_FILE}
    unlisted = [path for path in bank.folder.iterdir() if path.name not in listed]
    fitted = [f"{key} of {name}" for name, one in bank.manifest.signals.items() for key in one.fitted]
    left_out = sorted({*bank.manifest.files, *fitted} - set(files))
    return Edited(replace_bank(bank.folder, manifest, files, unlisted), tuple(left_out))
