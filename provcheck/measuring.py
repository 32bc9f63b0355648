"""Measure a target: each signal that it supports is looked up in the cache, or else measured now.

A signal that the target does not support is `NotMeasured`, with the reason.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from provcheck.apart.supervising import can_isolate, sketch_apart
from provcheck.cache import Entries, MeasurementCache, cache_root
from provcheck.checkpoint import Checkpoint, NoCheckpoint
from provcheck.errors import BrokenModel, UsageError
from provcheck.io.spelling import did_you_mean
from provcheck.measurement import MeasureOptions
from provcheck.observer import Observer, Silent
from provcheck.probes import DEFAULT_PROBES, from_anywhere, load_probes
from provcheck.shared_store import SharedStore
from provcheck.signals import TABLE, Signal, find_signal
from provcheck.signals.comparable import NO_NAMES, NOT_ASKED, check_comparable
from provcheck.sketches import not_run, sketch_each
from provcheck.store import is_measurement_file
from provcheck.targets import FindOptions, Target, find_target
from provcheck.types import (
    Basis,
    Capability,
    Measurement,
    NotMeasured,
    ProbeSet,
    RunFacts,
    Sketch,
    StrPath,
)
from provcheck.wording import listing

MAX_REQUESTS = 1_000
"""Enough for the shipped texts, a request each."""


@dataclass(frozen=True)
class ModelOptions(FindOptions):
    """How models are found, loaded and measured; the same for every command."""

    device: str = "auto"
    dtype: str = "auto"
    probes: str = DEFAULT_PROBES
    cache: bool = True
    """Whether to look for the measurement in the cache, and keep it there."""
    store: str | None = None
    """Folder or fsspec URL of a store behind the cache, which several machines share; None: none."""
    memory_bytes: int | None = None
    """Memory for batches, on top of the weights; None: what is free, with a margin."""
    threads: int | None = None
    """Processor threads for a model too large to run several batches at once; None: all. It changes the last bits."""
    signals: tuple[str, ...] | None = None
    """Names of the signals to measure and compare, in any order; None: all."""
    whole_files: bool = False
    """Whether weight files come whole from the Hub, so that they have digests, also where parts would do."""
    max_requests: int = MAX_REQUESTS
    """How many requests an endpoint may be sent; 0: none may stand here."""
    isolate: bool = False
    """Whether a model runs in a process of its own, with limits and without a network, where that can be done."""

    def __post_init__(self) -> None:
        """Raise UsageError for a signal that there is not."""
        hint = f"the signals are {', '.join(TABLE)}"
        if unknown := [name for name in self.signals or () if name not in TABLE]:
            raise UsageError(f"there is no signal {unknown[0]!a}{did_you_mean(unknown[0], TABLE)}", hint)
        if self.signals == ():
            raise UsageError("no signal is named", hint)
        if self.store is not None and not self.cache:
            raise UsageError("--store keeps what --no-cache would measure anew", "leave out one of them")

    @property
    def asked(self) -> tuple[str, ...]:
        """The signals to measure, in the order of their rank."""
        return tuple(name for name in TABLE if self.signals is None or name in self.signals)

    @property
    def may_keep(self) -> bool:
        """With the cache only."""
        return self.cache

    @property
    def weights_alone(self) -> bool:
        """Whether all signals asked for read the weights only, and nobody asks for digests."""
        return not self.whole_files and all(find_signal(name).needs is Capability.WEIGHTS for name in self.asked)

    @property
    def how(self) -> MeasureOptions:
        """Where and how to measure."""
        return MeasureOptions(self.device, self.dtype, memory_bytes=self.memory_bytes, threads=self.threads)


def read_signals(text: str | None) -> tuple[str, ...] | None:
    """The names in a comma-separated list; None, which stands for all signals, for None."""
    return None if text is None else tuple(name for word in text.split(",") if (name := word.strip()))


def measure_model(model: StrPath, options: ModelOptions | None = None, observe: Observer | None = None) -> Measurement:
    """Measure a model, or read the measurement file that MODEL names. Raises ProvcheckError.

    `sketches` of the result holds, by signal, arrays by name: `able_contrast_blocks` and `able_paper_blocks` (B, 256)
    projected attributions of B blocks of questions, `loglik` (N,) nats of N texts, NaN where one was left out; those
    of `weights` are packed bits of neurons.
    """
    options = options or ModelOptions()
    return measured(find_target(os.fspath(model), options), options, observe or Silent())


def shared_store(options: ModelOptions) -> SharedStore | None:
    """The store that the options name. Raises UsageError."""
    if options.store is None:
        return None
    store = SharedStore(options.store)
    if options.offline and store.folder is None:
        raise UsageError(f"the store {store.name} is on the network, and --offline never touches it", "name a folder")
    return store


def for_workers(options: ModelOptions) -> ModelOptions:
    """The options as other processes and machines read them, whatever their folder; the store was tried.

    Raises OutputError where the store cannot be used, and UsageError.
    """
    store = shared_store(options)
    if store is not None:
        store.check()
    return replace(options, probes=from_anywhere(options.probes), store=store.url if store else None)


def find_comparable(
    bases: Mapping[str, Basis],
    bank_name: str,
    model: str,
    options: ModelOptions,
    called: Mapping[str, str] = NO_NAMES,
) -> Target:
    """Find a model that can be compared with a bank of these bases in at least one signal.

    A mismatch is refused before anything is fetched if possible, else once it is known what the target can give.
    `called`: names of probe sets by their digests. Raises ProvcheckError.
    """
    if not is_measurement_file(model):
        probes = load_probes(options.probes)
        called = {**called, probes.digest: probes.name}
        check_comparable({name: find_signal(name).basis(probes) for name in options.asked}, bases, bank_name, called)
    target = find_target(model, options)
    if target.saved is not None:
        called = {**called, target.saved.run.probes_digest: target.saved.run.probes}
    check_comparable(_bases(target, options), bases, bank_name, called)
    return target


def measured(
    target: Target, options: ModelOptions, observe: Observer, signals: Iterable[str] | None = None
) -> Measurement:
    """The target's saved measurement, or else one from the cache or a new one. Raises ProvcheckError.

    `signals` are those that it speaks of, by default all: one that the options do not ask for is not measured.
    """
    if target.saved is not None:
        return _as_asked(target.saved, options)
    names = tuple(TABLE if signals is None else signals)
    asked = [name for name in names if name in options.asked]
    cache = MeasurementCache(cache_root(), observe, shared_store(options)) if options.cache else None
    probes = load_probes(options.probes)
    found = measure(target, probes, options.how, observe, cache, asked, isolate=options.isolate)
    return _as_asked(found, options, names)


def runs_on(target: Target, options: ModelOptions) -> str:
    """Device and dtype of the measurement in short. Raises UsageError when they cannot be used."""
    if target.saved is not None or any(target.runs_for(find_signal(name).needs) for name in options.asked):
        return target.runs_on(options.how)
    return "the model is not run"


def measure(
    target: Target,
    probes: ProbeSet,
    how: MeasureOptions | None = None,
    observe: Observer | None = None,
    cache: MeasurementCache | None = None,
    signals: Iterable[str] | None = None,
    *,
    isolate: bool = False,
) -> Measurement:
    """Measure each signal that the target can give and the cache does not have. `signals` defaults to all.

    `isolate`: run the model in a process of its own, where that can be done (see `provcheck.apart`).

    Raises ProvcheckError.
    """
    how, observe = how or MeasureOptions(), observe or Silent()
    wanted = [find_signal(name) for name in (TABLE if signals is None else signals)]
    found: dict[str, Sketch | NotMeasured] = {
        one.name: NotMeasured(not_measured=reason) for one in wanted if (reason := target.lacks(one.needs))
    }
    entries = _entries(target, probes, how, cache)
    kept = entries.find([one for one in wanted if one.name not in found]) if entries else {}
    found |= {name: entry.sketches[name] for name, entry in kept.items()}
    missing = [one for one in wanted if one.name not in found]
    run = _kept_run(kept, probes, observe, whole=not missing)
    if missing or run is None:
        now, new = _measure_now(target, probes, how, observe, entries, missing, isolate)
        run = run if run and run.was_run and not now.was_run else now
        found |= new
    return Measurement(target.subject, run, {one.name: found[one.name] for one in wanted})


def _entries(target: Target, probes: ProbeSet, how: MeasureOptions, cache: MeasurementCache | None) -> Entries | None:
    """The target's entries in the cache; None if nothing may be cached."""
    identity = target.identity() if cache else None
    if cache is None or identity is None:
        return None
    return Entries(
        cache, identity, lambda signal: target.environment(how, running=target.runs_for(signal.needs)), probes
    )


def _as_asked(found: Measurement, options: ModelOptions, names: Iterable[str] | None = None) -> Measurement:
    """The measurement with these signals, or its own; those that the options do not ask for are not measured."""
    if options.signals is None:
        return found
    left_out = NotMeasured(not_measured=f"--signals {','.join(options.asked)} {NOT_ASKED}")
    signals = {name: found.signals[name] if name in options.asked else left_out for name in names or found.signals}
    return replace(found, signals=signals)


def _kept_run(kept: Mapping[str, Measurement], probes: ProbeSet, observe: Observer, *, whole: bool) -> RunFacts | None:
    """Where and when the cached signals were measured, preferably by running the model; None where there are none."""
    if not kept:
        return None
    run = max((entry.run for entry in kept.values()), key=lambda run: run.was_run)
    what = "measurement" if whole else f"measurement of {listing(list(kept))}"
    observe.note(f"{what} from the cache, made on {run.measured_at:%Y-%m-%d %H:%M} UTC")
    return run.model_copy(update={"probes": probes.name})


def _measure_now(
    target: Target,
    probes: ProbeSet,
    how: MeasureOptions,
    observe: Observer,
    entries: Entries | None,
    signals: Sequence[Signal],
    isolate: bool,
) -> tuple[RunFacts, dict[str, Sketch | NotMeasured]]:
    """Measure signals on one open target, and make sure that the files measured are the files that were digested.

    What only reads the files comes first: it takes seconds.
    """
    signals = sorted(signals, key=lambda signal: target.runs_for(signal.needs))
    running = [signal for signal in signals if target.runs_for(signal.needs)]
    checkpoint: Checkpoint = entries.checkpoint(running[0]) if entries and running else NoCheckpoint()
    before, run, found, all_kept = target.stamps(), None, dict[str, Sketch | NotMeasured](), True
    sketch = sketch_apart if isolate and signals and can_isolate(target) else sketch_each
    for one in sketch(target, probes, how, observe, checkpoint, signals):
        found[one.signal], run = one.found, one.run
        if target.stamps() != before:
            checkpoint.remove()
            raise _changed(target)
        if entries:
            kept = Measurement(target.subject, run, {one.signal: one.found})
            all_kept &= entries.keep(find_signal(one.signal), kept)
    if all_kept:
        checkpoint.remove()
    return run or not_run(target, probes, how), found


def _changed(target: Target) -> BrokenModel:
    return BrokenModel(
        f"the files of '{target.subject.id}' changed while they were measured",
        "measure again when nothing writes to them",
    )


def _bases(target: Target, options: ModelOptions) -> dict[str, Basis | NotMeasured]:
    """By signal asked for: what the target's sketch can be compared with, or why the target cannot give one."""
    if target.saved is not None:
        return {name: one for name, one in target.saved.bases.items() if name in options.asked}
    probes = load_probes(options.probes)
    reasons = {name: target.lacks(find_signal(name).needs) for name in options.asked}
    return {
        name: NotMeasured(not_measured=reason) if reason else find_signal(name).basis(probes)
        for name, reason in reasons.items()
    }
