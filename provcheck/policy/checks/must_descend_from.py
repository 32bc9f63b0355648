"""Whose weights may it descend from?"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from provcheck.policy.evidence import Evidence
from provcheck.policy.rule import (
    EVERY,
    Finding,
    Matching,
    counted,
    ids,
    no_match,
    undecided,
    with_relations,
)
from provcheck.types import Outcome


class MustDescendFrom(Matching):
    """The subject is related to at least one of the references that match."""

    kind: Literal["must-descend-from"]

    @model_validator(mode="after")
    def _names_somebody(self) -> Self:
        if (self.references, self.families, self.licenses) == (EVERY, EVERY, EVERY):
            raise PydanticCustomError("nobody_named", "name references, families or licenses that are allowed")
        return self

    def describe(self) -> str:
        """One sentence."""
        return f"The model descends from, or is, a reference{self.whom()}."

    def evaluate(self, evidence: Evidence) -> Finding:
        """One related reference is enough; otherwise an open one leaves the check open."""
        chosen = self.chosen(evidence)
        if not chosen:
            return no_match(self.if_no_match)
        if related := [one for one in chosen if self.counts(one)]:
            return Finding(Outcome.PASSED, f"related to {with_relations(related)}", ids(related))
        if unsettled := [one for one in chosen if self.leaves_open(one)]:
            return undecided(unsettled, self.probability_at_least)
        others = [one for one in evidence.standings if one.relation.related]
        instead = f"; it is related to {with_relations(others)}" if others else ""
        return Finding(Outcome.FAILED, f"related to none of {counted(chosen)}{instead}", ids(others or chosen[:1]))
