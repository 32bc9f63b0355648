"""The whole flow, from a model's name to a report."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypedDict, Unpack

from provcheck.assembly import backgrounds, bank_facts, digests, limitations, repeat_command
from provcheck.bank import Bank, load_bank
from provcheck.cache import MeasurementCache, cache_root
from provcheck.comparison import compare, examine, shared_signals, shortlist_of
from provcheck.disguise import find_signs
from provcheck.errors import UsageError
from provcheck.io import data
from provcheck.lineage import draw_map, place
from provcheck.measuring import ModelOptions, find_comparable, measured, runs_on
from provcheck.observer import Observer, Silent
from provcheck.policy import DEFAULT_POLICY, Collected, Evidence, check_policy, claims, collect, exit_code, summarise
from provcheck.references import Compared, Given, check_claim, find_references, measure_references
from provcheck.serving import match_references
from provcheck.stopwatch import Stopwatch
from provcheck.targets import DEMO, Target
from provcheck.types import BankMap, Comparison, Lineage, Measurement, Report, ServedMatch, StrPath, Subject, Tool
from provcheck.verdict import choose_judge, decide, find_calibrations
from provcheck.verdict.claims import answer_named
from provcheck.verdict.merges import name_parents
from provcheck.version import __version__

JUDGING = "verdict, tree and map"
"""In the durations; checks are listed one by one."""


@dataclass(frozen=True)
class AuditOptions:
    """What an audit compares with, and what it checks."""

    model: ModelOptions = field(default_factory=ModelOptions)
    bank: str = data.DEFAULT_BANK
    policy: str = DEFAULT_POLICY
    claimed_base: str | None = None
    references: Sequence[str] = ()
    """Further models to compare with, named like the model itself; each is measured for this audit."""
    claimed_reference: bool = True
    """Whether a claimed base that the bank does not have is measured too, if it can be had."""
    keyword: str = ""
    """Expression over the ids and kinds of checks, as in pytest's -k."""
    stop_at_first: bool = False
    """Leave out the checks after the first that fails."""


class AuditKeywords(TypedDict, total=False):
    """The options of an audit as keywords: the fields of AuditOptions, and of the ModelOptions in it."""

    bank: StrPath
    policy: StrPath
    claimed_base: str | None
    references: StrPath | Sequence[StrPath]
    claimed_reference: bool
    keyword: str
    stop_at_first: bool
    revision: str | None
    offline: bool
    allow_pickle: bool
    trust_remote_code: bool
    device: str
    dtype: str
    probes: StrPath
    cache: bool
    store: StrPath | None
    memory_bytes: int | None
    threads: int | None
    signals: str | Sequence[str] | None
    whole_files: bool
    max_requests: int
    isolate: bool


@dataclass(frozen=True)
class Prepared:
    """An audit whose cheap checks have passed: policy, bank, probes and models were found and fit together."""

    model: str
    options: AuditOptions
    collected: Collected
    bank: Bank
    target: Target
    references: tuple[Given, ...] = ()

    @property
    def subject(self) -> Subject:
        """The model that is audited."""
        return self.target.subject

    @property
    def runs_on(self) -> str:
        """Device and dtype of the measurement, if any. Raises UsageError when they cannot be used."""
        return runs_on(self.target, self.options.model)

    @property
    def tool(self) -> Tool:
        """The program and the command that repeats the audit."""
        options = self.options
        command = repeat_command(
            DEMO if self.model == DEMO else self.subject.called,
            ("--bank", options.bank),
            ("--probes", options.model.probes),
            ("--policy", options.policy),
            ("--dtype", options.model.dtype),
            ("--signals", ",".join(options.model.asked) if options.model.signals else None),
        )
        again = "".join(f" --reference {shlex.quote(one.called)}" for one in self.references)
        again += "" if options.claimed_reference else " --no-claimed-reference"
        claim = f" --claimed-base {shlex.quote(options.claimed_base)}" if options.claimed_base else ""
        chosen = f" -k {shlex.quote(options.keyword)}" if options.keyword else ""
        return Tool(
            version=__version__, command=command + again + claim + chosen + (" -x" if options.stop_at_first else "")
        )


def audit(
    model: StrPath,
    options: AuditOptions | None = None,
    observe: Observer | None = None,
    **keywords: Unpack[AuditKeywords],
) -> Report:
    """Measure `model`, compare it with the bank, judge, place it on the tree, check the policy.

    `keywords` are single options, such as `bank="zoo-v2"` or `references=["org/base"]`, and take the place of those in
    `options`. The comparisons of the report are nearest first. Raises ProvcheckError.
    """
    chosen = _with_keywords(options or AuditOptions(), keywords)
    return carry_out(prepare(os.fspath(model), chosen), observe or Silent())


def _with_keywords(options: AuditOptions, keywords: Mapping[str, Any]) -> AuditOptions:
    """The options with these in place of their own. Raises TypeError for one that there is not."""
    if unknown := sorted(keywords.keys() - AuditKeywords.__annotations__.keys()):
        raise TypeError(
            f"audit() has no option '{unknown[0]}'; its options are {', '.join(AuditKeywords.__annotations__)}"
        )
    given = {name: _plain(name, value) for name, value in keywords.items()}
    of_model = {field.name for field in fields(ModelOptions)} & given.keys()
    model = replace(options.model, **{name: given.pop(name) for name in of_model})
    return replace(options, model=model, **given)


def _plain(name: str, value: Any) -> Any:
    """Paths as text, and several values as a tuple, also where only one is given."""
    if value is not None and name in ("references", "signals"):
        several = [value] if isinstance(value, str | os.PathLike) else value
        return tuple(os.fspath(one) for one in several)
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def collect_checks(options: AuditOptions) -> Collected:
    """Read the policy and choose its checks. Raises PolicyError or UsageError."""
    return collect(options.policy, options.keyword)


def prepare(model: str, options: AuditOptions, collected: Collected | None = None) -> Prepared:
    """Read policy (unless it was collected), bank and probes, and find the subject. Raises ProvcheckError."""
    if options.claimed_base and options.claimed_base.startswith(("/", "~", ".", "\\")):
        raise UsageError("--claimed-base takes the id of a model, not a path", "name the base as its card would")
    collected = collected or collect_checks(options)
    bank = load_bank(options.bank)
    find_calibrations(bank)  # a judge that cannot be used is refused before the long work
    manifest = bank.manifest
    target = find_comparable(manifest.bases, manifest.name, model, options.model, manifest.called)
    references = find_references(options.references, bank, target.subject, options.model)
    return Prepared(model, options, collected, bank, target, references)


def carry_out(prepared: Prepared, observe: Observer) -> Report:
    """Measure, compare, judge, place and check. Raises ProvcheckError."""
    watch = Stopwatch()
    kept = MeasurementCache(cache_root(), observe) if prepared.options.model.cache else None
    with watch.time("references at hand"):
        with_ = gather(prepared, observe)  # a claim that nothing can check is refused before the long work
    with watch.time("measurement"):
        measurement = measured(prepared.target, prepared.options.model, observe)
    with watch.time("comparison"):
        comparisons = compare(measurement, with_.bank, named=with_.named)
        served = match_references(prepared.references, measurement, prepared.options.model, observe)
    with watch.time(JUDGING):
        report = conclude(prepared, measurement, with_, comparisons, kept=kept, served=served)
    judging = watch.seconds[JUDGING] - sum(check.seconds for check in report.checks)
    durations = watch.seconds | {JUDGING: round(max(0.0, judging), 3)}
    return report.model_copy(update={"durations": durations}).with_digest()


def gather(prepared: Prepared, observe: Observer) -> Compared:
    """Measure the references at hand, and the claimed bases that can be had. Raises ProvcheckError."""
    options, subject = prepared.options, prepared.subject
    for note in filter(None, (one.note for one in prepared.references)):
        observe.note(note)
    compared = measure_references(
        prepared.references,
        claims(subject, options.claimed_base),
        prepared.bank,
        prepared.target,
        options.model,
        observe,
        claimed=options.claimed_reference,
    )
    if options.claimed_base:
        check_claim(options.claimed_base, compared)
    return compared


def conclude(
    prepared: Prepared,
    measurement: Measurement,
    compared: Compared,
    comparisons: Sequence[Comparison],
    drawn: tuple[Lineage, BankMap] | None = None,
    kept: MeasurementCache | None = None,
    served: tuple[ServedMatch, ...] = (),
) -> Report:
    """Judge the comparisons (nearest first), place the subject, check the policy.

    `drawn`: tree and map, if they are known; `kept`: where they are looked up, if they are not. `served`: what was
    found of an endpoint, token by token.

    The judge is that of the bank alone: references at hand are judged by it, and change nothing in it.
    """
    options, subject, bank = prepared.options, prepared.subject, prepared.bank
    wide, claimed = compared.bank, claims(subject, options.claimed_base)
    facts, limit = measurement.facts, prepared.collected.policy.max_false_accusation_rate
    judge = choose_judge(bank, limit)
    comparisons, verdict = decide(comparisons, judge, facts, wide.ancestry)
    verdict = name_parents(answer_named(verdict, comparisons, claimed), comparisons, measurement, wide)
    comparisons = examine(comparisons, verdict.reference or comparisons[0].reference, measurement, wide)
    shortlist = shortlist_of(shared_signals(measurement, wide), wide, comparisons)
    signs = find_signs(subject, facts, comparisons, verdict, {one.id: one.settings for one in wide.references})
    evidence = Evidence(
        subject,
        facts,
        comparisons,
        verdict,
        options.claimed_base,
        wide.references,
        compared.unavailable,
        signs,
        shortlist,
        served,
    )
    checks, policy_facts = check_policy(prepared.collected, evidence, stop_at_first=options.stop_at_first)
    lineage, bank_map = drawn or (
        place(measurement, wide, comparisons, kept),
        draw_map(measurement, wide, comparisons, kept),
    )
    background, background_digests = backgrounds(facts, bank)
    return Report(
        tool=prepared.tool,
        subject=subject,
        measurement=facts,
        bank=bank_facts(bank, shortlist),
        judge=judge.facts(comparisons),
        policy=policy_facts,
        claimed_base=options.claimed_base,
        unavailable=dict(compared.unavailable),
        comparisons=comparisons,
        verdict=verdict,
        signs=signs,
        served=served,
        lineage=lineage,
        map=bank_map,
        background=background,
        checks=checks,
        summary=summarise(checks),
        exit_code=exit_code(checks, policy_facts.on_inconclusive),
        limitations=limitations(facts, verdict, judge.limitation, subject, tuple(wide.at_hand), shortlist),
        digests=digests(measurement, bank, policy_facts.digest, judge.digest, background_digests),
    ).with_digest()
