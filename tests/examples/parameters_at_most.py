"""A kind of check: is the model small enough?"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from provcheck.policy.evidence import Evidence
from provcheck.policy.rule import Finding, Rule, passed_if
from provcheck.types import Outcome


class ParametersAtMost(Rule):
    """The model has no more parameters than this."""

    kind: Literal["parameters-at-most"]
    parameters: int = Field(gt=0, description="largest number of parameters")

    def describe(self) -> str:
        """One sentence."""
        return f"The model has at most {self.parameters:,} parameters."

    def evaluate(self, evidence: Evidence) -> Finding:
        """An unstated number leaves the check open."""
        found = evidence.subject.parameters
        if found is None:
            return Finding(Outcome.INCONCLUSIVE, "the number of parameters is not known")
        return passed_if(found <= self.parameters, f"it has {found:,} parameters; {self.parameters:,} are allowed")
