"""Which licenses come with the weights?"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from provcheck.policy.evidence import UNKNOWN, Evidence
from provcheck.policy.rule import Finding, Globs, Rule, any_glob, ids, undecided, with_licenses
from provcheck.types import Outcome
from provcheck.wording import listing


class LicensesOfRelatives(Rule):
    """Every reference that the subject is related to has an allowed license."""

    kind: Literal["licenses-of-relatives"]
    allowed: Globs = Field(description="globs over licenses")
    unknown: Literal["inconclusive", "failed"] = Field(
        default="inconclusive", description="the outcome for a relative whose license nobody stated"
    )

    def describe(self) -> str:
        """One sentence."""
        return f"Every reference that the model is related to has one of the licenses {listing(self.allowed)}."

    def evaluate(self, evidence: Evidence) -> Finding:
        """A license that is not allowed fails the check; an unknown one, or an open relation, may leave it open."""
        related = [one for one in evidence.standings if one.relation.related]
        unstated = [one for one in related if one.license.lower() in ("", UNKNOWN)]
        barred = [one for one in related if one not in unstated and not any_glob(one.license, self.allowed)]
        if barred:
            return Finding(Outcome.FAILED, f"related to {with_licenses(barred)}", ids(barred))
        if unstated:
            return Finding(Outcome(self.unknown), f"related to {with_licenses(unstated)}", ids(unstated))
        if unsettled := [one for one in evidence.standings if one.open and not any_glob(one.license, self.allowed)]:
            return undecided(unsettled)
        if not related:
            return Finding(Outcome.INCONCLUSIVE, "related to no reference of this bank")
        return Finding(Outcome.PASSED, f"related to {with_licenses(related)}", ids(related))
