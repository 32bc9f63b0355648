"""Is it a copy under another name?"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from provcheck.policy.evidence import Evidence, Standing
from provcheck.policy.rule import Finding, Globs, Rule, any_glob, counted, ids, names, no_match, undecided
from provcheck.types import Outcome, Relation
from provcheck.wording import listing


class IdenticalOnlyToItself(Rule):
    """The subject is a copy of no reference but itself; related or not, a copy can often be ruled out."""

    kind: Literal["identical-only-to-itself"]
    itself: Globs | None = Field(
        default=None, description="globs over the ids under which the bank may hold the subject; else only its own id"
    )

    def describe(self) -> str:
        """One sentence."""
        also = f" ({listing(self.itself)})" if self.itself else ""
        return f"The model is identical to no reference but itself{also}."

    def evaluate(self, evidence: Evidence) -> Finding:
        """Another identical reference fails the check; otherwise an open one leaves it open."""
        strangers = [one for one in evidence.standings if not self._is_itself(one, evidence.subject.id)]
        if not strangers:
            return no_match()
        if copies := [one for one in strangers if one.relation is Relation.IDENTICAL]:
            return Finding(Outcome.FAILED, f"identical to {names(copies)}", ids(copies))
        if unsettled := [one for one in strangers if one.may_be_copy]:
            return undecided(unsettled)
        return Finding(Outcome.PASSED, f"identical to none of {counted(strangers)}", ids(strangers[:1]))

    def _is_itself(self, one: Standing, subject: str) -> bool:
        """The subject's own id is not a glob: a model that calls itself `*` does not match every reference."""
        return any_glob(one.id, self.itself) if self.itself else one.id.lower() == subject.lower()
