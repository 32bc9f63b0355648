"""Measure the models of a manifest into a bank. A model that fails is reported and skipped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from provcheck.bank.manifest import BankManifest, BuildEntry, BuildManifest
from provcheck.bank.writing import check_replaceable, save_bank
from provcheck.errors import BankError, ProvcheckError
from provcheck.observer import Observer
from provcheck.types import Measurement, ProbeSet


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
) -> Built:
    """Measure every model with `measure_model` and write the bank to `out`.

    That a killed run continues is up to `measure_model`, which may remember. Raises BankError when every model failed,
    OutputError when the bank cannot be written.
    """
    check_replaceable(out)
    done: list[tuple[BuildEntry, Measurement]] = []
    failures: dict[str, str] = {}
    for number, entry in enumerate(manifest.models, 1):
        observe.note(f"[{number}/{len(manifest.models)}] {entry.id}")
        try:
            done.append((entry, measure_model(entry)))
        except ProvcheckError as error:
            failures[entry.id] = error.message
            observe.note(f"skipped {entry.id}: {error.message}")
    if not done:
        raise BankError(f"none of the {len(manifest.models)} models could be measured: {next(iter(failures.values()))}")
    return Built(save_bank(out, manifest.name, probes, done, words=words), failures)
