"""Whose weights must it not descend from?"""

from __future__ import annotations

from typing import Literal

from provcheck.policy.evidence import Evidence
from provcheck.policy.rule import Finding, Matching, counted, ids, no_match, undecided, with_relations
from provcheck.types import Outcome


class NotRelatedTo(Matching):
    """The subject is related to none of the references that match."""

    kind: Literal["not-related-to"]

    def describe(self) -> str:
        """One sentence."""
        return f"The model is related to no reference{self.whom()}."

    def evaluate(self, evidence: Evidence) -> Finding:
        """One related reference fails the check; otherwise an open one leaves it open."""
        chosen = self.chosen(evidence)
        if not chosen:
            return no_match(self.if_no_match)
        if related := [one for one in chosen if self.counts(one)]:
            return Finding(Outcome.FAILED, f"related to {with_relations(related)}", ids(related))
        if unsettled := [one for one in chosen if self.leaves_open(one)]:
            return undecided(unsettled, self.probability_at_least)
        return Finding(Outcome.PASSED, f"related to none of {counted(chosen)}", ids(chosen[:1]))
