"""The whole flow, from a model's name to a report."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field

import numpy as np

from provcheck import __version__, data
from provcheck.assembly import background, digests, limitations, repeat_command
from provcheck.bank import Bank, load_bank
from provcheck.comparison import agreement, compare, compare_two
from provcheck.errors import IncompatibleError, UsageError
from provcheck.lineage import draw_map, place
from provcheck.observer import Observer, Silent
from provcheck.policy import DEFAULT_POLICY, Collected, Evidence, check_policy, claims, collect, exit_code, summarise
from provcheck.probes import load_probes
from provcheck.source import DEMO, ModelOptions, find_for, measure_model, measured
from provcheck.types import BankFacts, Comparison, Loadable, Measurement, Report, Subject, Tool
from provcheck.verdict import choose_judge, decide, find_calibration
from provcheck.verdict.merges import name_parents


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

    def bank_facts(self, judge: str) -> BankFacts:
        """What the report says of the bank, and of the judge that read it."""
        manifest = self.bank.manifest
        return BankFacts(name=manifest.name, digest=manifest.digest, references=len(manifest.references), judge=judge)

    @property
    def runs_on(self) -> str:
        """Device and dtype of the measurement. Raises UsageError when they cannot be used."""
        if isinstance(self.source, Measurement):
            return f"{self.source.facts.device} {self.source.facts.dtype}"
        from provcheck.measurement.devices import choose_device, choose_dtype

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
    if options.claimed_base and options.claimed_base.startswith(("/", "~", ".", "\\")):
        raise UsageError("--claimed-base takes the id of a model, not a path", "name the base as its card would")
    collected = collected or collect_checks(options)
    bank = load_bank(options.bank)
    find_calibration(bank)  # a judge that cannot be used is refused before the long work
    return Prepared(model, options, collected, bank, find_for(bank.manifest, model, options.model))


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
        bank=prepared.bank_facts(judge.name),
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
