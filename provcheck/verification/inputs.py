"""What went into a report, found on this machine: program, bank, probes, judge, policy, published numbers, the model.

A report is untrusted input: what it names is looked up only among the files that ship, and on the Hub at the commit
that it states. Only the user may name a path.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

from provcheck.assembly import against
from provcheck.bank import Bank, load_bank
from provcheck.bank.manifest import read_bank_manifest
from provcheck.errors import BankError, ProvcheckError
from provcheck.io import data
from provcheck.io.digests import file_digest
from provcheck.policy import Collected, collect, name_of
from provcheck.probes import DEFAULT_PROBES, QUICK_PROBES, load_probes
from provcheck.signals import all_signals
from provcheck.targets import DEMO, FindOptions, Target, find_target
from provcheck.types import Check, FileDigest, Outcome, Report, Subject
from provcheck.verdict import find_calibrations
from provcheck.verification.steps import failed, passed, same, skipped
from provcheck.version import __version__
from provcheck.wording import listing

T = TypeVar("T")

SHIPPED_PROBES = {DEFAULT_PROBES: DEFAULT_PROBES, f"{DEFAULT_PROBES}-{QUICK_PROBES}": QUICK_PROBES}
"""The value of --probes, by the name in a report."""

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
COMMIT = re.compile(r"[0-9a-f]{7,64}")
NO_FILES = "the report states no files of the model"
ASK_AGAIN = (
    "what an endpoint served on that day cannot be seen again; give its address as MODEL to ask what it serves now"
)
IN_PART = "the report states no digests: only parts of the weight files were fetched from the Hub"


@dataclass(frozen=True)
class Found(Generic[T]):
    """A check, and the thing itself if it is the one that the report was made with."""

    check: Check
    thing: T | None = None


def check_program(report: Report) -> Check:
    """Whether this version measures every signal of the report in the same way."""
    made, known = f"provcheck {report.tool.version}", all_signals()
    used = {name: facts.version for name, facts in report.measurement.measured.items()}
    others = [name for name in used if name not in known or known[name].version != used[name]]
    if others:
        does = ", ".join(known[name].version if name in known else f"no {name}" for name in others)
        what = ", ".join(used[name] for name in others)
        return skipped("program", f"{made} measured with {what}, this version does with {does}")
    what = ", ".join(used.values()) or "nothing"
    return passed("program", f"made with {made}, verified with {__version__}; both measure with {what}")


def check_run(report: Report) -> Check:
    """When and where it was measured cannot be found out again."""
    found = report.measurement
    when = f"{found.measured_at:%Y-%m-%d %H:%M} on {found.device if found.was_run else found.where}"
    return skipped("run", f"the report says that it was measured at {when}; that cannot be measured again")


def find_bank(report: Report, name: str | None) -> Found[Bank]:
    """The user's bank, or the one with the report's digest in the user's folder of banks; else a shipped one.

    A shipped one is found by its digest, whatever the report calls it, or else by the name in the report. Raises
    BankError for a wrong name.
    """
    folder = _bank_of(report, name)
    if folder is None:
        return Found(skipped("bank", "the report's bank does not ship with provcheck; name its folder with --bank"))
    try:
        bank = load_bank(str(folder))
    except BankError as error:
        return Found(failed("bank", error.message))
    return _fitting(same("bank", f"the bank {bank.manifest.name}", bank.manifest.digest, report.digests.bank), bank)


def _bank_of(report: Report, name: str | None) -> Path | None:
    """Where the report's bank should lie; None if that is not known."""
    shipped = data.banks()
    known = list(shipped.values()) if name is None else data.banks_in(Path(name))
    by_digest = next((one for one in known if _digest_of(one) == report.digests.bank), None)
    if by_digest or name is None:
        return by_digest or shipped.get(report.bank.name)
    return data.bank_folder(name)


def _digest_of(folder: Path) -> str | None:
    try:
        return read_bank_manifest(folder).digest
    except BankError:
        return None


def find_probes(report: Report, name: str | None) -> Found[str]:
    """The value of --probes for the user's probe set, or else for the report's. Raises ProbeError."""
    name = name or SHIPPED_PROBES.get(report.measurement.probes)
    if name is None:
        return Found(skipped("probes", "the report's probe set does not ship with provcheck; name it with --probes"))
    probes = load_probes(name)
    return _fitting(same("probes", f"the probe set {probes.name}", probes.digest, report.digests.probes), name)


def find_policy(report: Report, name: str | None) -> Found[Collected]:
    """The policy, with the checks that the report's audit chose. Raises PolicyError for a wrong name."""
    if name is None and report.policy.name not in data.policies():
        return Found(skipped("policy", "the report's policy does not ship with provcheck; name its file with --policy"))
    path = data.policy_file(name or report.policy.name)
    check = same("policy", f"the policy {path.name}", file_digest(path), report.digests.policy)
    if check.outcome is not Outcome.PASSED:
        return Found(check)
    collected = collect(name or report.policy.name)
    left_out = report.policy.deselected
    rules = tuple(rule for rule in collected.rules if name_of(rule) not in left_out)
    return Found(check, replace(collected, rules=rules, deselected=left_out))


def check_judge(report: Report, bank: Bank | None) -> Check:
    """Whether the bank is judged with the same calibration."""
    if bank is None:
        return skipped("judge", "it is found only with the bank")
    try:
        found = find_calibrations(bank)
    except BankError as error:
        return failed("judge", error.message)
    what = f"the calibration on {found.bank}" if found else "no calibration, a simple rule"
    return same("judge", what, found.digest if found else None, report.digests.judge)


def check_backgrounds(report: Report, bank: Bank | None) -> Iterator[Check]:
    """Whether the numbers that signals are read against, published or the bank's, are the same, signal by signal."""
    stated, known = report.digests.background, all_signals()
    for name, signal in known.items():
        found = against(signal, bank)
        if name not in stated and not (found and name in report.measurement.measured):
            continue
        id, digest = f"background-{name}", found[1] if found else None
        if bank is None and digest != stated.get(name):
            yield skipped(id, "they are not the published ones, and the bank that may hold others is not at hand")
        else:
            yield same(id, f"the published numbers beside those of {signal.title}", digest, stated.get(name))
    if strange := [name for name in stated if name not in known]:
        yield failed("background", f"this version knows no signal {listing(strange)}")


def find_model(report: Report, model: str | None, options: FindOptions) -> tuple[Target | None, str]:
    """The model or measurement file that the user names, or else the model of the report; None with the reason.

    Raises ProvcheckError if the user's choice cannot be used.
    """
    if model is not None:
        return find_target(model, options), ""
    named = DEMO if report.subject.source == DEMO else named_on_hub(report.subject)
    if report.measurement.served:
        return None, ASK_AGAIN
    if named is None:
        return None, f"where {report.subject.id} lies is not known: give the model, or a measurement file, as MODEL"
    try:
        return find_target(named, options), ""
    except ProvcheckError as error:
        return None, f"{error.message}; give the model, or a measurement file, as MODEL"


def check_weights(report: Report, target: Target) -> Check:
    """Whether the weight files have the digests that the report states."""
    subject = target.subject
    if report.subject.in_part and not report.digests.weights:
        return skipped("weights", IN_PART)
    if not (report.digests.weights or report.subject.weights_digest or subject.weights_digest):
        return skipped("weights", NO_FILES)
    stated = (*report.subject.weights, *(report.subject.base.weights if report.subject.base else ()))
    found = (*subject.weights, *(subject.base.weights if subject.base else ()))
    if subject.weights_digest == report.digests.weights:
        return passed("weights", _as_stated(found, target))
    return failed("weights", _changes(stated, found))


def check_model_files(report: Report, target: Target) -> Check:
    """Whether config, tokenizer and card are those of the report."""
    stated, found = report.subject.all_files, target.subject.all_files
    if not (report.subject.weights_digest or target.subject.weights_digest or stated or found):
        return skipped("model-files", NO_FILES)
    if [(file.name, file.sha256) for file in stated] == [(file.name, file.sha256) for file in found]:
        return passed("model-files", _as_stated(found, target))
    return failed("model-files", _changes(stated, found))


def _fitting(check: Check, thing: T) -> Found[T]:
    return Found(check, thing if check.outcome is Outcome.PASSED else None)


def named_on_hub(subject: Subject) -> str | None:
    """The name that finds a model of a report on the Hub; None without a commit, or for a name that no Hub has."""
    if subject.revision and COMMIT.fullmatch(subject.revision) and HUB_ID.fullmatch(subject.id):
        return f"{subject.id}@{subject.revision}"
    return None


def _as_stated(files: Iterable[FileDigest], target: Target) -> str:
    names = ", ".join(file.name for file in files) or "none"
    return f"as the measurement file states: {names}" if target.saved else names


def _changes(stated: Iterable[FileDigest], found: Iterable[FileDigest]) -> str:
    """Which files differ, are missing, or are new."""
    old = {file.name: file.sha256 for file in stated}
    new = {file.name: file.sha256 for file in found}
    changed = [f"{name} differs" for name in old if name in new and old[name] != new[name]]
    missing = [f"{name} is missing" for name in old if name not in new]
    added = [f"{name} is not in the report" for name in new if name not in old]
    return ", ".join([*changed, *missing, *added]) or "the files have other names or another order"
