"""Which checks stop a build, for formats that know neither `inconclusive` nor a severity.

This decides nothing: it is the rule behind `report.exit_code`, told for one check, and a test holds the two together.
"""

from __future__ import annotations

from provcheck.types import Check, Outcome, PolicyFacts

FAILING = (Outcome.FAILED, Outcome.ERROR)


def stops_build(check: Check, policy: PolicyFacts) -> bool:
    """Whether this check alone makes the exit code 1."""
    fails = check.outcome in FAILING or (check.outcome is Outcome.INCONCLUSIVE and policy.on_inconclusive == "fail")
    return fails and check.severity == "error"


def remark(check: Check) -> str:
    """The check's message; in front what a mere failure or skip does not say: `warning: ...`, `inconclusive: ...`."""
    warning = check.severity == "warning" and check.outcome in FAILING
    word = check.outcome.value if check.outcome is Outcome.INCONCLUSIVE else "warning" if warning else ""
    return f"{word}: {check.message}" if word else check.message
