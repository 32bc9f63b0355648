"""A model head to head with one or a few that were named beforehand."""

from __future__ import annotations

from pydantic import Field

from provcheck.types.base import Digested, Record
from provcheck.types.changes import Changes, Mixture
from provcheck.types.comparison import Comparison
from provcheck.types.measurement import MeasurementFacts, NotMeasured
from provcheck.types.report import Tool
from provcheck.types.subject import Subject
from provcheck.types.verdict import JudgeFacts, Verdict

PAIR_SCHEMA_VERSION = 1
"""1: first version."""


class Opponent(Record):
    """A model that the first is compared with: what it is, what was measured of it, and what was changed."""

    subject: Subject
    measurement: MeasurementFacts
    comparison: Comparison
    changes: Changes | NotMeasured = Field(description="the model is the first, the opponent the second")


class PairReport(Digested):
    """Everything that a head-to-head comparison found out."""

    schema_version: int = PAIR_SCHEMA_VERSION
    tool: Tool
    subject: Subject
    measurement: MeasurementFacts
    opponents: tuple[Opponent, ...]
    judge: JudgeFacts | None = Field(description="None where no bank with a judge ships")
    verdict: Verdict
    mixture: Mixture | NotMeasured | None = Field(
        default=None, description="the model as a mixture of its opponents; None where there is only one"
    )
    limitations: tuple[str, ...]
    digest: str = Field(default="", description="sha256 over the canonical JSON of everything else in the report")
