"""What the numbers of a report were made with, found on this machine: bank, probe set, judge, policy, KL scale.

A report comes from a stranger: what it names is looked up among what ships; only what the user names may be a path.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from provcheck import __version__, data
from provcheck.bank import Bank, load_bank
from provcheck.bank.folder import file_digest
from provcheck.errors import BankError
from provcheck.policy import Collected, collect, name_of
from provcheck.probes import DEFAULT_PROBES, QUICK_PROBES, load_probes
from provcheck.types import ALGORITHM, Check, Outcome, Report
from provcheck.verdict import find_calibration
from provcheck.verification.lines import failed, passed, same, skipped

T = TypeVar("T")

SHIPPED_PROBES = {DEFAULT_PROBES: DEFAULT_PROBES, f"{DEFAULT_PROBES}-{QUICK_PROBES}": QUICK_PROBES}
"""What --probes calls them, by the name in a report."""


@dataclass(frozen=True)
class Found(Generic[T]):
    """A check, and the thing itself where it is the one that the report was made with."""

    check: Check
    thing: T | None = None


def check_program(report: Report) -> Check:
    """Whether this version measures in the same way."""
    made, used = f"provcheck {report.tool.version}", report.measurement.algorithm
    if used != ALGORITHM:
        return skipped("program", f"{made} measured with {used}, this version does with {ALGORITHM}")
    return passed("program", f"made with {made}, verified with {__version__}; both measure with {used}")


def find_bank(report: Report, name: str | None) -> Found[Bank]:
    """The bank named by the user, or else the shipped one of the report's name. Raises BankError for a wrong name."""
    if name is None and report.bank.name not in data.banks():
        return Found(skipped("bank", "the report's bank does not ship with provcheck; name its folder with --bank"))
    folder = data.bank_folder(name or report.bank.name)
    try:
        bank = load_bank(str(folder))
    except BankError as error:
        return Found(failed("bank", error.message))
    return _fitting(same("bank", f"the bank {bank.manifest.name}", bank.manifest.digest, report.digests.bank), bank)


def find_probes(report: Report, name: str | None) -> Found[str]:
    """The name, for --probes, of the probe set that the user names, or else of the report's. Raises ProbeError."""
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
        calibration = find_calibration(bank)
    except BankError as error:
        return failed("judge", error.message)
    what = f"the calibration on {calibration.facts.bank}" if calibration else "no calibration, a simple rule"
    return same("judge", what, calibration.digest if calibration else None, report.digests.judge)


def check_scale(report: Report) -> Check:
    """Whether the papers' KL scale is the same."""
    path = data.kl_scale_file()
    return same("kl-scale", f"the papers' scale in {path.name}", file_digest(path), report.digests.kl_scale)


def _fitting(check: Check, thing: T) -> Found[T]:
    return Found(check, thing if check.outcome is Outcome.PASSED else None)
