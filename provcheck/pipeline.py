"""The whole flow, from a model's name to a report."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from provcheck import __version__, data
from provcheck.assembly import background, digests, limitations, repeat_command
from provcheck.bank import Bank, load_bank
from provcheck.bank.build import Built, build_bank
from provcheck.bank.editing import Edited, add_reference, check_new, load_editable
from provcheck.bank.manifest import BuildEntry, read_build_manifest
from provcheck.cache import FileJournal, MeasurementCache, cache_root, measurement_key
from provcheck.comparison import agreement, check_comparable, compare, compare_two
from provcheck.errors import BrokenModel, IncompatibleError
from provcheck.lineage import draw_map, place
from provcheck.observer import Observer, Silent
from provcheck.policy import DEFAULT_POLICY, Collected, Evidence, check_policy, claims, collect, exit_code, summarise
from provcheck.probes import DEFAULT_PROBES, load_probes
from provcheck.store import is_measurement_file, load_measurement
from provcheck.subject import resolve
from provcheck.subject.stamps import stamps
from provcheck.types import (
    ALGORITHM,
    BankFacts,
    Basis,
    Comparison,
    Loadable,
    Measurement,
    ProbeSet,
    Reference,
    Report,
    Subject,
    Tool,
)
from provcheck.verdict import choose_judge, decide, find_calibration
from provcheck.verdict.merges import name_parents

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


@dataclass(frozen=True)
class AuditOptions:
    """What an audit compares with, and what it checks."""

    model: ModelOptions = field(default_factory=ModelOptions)
    bank: str = data.DEFAULT_BANK
    policy: str = DEFAULT_POLICY
    claimed_base: str | None = None
    keyword: str = ""
    """Expression over the ids and kinds of checks, as in pytest's -k."""
    stop_at_first: bool = False
    """Leave out the checks after the first that fails."""


@dataclass(frozen=True)
class Prepared:
    """An audit with everything cheap done that can fail: policy, bank, probes and subject are there and fit."""

    model: str
    options: AuditOptions
    collected: Collected
    bank: Bank
    source: Loadable | Measurement

    @property
    def subject(self) -> Subject:
        """The model that is audited."""
        return self.source.subject

    @property
    def bank_facts(self) -> BankFacts:
        """What the report says of the bank."""
        manifest = self.bank.manifest
        return BankFacts(
            name=manifest.name, digest=manifest.digest, references=len(manifest.references), judge="not chosen yet"
        )

    @property
    def runs_on(self) -> str:
        """Device and dtype of the measurement. Raises UsageError when they cannot be used."""
        if isinstance(self.source, Measurement):
            return f"{self.source.facts.device} {self.source.facts.dtype}"
        from provcheck.measurement.loading import choose_device, choose_dtype

        device = choose_device(self.options.model.device)
        return f"{device} {str(choose_dtype(self.options.model.dtype, device)).removeprefix('torch.')}"

    @property
    def tool(self) -> Tool:
        """The program and the command that repeats the audit."""
        options, subject = self.options, self.subject
        revision = f"@{subject.revision}" if subject.revision else ""
        command = repeat_command(
            DEMO if self.model == DEMO else subject.id + revision,
            ("--bank", options.bank),
            ("--probes", options.model.probes),
            ("--policy", options.policy),
            ("--dtype", options.model.dtype),
        )
        claim = f" --claimed-base {shlex.quote(options.claimed_base)}" if options.claimed_base else ""
        chosen = f" -k {shlex.quote(options.keyword)}" if options.keyword else ""
        return Tool(version=__version__, command=command + claim + chosen + (" -x" if options.stop_at_first else ""))


def audit(model: str, options: AuditOptions | None = None, observe: Observer | None = None) -> Report:
    """Measure `model`, compare it with the bank, judge, place it on the tree, check the policy.

    Raises ProvcheckError.
    """
    return carry_out(prepare(model, options or AuditOptions()), observe or Silent())


def collect_checks(options: AuditOptions) -> Collected:
    """Read the policy and choose its checks. Raises PolicyError or UsageError."""
    return collect(options.policy, options.keyword)


def prepare(model: str, options: AuditOptions, collected: Collected | None = None) -> Prepared:
    """Read policy (unless it was collected), bank and probes, and find the subject. Raises ProvcheckError."""
    collected = collected or collect_checks(options)
    bank = load_bank(options.bank)
    find_calibration(bank)  # a judge that cannot be used is refused before the long work
    return Prepared(model, options, collected, bank, _find_for(bank, model, options.model))


def carry_out(prepared: Prepared, observe: Observer) -> Report:
    """Measure, compare, judge, place and check. Raises ProvcheckError."""
    options, bank, subject = prepared.options, prepared.bank, prepared.subject
    measurement = measured(prepared.source, options.model, observe)
    comparisons = compare(measurement, bank, claims(subject, options.claimed_base))
    asked = [comparison.reference for comparison in comparisons]
    judge = choose_judge(bank, measurement, asked, prepared.collected.policy.max_false_accusation_rate)
    comparisons, verdict = decide(comparisons, judge, measurement.facts.coverage, bank.kinship)
    verdict = name_parents(verdict, comparisons, measurement, bank)
    evidence = Evidence(subject, measurement.facts, comparisons, verdict, options.claimed_base, bank.references)
    checks, policy_facts = check_policy(prepared.collected, evidence, stop_at_first=options.stop_at_first)
    return Report(
        tool=prepared.tool,
        subject=subject,
        measurement=measurement.facts,
        bank=prepared.bank_facts.model_copy(update={"judge": judge.name}),
        policy=policy_facts,
        claimed_base=options.claimed_base,
        comparisons=comparisons,
        verdict=verdict,
        agreement=agreement(measurement, bank, verdict.reference or comparisons[0].reference),
        lineage=place(measurement, bank, comparisons),
        map=draw_map(measurement, bank, comparisons),
        background=background(judge.null),
        checks=checks,
        summary=summarise(checks),
        exit_code=exit_code(checks, policy_facts.on_inconclusive),
        limitations=limitations(measurement.facts, verdict, judge.limitation),
        digests=digests(measurement, bank, policy_facts.digest, judge.digest),
    ).sealed()


def measure_model(model: str, options: ModelOptions | None = None, observe: Observer | None = None) -> Measurement:
    """Measure a model, or read the measurement file that MODEL names. Raises ProvcheckError."""
    options = options or ModelOptions()
    if is_measurement_file(model):
        return load_measurement(Path(model).expanduser())
    return measured(find_model(model, options), options, observe or Silent())


def find_model(model: str, options: ModelOptions) -> Loadable:
    """Resolve a Hub id, a folder or `demo`. Raises SubjectError."""
    found = resolve(
        str(data.demo_folder()) if model == DEMO else model,
        revision=options.revision,
        offline=options.offline,
        allow_pickle=options.allow_pickle,
        trust_remote_code=options.trust_remote_code,
    )
    is_demo = model == DEMO
    return replace(found, subject=found.subject.model_copy(update={"source": DEMO})) if is_demo else found


def compare_models(
    first: str, second: str, options: ModelOptions | None = None, observe: Observer | None = None
) -> tuple[Measurement, Measurement, Comparison]:
    """Measure two models and compare them head to head; without a bank there is no relation to judge."""
    options, observe = options or ModelOptions(), observe or Silent()
    measured = [measure_model(model, options, observe) for model in (first, second)]
    probes = load_probes(options.probes)
    sizes = [len(text.text.encode()) for text in probes.texts]
    facts = measured[0].facts
    if facts.probes_digest != probes.digest:
        raise IncompatibleError(
            f"'{measured[0].subject.id}' was measured on probe set {facts.probes}, not {probes.name}",
            "name the probe set of the measurement files with --probes",
        )
    return measured[0], measured[1], compare_two(measured[0], measured[1], float(np.mean(sizes)))


def build_from(manifest: Path, out: Path, options: ModelOptions, observe: Observer, *, words: bool = False) -> Built:
    """Build a bank from a manifest file. Raises BankError, OutputError or ProbeError."""
    probes = load_probes(options.probes)

    def measure_entry(entry: BuildEntry) -> Measurement:
        found = replace(options, revision=entry.revision)
        return measure_model(entry.path or entry.id, found, observe)

    return build_bank(read_build_manifest(manifest), out, probes, measure_entry, observe, words=words)


def add_to_bank(name: str, model: str, reference: Reference, options: ModelOptions, observe: Observer) -> Edited:
    """Measure a model, or read its measurement, and add it to a bank; no probes named: those of the bank.

    Raises ProvcheckError.
    """
    bank = load_editable(name)
    check_new(bank, reference)
    for parent in set(reference.parents) - {known.id for known in bank.references}:
        observe.note(f"its parent {parent} is no reference of this bank")
    options = replace(options, probes=options.probes or bank.manifest.probes)
    measurement = measured(_find_for(bank, model, options), options, observe)
    return add_reference(load_editable(name), reference, measurement)  # it may have changed meanwhile


def _find_for(bank: Bank, model: str, options: ModelOptions) -> Loadable | Measurement:
    """Find a model, or its measurement, when it can be compared with the bank."""
    if is_measurement_file(model):
        measurement = load_measurement(Path(model).expanduser())
        check_comparable(measurement.facts.basis, bank.manifest.basis, bank.manifest.name)
        return measurement
    probes = load_probes(options.probes)
    check_comparable(Basis(ALGORITHM, probes.name, probes.digest), bank.manifest.basis, bank.manifest.name)
    return find_model(model, options)


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
