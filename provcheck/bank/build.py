"""Measure the models of a manifest into a bank. A killed run continues; a model that fails is reported and skipped."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from provcheck.bank.folder import check_replaceable, save_bank
from provcheck.bank.manifest import BankManifest, BuildEntry, BuildManifest
from provcheck.errors import BankError, MeasurementFileError, ProvcheckError
from provcheck.observer import Observer
from provcheck.store import load_measurement, save_measurement
from provcheck.types import ALGORITHM, Measurement, ProbeSet


@dataclass(frozen=True)
class Built:
    """A finished bank, and the models that failed with their errors."""

    manifest: BankManifest
    failures: dict[str, str]


def build_bank(
    manifest: BuildManifest,
    out: Path,
    probes: ProbeSet,
    measure_model: Callable[[BuildEntry], Measurement],
    observe: Observer,
    *,
    words: bool = False,
    settings: str = "",
) -> Built:
    """Measure every model with `measure_model` and write the bank to `out`.

    Finished measurements wait in `.OUT.parts` beside it until the bank is whole; a later run uses those that were made
    with the same `settings` (such as device and dtype). Raises BankError when every model failed, OutputError when the
    bank cannot be written.
    """
    check_replaceable(out)
    parts = out.parent / f".{out.name}.parts"
    done: list[tuple[BuildEntry, Measurement]] = []
    failures: dict[str, str] = {}
    for number, entry in enumerate(manifest.models, 1):
        observe.note(f"[{number}/{len(manifest.models)}] {entry.id}")
        try:
            done.append((entry, _measured(entry, parts / _key(entry, probes, settings), measure_model)))
        except ProvcheckError as error:
            failures[entry.id] = error.message
            observe.note(f"skipped {entry.id}: {error.message}")
    if not done:
        raise BankError(f"none of the {len(manifest.models)} models could be measured: {next(iter(failures.values()))}")
    written = save_bank(out, manifest.name, probes, done, words=words)
    shutil.rmtree(parts, ignore_errors=True)
    return Built(written, failures)


def _key(entry: BuildEntry, probes: ProbeSet, settings: str) -> str:
    """File name of a finished measurement; files that changed in place under one path are not noticed."""
    content = f"{entry.id} {entry.path} {entry.revision} {probes.digest} {ALGORITHM} {settings}"
    return f"{hashlib.sha256(content.encode()).hexdigest()[:32]}.safetensors"


def _measured(entry: BuildEntry, part: Path, measure_model: Callable[[BuildEntry], Measurement]) -> Measurement:
    """The measurement of an earlier, interrupted run, or a new one."""
    if part.is_file():
        try:
            return load_measurement(part)
        except MeasurementFileError:
            part.unlink()
    measurement = measure_model(entry)
    save_measurement(measurement, part, raw=True)
    return measurement
