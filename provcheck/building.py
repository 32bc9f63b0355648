"""Build banks: measure the models of a manifest into a new bank, or add a model to an existing one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from provcheck.bank.editing import Edited, add_reference, check_new, is_bank, load_editable
from provcheck.bank.manifest import BankManifest, BuildEntry, check_parents, read_build_manifest
from provcheck.bank.parts import Part
from provcheck.bank.saving import check_replaceable, save_bank
from provcheck.engines import Engine, Task, find_engine
from provcheck.engines.sharding import Shard
from provcheck.engines.sizing import weight_bytes
from provcheck.errors import BankError, UsageError
from provcheck.io.writing import would_replace
from provcheck.measuring import ModelOptions, find_comparable, for_workers, measure_model, measured, shared_store
from provcheck.observer import Observer
from provcheck.probes import DEFAULT_PROBES, load_probes
from provcheck.signals import all_signals
from provcheck.signals.comparable import check_comparable
from provcheck.store import packed, unpacked
from provcheck.types import ExitCode, Measurement, ProbeSet, Reference


@dataclass(frozen=True)
class Built:
    """A finished bank, the errors of the models that failed, and the exit code: 0, 1 where a model failed, or 3."""

    manifest: BankManifest
    failures: dict[str, str]
    exit_code: ExitCode = ExitCode.OK


@dataclass(frozen=True)
class EntryRequest:
    """What a task to measure a model of a manifest says; `bank` is the name of the bank to be built."""

    entry: BuildEntry
    bank: str
    options: ModelOptions
    raw: bool


_REQUEST = TypeAdapter(EntryRequest)


def build_bank(
    manifest_file: Path,
    out: Path,
    options: ModelOptions,
    observe: Observer,
    *,
    raw: bool = False,
    engine: Engine | None = None,
    shard: Shard | None = None,
) -> Built:
    """Measure every model of a manifest file and write the bank to `out`; a failing one is reported and left out.

    The bank has the manifest's order, whatever the engine. `shard`: measure only that share of the models; `out` is
    then a part, which `provcheck.bank.uniting` unites with the others. A killed run resumes from the cache, and from a
    store that was named. Raises BankError when every model failed, OutputError when the bank or the store cannot be
    written, UsageError and ProbeError.
    """
    probes, manifest = load_probes(options.probes), read_build_manifest(manifest_file)
    check_replaceable(out)
    _check_outside(manifest.models, out, options)
    entries = shard.of(manifest.models) if shard else manifest.models
    options = for_workers(options)
    tasks = [_task(EntryRequest(entry, manifest.name, options, raw)) for entry in entries]
    found: dict[str, Measurement] = {}
    faults = {}
    for done in (engine or find_engine()).run(tasks, observe):
        if done.fault is None:
            found[done.task.id] = unpacked(done.content)
        else:
            faults[done.task.id] = done.fault
            observe.note(f"skipped {done.task.id}: {done.fault.message}")
    failures = {entry.id: faults[entry.id].message for entry in entries if entry.id in faults}
    if not found:
        raise BankError(f"none of the {len(entries)} models could be measured: {next(iter(failures.values()))}")
    worst = max((ExitCode.CHECK_FAILED, *(fault.exit_code for fault in faults.values() if fault.internal)))
    models = [(entry, found[entry.id]) for entry in entries if entry.id in found]
    ids = tuple(entry.id for entry in manifest.models)
    part = Part(shard=str(shard), models=ids, failures=failures) if shard else None
    saved = save_bank(out, manifest.name, probes, models, raw=raw, part=part)
    return Built(saved, failures, ExitCode(worst) if failures else ExitCode.OK)


def measure_entry(request: bytes, observe: Observer) -> bytes:
    """A task of `build_bank`: the measurement file of one model. Raises ProvcheckError."""
    asked = _REQUEST.validate_json(request)
    probes = load_probes(asked.options.probes)
    return packed(_measured(asked.entry, asked.bank, probes, asked.options, observe), raw=asked.raw)


def _task(asked: EntryRequest) -> Task:
    return Task(
        asked.entry.id,
        f"{__name__}:{measure_entry.__name__}",
        _REQUEST.dump_json(asked),
        weight_bytes(asked.entry.path),
    )


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


def _check_outside(models: Iterable[BuildEntry], out: Path, options: ModelOptions) -> None:
    """A bank takes the place of its whole folder, and of what else lies in it. Raises UsageError."""
    for entry in models:
        if entry.path is not None and would_replace(out, Path(entry.path)):
            raise UsageError(f"the model {entry.id} lies in {out}, and would be removed", "choose another --out")
    store = shared_store(options)
    if store and store.folder and store.folder.resolve().is_relative_to(out.resolve()):
        raise UsageError(f"the store {store.name} lies in {out}, and would be removed", "choose another --store")


def _measured(
    entry: BuildEntry, bank_name: str, probes: ProbeSet, options: ModelOptions, observe: Observer
) -> Measurement:
    """Measure one model of a manifest; a measurement file may have been made with other probes than the bank's."""
    found = measure_model(entry.path or entry.id, replace(options, revision=entry.revision, max_requests=0), observe)
    bases = {name: signal.basis(probes) for name, signal in all_signals().items()}
    called = {probes.digest: probes.name, found.run.probes_digest: found.run.probes}
    check_comparable(found.bases, bases, bank_name, called)
    return found
