"""Checks and the report."""

from __future__ import annotations

import hashlib
import json
from typing import Literal

from pydantic import Field

from provcheck.types.base import REPORT_SCHEMA_VERSION, Count, ExitCode, Outcome, Positive, Record
from provcheck.types.finding import Agreement, Background, BankMap, Comparison, Lineage, Verdict
from provcheck.types.measurement import MeasurementFacts
from provcheck.types.subject import Subject


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
    judge: str = Field(description="what turned distances into relations")


class PolicyFacts(Record):
    """The policy whose checks were run."""

    name: str
    digest: str = Field(description="sha256 of the policy file")
    on_inconclusive: Literal["fail", "pass", "warn"] = "warn"
    deselected: tuple[str, ...] = Field(default=(), description="checks left out by -k")
    not_run: tuple[str, ...] = Field(default=(), description="checks left out by -x, after the first that failed")


class Digests(Record):
    """sha256 (hex) of everything that went into a report."""

    weights: str
    model_files: str = Field(description="over names and digests of config, tokenizer and card files")
    measurement: str = Field(description="over the arrays of the measurement")
    probes: str
    bank: str
    judge: str | None
    policy: str
    kl_scale: str


class Report(Record):
    """Everything an audit found out; every output format is a rendering of this object."""

    schema_version: int = REPORT_SCHEMA_VERSION
    tool: Tool
    subject: Subject
    measurement: MeasurementFacts
    bank: BankFacts
    policy: PolicyFacts
    claimed_base: str | None = Field(default=None, description="base model to check, where the user named one")
    comparisons: tuple[Comparison, ...]
    verdict: Verdict
    agreement: tuple[Agreement, ...] = Field(
        default=(), description="with the verdict's reference, or else the nearest"
    )
    lineage: Lineage
    map: BankMap
    background: Background
    checks: tuple[Check, ...]
    summary: Summary
    exit_code: ExitCode
    limitations: tuple[str, ...]
    digests: Digests
    digest: str = Field(default="", description="sha256 over the canonical JSON of everything else in the report")

    def computed_digest(self) -> str:
        """sha256 (hex) over the canonical JSON of everything but the digest itself."""
        content = json.dumps(self.model_dump(mode="json", exclude={"digest"}), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(content.encode()).hexdigest()

    def sealed(self) -> Report:
        """The same report with its digest."""
        return self.model_copy(update={"digest": self.computed_digest()})
