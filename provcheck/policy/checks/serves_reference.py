"""Does the endpoint serve the weights that it is said to serve?"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from provcheck.policy.evidence import Evidence
from provcheck.policy.rule import EVERY, Finding, Globs, Rule, any_glob
from provcheck.types import Outcome, ServedFinding, ServedMatch
from provcheck.wording import listing


class ServesReference(Rule):
    """The endpoint serves the weights of the references named by --reference, unchanged."""

    kind: Literal["serves-reference"]
    references: Globs = Field(default=EVERY, description="globs over the ids of those references")
    near: bool = Field(default=False, description="whether a change no larger than 8-bit quantization passes")

    def describe(self) -> str:
        """One sentence."""
        whom = "the reference" if self.references == EVERY else listing(self.references)
        return f"The endpoint serves {whom}, {'at most slightly changed' if self.near else 'unchanged'}."

    def evaluate(self, evidence: Evidence) -> Finding:
        """One that is changed fails the check; one that could not be compared leaves it open."""
        found = [one for one in evidence.served if any_glob(one.reference, self.references)]
        if not found:
            return Finding(Outcome.INCONCLUSIVE, "no endpoint was compared with such a reference, named by --reference")
        fine: set[ServedFinding] = {"identical", "near"} if self.near else {"identical"}
        if wrong := [one for one in found if one.finding not in fine and one.ratio is not None]:
            return _about(Outcome.FAILED, wrong)
        if unsettled := [one for one in found if one.finding not in fine]:
            return _about(Outcome.INCONCLUSIVE, unsettled)
        return _about(Outcome.PASSED, found)


def _about(outcome: Outcome, found: list[ServedMatch]) -> Finding:
    names = tuple(one.reference for one in found)
    return Finding(outcome, "; ".join(f"{one.reference}: {_said(one)}" for one in found[:3]), names)


def _said(one: ServedMatch) -> str:
    if one.ratio is None:
        return one.sentence
    cause = f", {one.cause}" if one.cause else ""
    return f"{one.finding}{cause}, {one.ratio:.2f} times as far as rounding goes"
