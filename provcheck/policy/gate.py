"""Apply checks to the evidence and derive the exit code: pure functions of policy and evidence."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence

from provcheck.policy.evidence import Evidence
from provcheck.policy.loading import Collected
from provcheck.policy.rule import Finding, Rule, name_of
from provcheck.types import Check, ExitCode, Outcome, PolicyFacts, Summary

MAX_MESSAGE = 300


def check_policy(
    collected: Collected, evidence: Evidence, *, stop_at_first: bool = False
) -> tuple[tuple[Check, ...], PolicyFacts]:
    """Apply the checks in their order; `stop_at_first` leaves out those after the first that fails."""
    policy = collected.policy
    checks: list[Check] = []
    for rule in collected.rules:
        checks.append(run_check(rule, evidence))
        if stop_at_first and checks[-1].stops_build(policy.on_inconclusive):
            break
    return tuple(checks), PolicyFacts(
        name=policy.name,
        digest=collected.digest,
        on_inconclusive=policy.on_inconclusive,
        deselected=collected.deselected,
        not_run=tuple(name_of(rule) for rule in collected.rules[len(checks) :]),
    )


def run_check(rule: Rule, evidence: Evidence) -> Check:
    """Apply one rule; one that raises has the outcome `error`, and the others still run."""
    started = time.perf_counter()
    try:
        finding = _settled(rule, rule.evaluate(evidence))
    except Exception as error:
        message = f"the check itself failed: {type(error).__name__}: {error}"
        finding = Finding(Outcome.ERROR, message[:MAX_MESSAGE])
    return Check(
        id=name_of(rule),
        kind=rule.kind,
        description=rule.describe(),
        severity=rule.severity,
        outcome=finding.outcome,
        message=finding.message,
        references=finding.references,
        seconds=round(time.perf_counter() - started, 6),
    )


def _settled(rule: Rule, finding: Finding) -> Finding:
    """Failed in place of inconclusive where the policy requires an answer."""
    if not rule.required or finding.outcome is not Outcome.INCONCLUSIVE:
        return finding
    return Finding(Outcome.FAILED, f"an answer is required, and there is none: {finding.message}", finding.references)


def summarise(checks: Sequence[Check]) -> Summary:
    """Count the checks by outcome."""
    return Summary(**Counter(check.outcome.value for check in checks))


def exit_code(checks: Sequence[Check], on_inconclusive: str) -> ExitCode:
    """pytest's exit code: 5 without checks, 1 when one of severity error did not pass, else 0."""
    if not checks:
        return ExitCode.NO_CHECKS
    stopped = any(check.stops_build(on_inconclusive) for check in checks)
    return ExitCode.CHECK_FAILED if stopped else ExitCode.OK
