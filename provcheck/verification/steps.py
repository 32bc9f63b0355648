"""The steps of a verification, from the file itself to the conclusion: passed, failed, or skipped with the reason."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from provcheck.attestation import attestation_file, fault_of
from provcheck.report_file import ReportFile
from provcheck.types import Check, ExitCode, Outcome

MEASUREMENT, DISTANCES, VERDICT, SENTENCES = "measurement", "distances", "verdict", "sentences"
"""Steps that can only be taken where the model was measured, or judged, again."""


def passed(id: str, message: str) -> Check:
    """It is as the report says."""
    return Check(id=id, outcome=Outcome.PASSED, message=message)


def failed(id: str, message: str) -> Check:
    """It is not as the report says."""
    return Check(id=id, outcome=Outcome.FAILED, message=message)


def skipped(id: str, message: str) -> Check:
    """It could not be checked."""
    return Check(id=id, outcome=Outcome.SKIPPED, message=message)


def same(id: str, what: str, found: str | None, stated: str | None) -> Check:
    """Compare two digests."""
    if found == stated:
        return passed(id, what)
    return failed(id, f"{what}: its digest is {_short(found)}, the report says {_short(stated)}")


def check_file(fault: str | None) -> Check:
    """Whether the report is as it was written; `fault` says why it is not."""
    return failed("report", fault) if fault else passed("report", "every byte is as it was written")


def check_attestation(file: ReportFile, public_key: Path | None) -> Check:
    """Whether the owner of the key attested this report. Raises UsageError when key or file cannot be read."""
    attested = attestation_file(file.path)
    if public_key is None:
        there = f"{attested.name} was not checked: name its key with --public-key"
        return skipped("attestation", there if attested.exists() else "nobody attested the report")
    if not attested.exists():
        return failed("attestation", f"there is no {attested.name} beside the report")
    if fault := fault_of(file.report, file.content, attested, public_key):
        return failed("attestation", fault)
    return passed("attestation", f"{attested.name} was signed with the key of {public_key.name}")


def exit_code(checks: Sequence[Check]) -> ExitCode:
    """1 if anything differs; 0 if nothing does, it was judged again, and every sentence is known; else 5."""
    if any(check.outcome is Outcome.FAILED for check in checks):
        return ExitCode.CHECK_FAILED
    whole = all(_outcome(checks, id) is Outcome.PASSED for id in (VERDICT, SENTENCES))
    return ExitCode.OK if whole else ExitCode.NO_CHECKS


def conclusion(checks: Sequence[Check]) -> str:
    """What was verified, and what was not, in one line."""
    failures = [check.id for check in checks if check.outcome is Outcome.FAILED]
    left_out = [check.id for check in checks if check.outcome is Outcome.SKIPPED]
    parts = [f"the report does not hold: {', '.join(failures)}"] if failures else [_what_repeats(checks)]
    return "; ".join([*parts, *([f"not verified: {', '.join(left_out)}"] if left_out else [])])


def _what_repeats(checks: Sequence[Check]) -> str:
    if _outcome(checks, VERDICT) is not Outcome.PASSED:
        measured = _outcome(checks, MEASUREMENT) is Outcome.PASSED
        return "the measurement repeats, but it was not judged again" if measured else "nothing was measured again"
    if _outcome(checks, MEASUREMENT) is Outcome.PASSED:
        return "the numbers repeat bit for bit, and so does the verdict"
    return "the numbers repeat within the stated tolerances, and so does the verdict"


def _outcome(checks: Sequence[Check], id: str) -> Outcome | None:
    return next((check.outcome for check in checks if check.id == id), None)


def _short(digest: str | None) -> str:
    return f"{digest[:12]}..." if digest else "none"
