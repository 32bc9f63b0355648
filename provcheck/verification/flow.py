"""The whole verification, line by line."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from provcheck.observer import Observer, Silent
from provcheck.pipeline import AuditOptions, Prepared, carry_out
from provcheck.rendering.json_report import ReportFile
from provcheck.source import ModelOptions, measured
from provcheck.types import Check, Measurement, Outcome, Report
from provcheck.verification.lines import DISTANCES, MEASUREMENT, VERDICT, skipped
from provcheck.verification.materials import (
    check_judge,
    check_program,
    check_scale,
    find_bank,
    find_policy,
    find_probes,
)
from provcheck.verification.repetition import Repetition, check_measurement
from provcheck.verification.seal import check_seal, check_signature
from provcheck.verification.sources import check_model_files, check_weights, find_source, under_its_name

FOLLOWING = (DISTANCES, VERDICT, "checks", "tree", "statements")


@dataclass(frozen=True)
class VerifyOptions:
    """What the user names; None stands for what the report names."""

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

    def measuring(self, report: Report, probes: str | None) -> ModelOptions:
        """How to find and measure the model: never from the cache, in the report's dtype."""
        return ModelOptions(
            offline=self.offline,
            allow_pickle=self.allow_pickle,
            trust_remote_code=self.trust_remote_code,
            device=self.device,
            dtype=self.dtype or report.measurement.dtype,
            probes=probes or "",
            cache=False,
        )


def verify(file: ReportFile, options: VerifyOptions, observe: Observer | None = None) -> Iterator[Check]:
    """Check one thing after the other. Raises ProvcheckError where what the user names cannot be used."""
    report = file.report
    yield check_seal(file.fault)
    yield check_signature(file.path, file.content, options.public_key)
    program, bank, probes = check_program(report), find_bank(report, options.bank), find_probes(report, options.probes)
    policy = find_policy(report, options.policy)
    yield from (program, bank.check, check_judge(report, bank.thing), probes.check, policy.check, check_scale(report))
    how = options.measuring(report, probes.thing)
    source, why_not = find_source(report, options.model, how)
    if source is None:
        yield from _left_out(("weights", "model-files", MEASUREMENT, *FOLLOWING), why_not)
        return
    yield check_weights(report, source)
    yield check_model_files(report, source)
    if program.outcome is not Outcome.PASSED or not (probes.thing or isinstance(source, Measurement)):
        yield from _left_out((MEASUREMENT, *FOLLOWING), "the model cannot be measured in the same way")
        return
    measurement = measured(source, how, observe or Silent())
    check = check_measurement(report, measurement)
    yield check
    if bank.thing is None or policy.thing is None:
        yield from _left_out(FOLLOWING, "judging again needs the bank and the policy of the report")
        return
    settings = AuditOptions(how, claimed_base=report.claimed_base, stop_at_first=bool(report.policy.not_run))
    again = Prepared(report.subject.id, settings, policy.thing, bank.thing, under_its_name(measurement, report.subject))
    exact = check.outcome is Outcome.PASSED
    yield from Repetition(report, carry_out(again, Silent()), exact).checks()


def _left_out(ids: Iterable[str], reason: str) -> Iterator[Check]:
    """Checks for which something is missing; the first says what."""
    for place, id in enumerate(ids):
        yield skipped(id, reason if place == 0 else "for the same reason")
