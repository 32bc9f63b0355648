"""A model head to head with one or a few that were named beforehand."""

from __future__ import annotations

from pydantic import Field

from provcheck.types.base import Digested, Record
from provcheck.types.changes import Changes, Mixture
from provcheck.types.comparison import Comparison
from provcheck.types.measurement import MeasurementFacts, NotMeasured
from provcheck.types.notebook import cell, listed, table
from provcheck.types.report import Tool
from provcheck.types.signs import Signs
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
    signs: Signs | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="signs of disguise; left out in reports that were made before these were looked for",
    )
    mixture: Mixture | NotMeasured | None = Field(
        default=None, description="the model as a mixture of its opponents; None where there is only one"
    )
    limitations: tuple[str, ...]
    digest: str = Field(default="", description="sha256 over the canonical JSON of everything else in the report")

    def _repr_html_(self) -> str:
        """What notebooks show: the verdict with its reasons, and for each opponent what was changed."""
        rows = [
            (
                one.comparison.reference,
                one.comparison.relation.value,
                one.comparison.related_probability,
                one.comparison.p_value,
                one.changes.not_measured if isinstance(one.changes, NotMeasured) else one.changes.mechanism.value,
            )
            for one in self.opponents
        ]
        headings = ("compared with", "relation", "probability of being related", "p-value", "what was changed")
        found = f"<p><b>{cell(self.subject.id)}: {cell(self.verdict.relation.value)}</b></p>"
        return found + listed(self.verdict.reasons) + table(headings, rows)
