"""Write a bank, whole or not at all. Raises OutputError."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
from pydantic import JsonValue
from safetensors.numpy import save

from provcheck.bank.folder import Bank, arrays_file, raw_file, stack_fits, stack_for
from provcheck.bank.manifest import BankEntry, BankManifest, BankSignal, EntryFacts
from provcheck.bank.parts import PART_FILE, Part
from provcheck.errors import BankError, OutputError
from provcheck.io.digests import arrays_digest, file_digest
from provcheck.io.writing import json_text, replace_folder, write_whole
from provcheck.signals import TABLE, find_signal
from provcheck.signals.stacks import stack_of
from provcheck.types import Floats, Measurement, NotMeasured, ProbeSet, Reference, Sketch

MANIFEST_FILE = "manifest.json"

Model = tuple[Reference, Measurement]
Rows = dict[str, Floats]
"""One model's rows of a signal's arrays, in the precision of a bank."""


def save_bank(
    folder: Path,
    name: str,
    probes: ProbeSet,
    models: Sequence[Model],
    *,
    raw: bool = False,
    part: Part | None = None,
) -> BankManifest:
    """Write a bank of measured models in place of the folder, one file for each signal that measured any of them.

    A `part` of a bank also says why a signal measured none of its models: it may have measured others. Raises BankError
    when the models were not measured in the same way, or give numbers that no bank can hold.
    """
    signals = [signal for signal in TABLE if any(signal in measurement.sketches for _, measurement in models)]
    kept = {signal: _kept(signal, models) for signal in signals}
    stated = TABLE if part else signals
    manifest = BankManifest(
        name=name,
        probes=probes.name,
        probes_digest=probes.digest,
        signals={signal: _facts_of(signal, models) for signal in signals},
        versions=models[0][1].run.versions,
        references=tuple(
            entry_of(reference, measurement, {signal: kept.get(signal, {}).get(place) for signal in stated})
            for place, (reference, measurement) in enumerate(models)
        ),
        files={},
    )
    arrays = {signal: _stacked(list(rows.values())) for signal, rows in kept.items()}
    check_fits(manifest, arrays)
    files = {arrays_file(signal): save(found) for signal, found in arrays.items()}
    if raw:
        files |= {raw_file(signal): save(found) for signal in signals if (found := raw_of(signal, models))}
    if part:
        files[PART_FILE] = json_text(part.model_dump(mode="json")).encode()
    return replace_bank(folder, manifest, files)


def replace_bank(
    folder: Path, manifest: BankManifest, files: Mapping[str, bytes], keep: Iterable[Path] = ()
) -> BankManifest:
    """Write a bank in place of the folder, with its digests; `keep` are copied into it."""
    folder = folder.resolve()
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}
    manifest = manifest.model_copy(update={"files": digests}).with_digest()
    replace_folder(folder, {**files, MANIFEST_FILE: manifest.rendered()}, keep, check_replaceable)
    return manifest


def check_fits(manifest: BankManifest, arrays: Mapping[str, Mapping[str, Floats]]) -> None:
    """Raise BankError when a bank of these arrays, by signal and name, could not be loaded again."""
    if not all(stack_fits(signal, stack_for(manifest, signal, found)) for signal, found in arrays.items()):
        raise BankError(f"bank '{manifest.name}' cannot hold such numbers", "measure the model again")


def check_replaceable(folder: Path) -> None:
    """Only a bank or an empty folder may be overwritten by a bank. Raises OutputError."""
    if not folder.exists() or (folder / MANIFEST_FILE).is_file() or (folder.is_dir() and not any(folder.iterdir())):
        return
    raise OutputError(f"{folder} exists and is not a bank", "choose another folder with --out")


def add_file(bank: Bank, name: str, content: bytes) -> BankManifest:
    """Put a further file into a bank and into its manifest."""
    write_whole(bank.folder / name, content)
    files = {**bank.manifest.files, name: file_digest(bank.folder / name)}
    manifest = bank.manifest.model_copy(update={"files": files}).with_digest()
    write_whole(bank.folder / MANIFEST_FILE, manifest.rendered())
    return manifest


def add_fitted(bank: Bank, signal: str, name: str, value: JsonValue) -> BankManifest:
    """Put what was found on the bank's references into its manifest, for the signal to read."""
    facts = bank.manifest.signals[signal]
    signals = {**bank.manifest.signals, signal: facts.model_copy(update={"fitted": {**facts.fitted, name: value}})}
    manifest = bank.manifest.model_copy(update={"signals": signals}).with_digest()
    write_whole(bank.folder / MANIFEST_FILE, manifest.rendered())
    return manifest


def entry_of(reference: Reference, measurement: Measurement, rows: Mapping[str, Rows | None]) -> BankEntry:
    """What the manifest says about a measured model; `rows` are its rows of the arrays of each signal of the bank."""
    subject = measurement.subject
    return BankEntry(
        **reference.model_dump(include=set(Reference.model_fields)),
        model_type=subject.model_type,
        tokenizer=subject.tokenizer,
        parameters=subject.parameters,
        revision=subject.revision,
        weights_digest=subject.weights_digest,
        dtype=measurement.run.dtype,
        settings=subject.settings,
        signals={signal: _entry_facts(measurement, signal, found) for signal, found in rows.items()},
    )


def kept_rows(signal: str, sketch: Sketch) -> Rows:
    """A sketch's arrays in the precision of a bank."""
    return {name: array[0] for name, array in stack_of(find_signal(signal), [sketch], kept=True).arrays.items()}


def raw_of(signal: str, models: Sequence[Model]) -> dict[str, Floats]:
    """Raw arrays by the model's id, one after the other by name, each scaled to a maximum of 1 so that half precision
    holds it. Those of tokens, which integers place, depend on the tokenizer and stay in measurement files."""
    found: dict[str, Floats] = {}
    for reference, measurement in models:
        sketch = measurement.sketches.get(signal)
        if sketch and sketch.raw and all(array.dtype.kind == "f" for array in sketch.raw.values()):
            scaled = [array / max(float(np.abs(array).max()), 1e-30) for _, array in sorted(sketch.raw.items())]
            found[reference.id] = np.concatenate([array.ravel() for array in scaled]).astype(np.float16)
    return found


def _kept(signal: str, models: Sequence[Model]) -> dict[int, Rows]:
    """Rows of the models that the signal measured, by their indexes."""
    return {
        place: kept_rows(signal, measurement.sketches[signal])
        for place, (_, measurement) in enumerate(models)
        if signal in measurement.sketches
    }


def _facts_of(signal: str, models: Sequence[Model]) -> BankSignal:
    """How all models were measured. Raises BankError when they were measured in different ways."""
    found = {reference.id: one.sketches[signal].facts for reference, one in models if signal in one.sketches}
    (first_id, first), *others = found.items()
    for id, facts in others:
        if facts.basis != first.basis:
            raise BankError(
                f"'{first_id}' and '{id}' were not measured in the same way ({signal})", "measure them again"
            )
    return BankSignal(version=first.version, material=first.material, context=first.context)


def _entry_facts(measurement: Measurement, signal: str, rows: Rows | None) -> EntryFacts | NotMeasured:
    if rows is None:
        found = measurement.signals.get(signal)
        reason = "it was measured in another way" if found else "the measurement holds none"
        return found if isinstance(found, NotMeasured) else NotMeasured(not_measured=reason)
    facts = measurement.sketches[signal].facts
    return EntryFacts(coverage=facts.coverage, values=facts.values, sha256=arrays_digest(rows))


def _stacked(rows: Sequence[Rows]) -> dict[str, Floats]:
    try:
        return {name: np.stack([one[name] for one in rows]) for name in rows[0]}
    except ValueError:
        raise BankError("the measurements have arrays of different shapes", "measure the models again") from None
