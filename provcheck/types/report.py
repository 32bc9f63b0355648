"""Checks and the report."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, SerializeAsAny, ValidationInfo

from provcheck.types.base import REPORT_SCHEMA_VERSION, Count, Digested, ExitCode, Outcome, Positive, Record
from provcheck.types.comparison import Comparison, Shortlist, records_by_name
from provcheck.types.measurement import MeasurementFacts
from provcheck.types.notebook import NEAREST, cell, data_frame, listed, table
from provcheck.types.served_match import ServedMatch
from provcheck.types.signs import Signs
from provcheck.types.subject import Subject
from provcheck.types.verdict import BankMap, JudgeFacts, Lineage, Verdict


class Check(Record):
    """One line of a policy applied to a verdict."""

    id: str
    kind: str = Field(default="", description="kind of check, as in the policy")
    description: str = Field(default="", description="what the check asks for, in one sentence")
    severity: Literal["error", "warning"] = "error"
    outcome: Outcome
    message: str
    references: tuple[str, ...] = Field(default=(), description="the references that decided the outcome")
    seconds: Positive = 0.0

    def stops_build(self, on_inconclusive: str) -> bool:
        """Whether this check alone makes the exit code 1, given the policy's `on_inconclusive`."""
        failing = {Outcome.FAILED, Outcome.ERROR} | ({Outcome.INCONCLUSIVE} if on_inconclusive == "fail" else set())
        return self.severity == "error" and self.outcome in failing


class Summary(Record):
    """Number of checks by outcome."""

    passed: Count = 0
    failed: Count = 0
    skipped: Count = 0
    inconclusive: Count = 0
    error: Count = 0


class Tool(Record):
    """The program that wrote a report."""

    name: str = "provcheck"
    version: str
    command: str = Field(description="command that repeats the audit")


class BankFacts(Record):
    """The bank that a subject was compared with."""

    name: str
    digest: str
    references: Count
    shortlist: Shortlist | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="of a large bank: how much of it was compared in full; left out where all of it was",
    )


class PolicyFacts(Record):
    """The policy whose checks were run."""

    name: str
    digest: str = Field(description="sha256 of the policy file")
    on_inconclusive: Literal["fail", "pass", "warn"] = "warn"
    deselected: tuple[str, ...] = Field(default=(), description="checks left out by -k")
    not_run: tuple[str, ...] = Field(default=(), description="checks left out by -x, after the first that failed")


class Digests(Record):
    """sha256 (hex) of everything that went into a report."""

    weights: str | None
    model_files: str = Field(description="over names and digests of config, tokenizer and card files")
    measurement: str = Field(description="over the arrays of the measurement")
    probes: str
    bank: str
    judge: str | None
    policy: str
    background: dict[str, str] = Field(
        default_factory=dict, description="by signal: the published numbers that its own are seen against"
    )


def _backgrounds(found: Any, info: ValidationInfo) -> Any:
    return records_by_name(found, info, "background")


class Report(Digested):
    """Everything an audit found out; every output format is a rendering of this object."""

    schema_version: int = REPORT_SCHEMA_VERSION
    tool: Tool
    subject: Subject
    measurement: MeasurementFacts
    bank: BankFacts
    judge: JudgeFacts
    policy: PolicyFacts
    claimed_base: str | None = Field(default=None, description="base model to check, where the user named one")
    unavailable: dict[str, str] = Field(
        default_factory=dict,
        exclude_if=lambda value: not value,
        description="claimed base models that could not be compared, each with the reason",
    )
    comparisons: tuple[Comparison, ...]
    verdict: Verdict
    signs: Signs | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="signs of disguise; left out in reports that were made before these were looked for",
    )
    served: tuple[ServedMatch, ...] = Field(
        default=(),
        exclude_if=lambda value: not value,
        description="whether an endpoint serves the weights of the references that were named; left out for a model "
        "that was at hand",
    )
    lineage: Lineage
    map: BankMap
    background: Annotated[dict[str, SerializeAsAny[Record]], BeforeValidator(_backgrounds)] = Field(
        default_factory=dict, description="by signal: what its numbers are seen against"
    )
    checks: tuple[Check, ...]
    summary: Summary
    exit_code: ExitCode
    limitations: tuple[str, ...]
    durations: dict[str, Positive] = Field(
        default_factory=dict,
        exclude_if=lambda value: not value,
        description="seconds of wall time that the stages of this audit took, besides the checks; what came from the "
        "cache was measured before, and took the seconds that its signals state",
    )
    digests: Digests
    digest: str = Field(default="", description="sha256 over the canonical JSON of everything else in the report")

    def to_frame(self) -> Any:
        """The comparisons as a pandas DataFrame: one row a reference, nearest first, one column a value.

        Columns of signals are named by their path, such as `able.contrast.cosine_distance`, in the signal's unit.
        Raises ImportError where pandas is not installed.
        """
        return data_frame([one.row() for one in self.comparisons]).set_index("reference")

    def _repr_html_(self) -> str:
        """What notebooks show: the verdict with its reasons, the checks, and the nearest references."""
        verdict = self.verdict
        about = f" {cell(verdict.reference)}" if verdict.reference else ""
        nearest = [
            (one.reference, one.relation.value, one.related_probability, one.p_value)
            for one in self.comparisons[:NEAREST]
        ]
        return (
            f"<p><b>{cell(self.subject.id)}: {cell(verdict.relation.value)}{about}</b></p>{listed(verdict.reasons)}"
            + table(("check", "outcome", ""), [(one.id, one.outcome.value, one.message) for one in self.checks])
            + table(("nearest references", "relation", "probability of being related", "p-value"), nearest)
        )
