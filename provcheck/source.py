"""A model as the user names it: found, and measured unless the cache has its measurement."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from provcheck import data
from provcheck.bank.manifest import BankManifest
from provcheck.cache import FileJournal, MeasurementCache, cache_root, measurement_key
from provcheck.comparison import check_comparable
from provcheck.errors import BrokenModel
from provcheck.observer import Observer, Silent
from provcheck.probes import DEFAULT_PROBES, load_probes
from provcheck.store import is_measurement_file, load_measurement
from provcheck.subject import resolve
from provcheck.subject.stamps import stamps
from provcheck.types import ALGORITHM, Basis, Loadable, Measurement, ProbeSet

if TYPE_CHECKING:
    from provcheck.measurement import MeasureOptions

DEMO = "demo"


@dataclass(frozen=True)
class ModelOptions:
    """How models are found, loaded and measured; the same for every command."""

    revision: str | None = None
    offline: bool = False
    allow_pickle: bool = False
    trust_remote_code: bool = False
    device: str = "auto"
    dtype: str = "auto"
    probes: str = DEFAULT_PROBES
    cache: bool = True
    """Whether to look for the measurement in the cache, and keep it there."""
    memory_bytes: int | None = None
    """Memory for batches, beside the weights; None: what is free, with a margin."""


def find_model(model: str, options: ModelOptions) -> Loadable:
    """Resolve a Hub id, a folder or `demo`. Raises SubjectError."""
    found = resolve(
        str(data.demo_folder()) if model == DEMO else model,
        revision=options.revision,
        offline=options.offline,
        allow_pickle=options.allow_pickle,
        trust_remote_code=options.trust_remote_code,
    )
    if model != DEMO:
        return found
    return replace(found, subject=found.subject.model_copy(update={"source": DEMO}))


def find_for(manifest: BankManifest, model: str, options: ModelOptions) -> Loadable | Measurement:
    """Find a model, or its measurement, when it can be compared with that bank."""
    if is_measurement_file(model):
        measurement = load_measurement(Path(model).expanduser())
        check_comparable(measurement.facts.basis, manifest.basis, manifest.name)
        return measurement
    probes = load_probes(options.probes)
    check_comparable(Basis(ALGORITHM, probes.name, probes.digest), manifest.basis, manifest.name)
    return find_model(model, options)


def measure_model(model: str, options: ModelOptions | None = None, observe: Observer | None = None) -> Measurement:
    """Measure a model, or read the measurement file that MODEL names. Raises ProvcheckError."""
    options = options or ModelOptions()
    if is_measurement_file(model):
        return load_measurement(Path(model).expanduser())
    return measured(find_model(model, options), options, observe or Silent())


def measured(source: Loadable | Measurement, options: ModelOptions, observe: Observer) -> Measurement:
    """The measurement itself, one from the cache, or a new one. Raises ProvcheckError."""
    if isinstance(source, Measurement):
        return source
    from provcheck.measurement import MeasureOptions
    from provcheck.measurement.circumstances import circumstances

    probes = load_probes(options.probes)
    how = MeasureOptions(options.device, options.dtype, memory_bytes=options.memory_bytes)
    key = measurement_key(source, probes, circumstances(how)) if options.cache else None
    if key is None:
        return _measured_now(source, probes, how, observe, None)
    cache = MeasurementCache(cache_root(), observe)
    if found := cache.find(key):
        observe.note(f"measurement from the cache, made on {found.facts.measured_at:%Y-%m-%d %H:%M} UTC")
        return replace(found, subject=source.subject, facts=found.facts.model_copy(update={"probes": probes.name}))
    measurement = _measured_now(source, probes, how, observe, cache.journal(key))
    cache.store(key, measurement)
    return measurement


def _measured_now(
    source: Loadable, probes: ProbeSet, how: MeasureOptions, observe: Observer, journal: FileJournal | None
) -> Measurement:
    """Measure, and make sure that what was digested is what was measured."""
    from provcheck.measurement import measure

    before = stamps(source)
    measurement = measure(source, probes, how, observe, journal)
    if stamps(source) != before:
        if journal is not None:
            journal.remove()
        raise BrokenModel(
            f"the files of '{source.subject.id}' changed while they were measured",
            "measure again when nothing writes to them",
        )
    return measurement
