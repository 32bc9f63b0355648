"""The whole verification, line by line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from provcheck.comparison import compare
from provcheck.measuring import ModelOptions, measured
from provcheck.observer import Observer, Silent
from provcheck.pipeline import AuditOptions, Prepared, conclude
from provcheck.references import Compared
from provcheck.report_file import ReportFile
from provcheck.signals import TABLE
from provcheck.targets import DEMO
from provcheck.targets.saved import SavedTarget
from provcheck.types import Check, Measurement, NotMeasured, Outcome, Report, Subject
from provcheck.verification.beside import Again
from provcheck.verification.command import check_command, signals_in
from provcheck.verification.inputs import (
    check_backgrounds,
    check_judge,
    check_model_files,
    check_program,
    check_run,
    check_weights,
    find_bank,
    find_model,
    find_policy,
    find_probes,
)
from provcheck.verification.repetition import Repetition, check_measurement
from provcheck.verification.restating import what_follows
from provcheck.verification.served_again import check_served
from provcheck.verification.steps import (
    DISTANCES,
    MEASUREMENT,
    SENTENCES,
    VERDICT,
    check_attestation,
    check_file,
    skipped,
)

FOLLOWING = (DISTANCES, VERDICT, "checks", "signs", "tree", "map", "statements", SENTENCES, "command")
NOT_CLAIMED = "--no-claimed-reference"
MISSING = NotMeasured(not_measured="it was not measured again")


@dataclass(frozen=True)
class VerifyOptions:
    """What the user specifies; None stands for what the report states."""

    model: str | None = None
    bank: str | None = None
    policy: str | None = None
    probes: str | None = None
    public_key: Path | None = None
    device: str = "auto"
    dtype: str | None = None
    offline: bool = False
    allow_pickle: bool = False
    trust_remote_code: bool = False
    isolate: bool = False
    references: Sequence[str] = ()
    """References at hand of the report that did not come from the Hub, in any order."""

    def measuring(self, report: Report, probes: str | None) -> ModelOptions:
        """How to find and measure the model: never from the cache, in the report's dtype, the signals asked for."""
        served, here = report.measurement.served, report.measurement.was_run
        dtype = report.measurement.dtype if here and not served else "auto"
        return ModelOptions(
            offline=self.offline,
            allow_pickle=self.allow_pickle,
            trust_remote_code=self.trust_remote_code,
            device=self.device,
            dtype=self.dtype or dtype,
            probes=probes or "",
            cache=False,
            signals=signals_in(report),
            whole_files=not report.subject.in_part,
            isolate=self.isolate,
            max_requests=served.requests if served else 0,
        )


def verify(file: ReportFile, options: VerifyOptions, observe: Observer | None = None) -> Iterator[Check]:
    """Run the checks one after another. Raises ProvcheckError if something that the user names cannot be used."""
    report = file.report
    yield check_file(file.fault)
    yield check_attestation(file, options.public_key)
    program, bank, probes = check_program(report), find_bank(report, options.bank), find_probes(report, options.probes)
    policy = find_policy(report, options.policy)
    yield from (program, bank.check, check_judge(report, bank.thing), probes.check, policy.check)
    yield from check_backgrounds(report, bank.thing)
    yield check_run(report)
    yield from check_served(report)
    how = options.measuring(report, probes.thing)
    target, why_not = find_model(report, options.model, how)
    if target is None:
        yield from _left_out(("weights", "model-files", MEASUREMENT, *FOLLOWING), why_not)
        return
    yield check_weights(report, target)
    yield check_model_files(report, target)
    if program.outcome is not Outcome.PASSED or not (probes.thing or target.saved):
        yield from _left_out((MEASUREMENT, *FOLLOWING), "the model cannot be measured in the same way")
        return
    signals = [name for name in report.measurement.signals if name in TABLE]
    measurement = as_in(report, measured(target, how, observe or Silent(), signals))
    check = check_measurement(report, measurement)
    yield check
    if bank.thing is None or policy.thing is None:
        yield from _left_out(FOLLOWING, "judging again needs the bank and the policy of the report")
        return
    settings = AuditOptions(
        how,
        options.bank or report.bank.name,
        options.policy or report.policy.name,
        report.claimed_base,
        claimed_reference=NOT_CLAIMED not in report.tool.command.split(),
        stop_at_first=bool(report.policy.not_run),
    )
    beside = Again(report, options.references, target, how, observe or Silent())
    yield from beside.checks()
    if not beside.complete:
        yield from _left_out(FOLLOWING, "judging again needs every reference that was measured for the audit")
        return
    called = DEMO if report.subject.source == DEMO else report.subject.id
    given, compared = beside.given(bank.thing), beside.compared(bank.thing)
    again = Prepared(called, settings, policy.thing, bank.thing, SavedTarget(measurement), given)
    repetition = repeat(report, again, measurement, compared, exact=check.outcome is Outcome.PASSED)
    yield from repetition.checks()
    yield check_command(report, repetition.new)


def repeat(report: Report, again: Prepared, measurement: Measurement, compared: Compared, *, exact: bool) -> Repetition:
    """Judge the new measurement and, if it is not the same bit for bit, the report's own numbers, too."""
    also = () if exact else [one.reference for one in report.comparisons if one.reference in again.bank.rows]
    found = compare(measurement, compared.bank, also, compared.named)
    new = conclude(again, measurement, compared, found, served=report.served)
    if exact:
        new = _without_later(report, new)
        return Repetition(report, new, new, exact)
    again_from = partial(conclude, again, measurement, compared, drawn=(new.lineage, new.map), served=report.served)
    follows = what_follows(report, new, again_from)
    return Repetition(report, _without_later(report, new), _without_later(report, follows), exact)


def _without_later(report: Report, new: Report) -> Report:
    """The new report without what the old one was made too early to state."""
    return new if report.signs else new.model_copy(update={"signs": None})


def as_in(report: Report, measurement: Measurement) -> Measurement:
    """The report's signals, under the report's name for the model: the same files may lie in another folder."""
    found, stated = measurement.subject, report.subject
    base = found.base and stated.base and _named_like(found.base, stated.base)
    signals = {name: measurement.signals.get(name, MISSING) for name in report.measurement.signals}
    subject = _named_like(found, stated).model_copy(update={"base": base})
    run = measurement.run
    if stated.all_makeup is None:  # it was measured before these were stated
        subject = subject.model_copy(update={"makeup": None, "base": base and base.model_copy(update={"makeup": None})})
        run = run.model_copy(update={"unused_tensors": None})
    return replace(measurement, subject=subject, run=run, signals=signals)


def _named_like(subject: Subject, other: Subject) -> Subject:
    return subject.model_copy(update={"id": other.id, "source": other.source, "revision": other.revision})


def _left_out(ids: Iterable[str], reason: str) -> Iterator[Check]:
    """Checks for which something is missing; the first says what."""
    for place, id in enumerate(ids):
        yield skipped(id, reason if place == 0 else "for the same reason")
