"""Build banks: measure the models of a manifest into a new bank, or add a model to an existing one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from provcheck.bank.editing import Edited, add_reference, check_new, is_bank, load_editable
from provcheck.bank.manifest import BankManifest, BuildEntry, check_parents, read_build_manifest
from provcheck.bank.saving import check_replaceable, save_bank
from provcheck.errors import BankError, ProvcheckError, UsageError
from provcheck.io.writing import would_replace
from provcheck.measuring import ModelOptions, find_comparable, measure_model, measured
from provcheck.observer import Observer
from provcheck.probes import DEFAULT_PROBES, load_probes
from provcheck.signals import all_signals
from provcheck.signals.comparable import check_comparable
from provcheck.types import Measurement, ProbeSet, Reference


@dataclass(frozen=True)
class Built:
    """A finished bank, and the errors of the models that failed."""

    manifest: BankManifest
    failures: dict[str, str]


def build_bank(manifest_file: Path, out: Path, options: ModelOptions, observe: Observer, *, raw: bool = False) -> Built:
    """Measure every model of a manifest file and write the bank to `out`; a failing one is reported and left out.

    A killed run resumes from the cache. Raises BankError when every model failed, OutputError when the bank cannot be
    written, and ProbeError.
    """
    probes, manifest = load_probes(options.probes), read_build_manifest(manifest_file)
    check_replaceable(out)
    _check_outside(manifest.models, out)
    done: list[tuple[BuildEntry, Measurement]] = []
    failures: dict[str, str] = {}
    for number, entry in enumerate(manifest.models, 1):
        observe.note(f"[{number}/{len(manifest.models)}] {entry.id}")
        try:
            done.append((entry, _measured(entry, manifest.name, probes, options, observe)))
        except ProvcheckError as error:
            failures[entry.id] = error.message
            observe.note(f"skipped {entry.id}: {error.message}")
    if not done:
        raise BankError(f"none of the {len(manifest.models)} models could be measured: {next(iter(failures.values()))}")
    return Built(save_bank(out, manifest.name, probes, done, raw=raw), failures)


def add_to_bank(
    name: str, model: str, reference: Reference, options: ModelOptions, observe: Observer, *, create: bool = False
) -> Edited:
    """Measure a model, or read its measurement, and add it to a bank; probes default to the bank's.

    `create`: start the bank with this model where there is none. Raises ProvcheckError.
    """
    if create and not is_bank(name):
        return _start_bank(Path(name), model, reference, options, observe)
    if not is_bank(name):
        raise BankError(f"there is no bank in {name}", "--create starts one with this model")
    bank = load_editable(name)
    check_new(bank, reference)
    for parent in set(reference.parents) - set(bank.rows):
        observe.note(f"its parent {parent} is no reference of this bank")
    options = replace(options, probes=options.probes or bank.manifest.probes, max_requests=0)
    manifest = bank.manifest
    target = find_comparable(manifest.bases, manifest.name, model, options, manifest.called)
    measurement = measured(target, options, observe)
    return add_reference(load_editable(name), reference, measurement)  # it may have changed meanwhile


def _start_bank(folder: Path, model: str, reference: Reference, options: ModelOptions, observe: Observer) -> Edited:
    """A bank of one model, called like its folder."""
    check_parents([reference])
    check_replaceable(folder)
    options = replace(options, probes=options.probes or DEFAULT_PROBES)
    entry = BuildEntry(**dict(reference), path=model, revision=options.revision)
    probes, bank_name = load_probes(options.probes), folder.resolve().name
    measurement = _measured(entry, bank_name, probes, options, observe)
    return Edited(save_bank(folder, bank_name, probes, [(reference, measurement)]), ())


def _check_outside(models: Iterable[BuildEntry], out: Path) -> None:
    """A bank takes the place of its whole folder, and of what else lies in it. Raises UsageError."""
    for entry in models:
        if entry.path is not None and would_replace(out, Path(entry.path)):
            raise UsageError(f"the model {entry.id} lies in {out}, and would be removed", "choose another --out")


def _measured(
    entry: BuildEntry, bank_name: str, probes: ProbeSet, options: ModelOptions, observe: Observer
) -> Measurement:
    """Measure one model of a manifest; a measurement file may have been made with other probes than the bank's."""
    found = measure_model(entry.path or entry.id, replace(options, revision=entry.revision, max_requests=0), observe)
    bases = {name: signal.basis(probes) for name, signal in all_signals().items()}
    called = {probes.digest: probes.name, found.run.probes_digest: found.run.probes}
    check_comparable(found.bases, bases, bank_name, called)
    return found
