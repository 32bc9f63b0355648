"""Policies: YAML files whose checks are applied to a verdict. The gate is a pure function of checks and policy."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Literal

import yaml
from pydantic import Field, ValidationError

from provcheck import data
from provcheck.errors import PolicyError
from provcheck.types import (
    Check,
    Comparison,
    ExitCode,
    MeasurementFacts,
    Outcome,
    Record,
    Relation,
    Subject,
    Summary,
    Verdict,
)

DEFAULT_POLICY = "default"
Result = tuple[Outcome, str]


@dataclass(frozen=True)
class Evidence:
    """What checks may look at."""

    subject: Subject
    measurement: MeasurementFacts
    comparisons: Sequence[Comparison]
    verdict: Verdict
    claimed_base: str | None = None

    def find(self, reference: str) -> Comparison | None:
        """The comparison with that reference, if the bank has it."""
        return next((comparison for comparison in self.comparisons if comparison.reference == reference), None)


class Rule(Record):
    """What every check has: an id of its own and a severity."""

    id: str | None = Field(default=None, pattern=r"^[a-z0-9-]+$")
    severity: Literal["error", "warning"] = "error"


class CoverageAtLeast(Rule):
    """Enough of the probe set was measured."""

    kind: Literal["coverage-at-least"]
    share: float = Field(ge=0, le=1)

    def evaluate(self, evidence: Evidence) -> Result:
        """Compare the measured share with the limit."""
        coverage = evidence.measurement.coverage
        outcome = Outcome.PASSED if coverage.share >= self.share else Outcome.FAILED
        return outcome, (
            f"{coverage.questions} of {coverage.questions_total} questions and {coverage.texts} of "
            f"{coverage.texts_total} texts were measured; at least {100 * self.share:g}% of each are asked for"
        )


class SafetensorsOnly(Rule):
    """The weights cannot run code when they are loaded."""

    kind: Literal["safetensors-only"]

    def evaluate(self, evidence: Evidence) -> Result:
        """Look at the format of the weight files."""
        found = evidence.subject.weight_format
        return Outcome.PASSED if found == "safetensors" else Outcome.FAILED, f"the weights are {found} files"


class ClaimedBaseSupported(Rule):
    """What the card or the user says about the base model agrees with the evidence."""

    kind: Literal["claimed-base-supported"]

    def evaluate(self, evidence: Evidence) -> Result:
        """Every claimed base that is in the bank must be related to the subject."""
        claimed = claims(evidence.subject, evidence.claimed_base)
        if not claimed:
            return Outcome.SKIPPED, "no base model is claimed"
        found = {base: comparison for base in claimed if (comparison := evidence.find(base))}
        if not found:
            return Outcome.SKIPPED, f"the claimed base {', '.join(claimed)} is not in this bank"
        return _worst([_claim(base, comparison.relation) for base, comparison in found.items()])


class NotRelatedTo(Rule):
    """No matching reference is related to the subject."""

    kind: Literal["not-related-to"]
    references: tuple[str, ...] = Field(default=("*",), description="globs over reference ids")
    licenses: tuple[str, ...] = Field(default=("*",), description="globs over licences")

    def evaluate(self, evidence: Evidence) -> Result:
        """Look at the relation to every matching reference."""
        matching = [c for c in evidence.comparisons if self._matches(c)]
        if not matching:
            return Outcome.SKIPPED, "no reference of this bank matches"
        return _worst([_independence(comparison) for comparison in matching])

    def _matches(self, comparison: Comparison) -> bool:
        return _any_glob(comparison.reference, self.references) and _any_glob(comparison.license or "", self.licenses)


def _any_glob(name: str, globs: Sequence[str]) -> bool:
    """Whether any of the globs fits; upper and lower case are the same, as on the Hub."""
    return any(fnmatchcase(name.lower(), glob.lower()) for glob in globs)


AnyRule = Annotated[
    CoverageAtLeast | SafetensorsOnly | ClaimedBaseSupported | NotRelatedTo, Field(discriminator="kind")
]


class Policy(Record):
    """A policy file."""

    name: str
    description: str = ""
    on_inconclusive: Literal["fail", "pass", "warn"] = "warn"
    max_false_accusation_rate: float = Field(default=0.01, gt=0, le=1)
    checks: tuple[AnyRule, ...]


def load_policy(name: str = DEFAULT_POLICY) -> Policy:
    """Load a shipped policy by name, or a file. Raises PolicyError with the place of the fault."""
    path: Path = data.policy_file(name)
    try:
        return Policy.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise PolicyError(f"{path.name} cannot be read: {error}") from None
    except ValidationError as error:
        first = error.errors()[0]
        raise PolicyError(f"{path.name}: {'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from None


def claims(subject: Subject, claimed_base: str | None) -> tuple[str, ...]:
    """The base models that the user, or else the card, says the subject comes from."""
    return (claimed_base,) if claimed_base else subject.declared_base


def run_checks(policy: Policy, evidence: Evidence) -> tuple[Check, ...]:
    """Apply every check of the policy."""
    return tuple(_run(rule, evidence) for rule in policy.checks)


def summarise(checks: Sequence[Check]) -> Summary:
    """Count the checks by outcome."""
    return Summary(**Counter(check.outcome.value for check in checks))


def exit_code(checks: Sequence[Check], on_inconclusive: str) -> ExitCode:
    """pytest's exit code: 5 without checks, 1 when one of severity error did not pass, else 0."""
    if not checks:
        return ExitCode.NO_CHECKS
    failing = {Outcome.FAILED, Outcome.ERROR} | ({Outcome.INCONCLUSIVE} if on_inconclusive == "fail" else set())
    failed = any(check.severity == "error" and check.outcome in failing for check in checks)
    return ExitCode.CHECK_FAILED if failed else ExitCode.OK


def _run(rule: AnyRule, evidence: Evidence) -> Check:
    started = time.perf_counter()
    outcome, message = rule.evaluate(evidence)
    seconds = round(time.perf_counter() - started, 6)
    return Check(id=rule.id or rule.kind, severity=rule.severity, outcome=outcome, message=message, seconds=seconds)


def _claim(base: str, relation: Relation) -> Result:
    if relation.related:
        return Outcome.PASSED, f"the evidence supports the claimed base {base} ({relation})"
    if relation is Relation.INCONCLUSIVE:
        return Outcome.INCONCLUSIVE, f"the evidence does not settle whether {base} is the base"
    return Outcome.FAILED, f"the evidence contradicts the claimed base {base} ({relation})"


def _independence(comparison: Comparison) -> Result:
    if comparison.relation.related:
        return Outcome.FAILED, f"{comparison.relation} of {comparison.reference}"
    if comparison.relation is Relation.INCONCLUSIVE:
        return Outcome.INCONCLUSIVE, f"the evidence does not settle the relation to {comparison.reference}"
    return Outcome.PASSED, "no matching reference is related"


def _worst(results: Sequence[Result]) -> Result:
    order = (Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.PASSED)
    return min(results, key=lambda result: order.index(result[0]))
