"""Does the model tell the truth about its base?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from provcheck.policy.evidence import Evidence, Standing, claims
from provcheck.policy.rule import NOT_SHORTLISTED, Finding, Rule, with_relations
from provcheck.types import Outcome

WORST_FIRST = (Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.PASSED)


class ClaimedBaseSupported(Rule):
    """The base model that the card or the user names is supported by the evidence."""

    kind: Literal["claimed-base-supported"]

    def describe(self) -> str:
        """One sentence."""
        return "The evidence supports the base model that the card, or --claimed-base, names."

    def evaluate(self, evidence: Evidence) -> Finding:
        """Every claimed base must be related to the subject; one that could not be compared leaves the check open."""
        claimed = claims(evidence.subject, evidence.claimed_base)
        if not claimed:
            return Finding(Outcome.INCONCLUSIVE, "no base model is claimed")
        return _worst([_claim(base, evidence) for base in claimed])


def _worst(findings: Sequence[Finding]) -> Finding:
    """The finding that decides; what is open about other claims is mentioned along with it."""
    chosen = min(findings, key=lambda finding: WORST_FIRST.index(finding.outcome))
    others = [one.message for one in findings if one is not chosen and one.outcome is not Outcome.PASSED]
    return Finding(chosen.outcome, "; ".join([chosen.message, *others]), chosen.references)


def _claim(base: str, evidence: Evidence) -> Finding:
    found = evidence.find(base)
    if found is None:
        why = evidence.unavailable.get(base, "it is not in this bank")
        return Finding(Outcome.INCONCLUSIVE, f"the claimed base {base} could not be compared: {why}")
    if found.relation.related:
        return Finding(Outcome.PASSED, f"the evidence supports the claimed base {_described(found)}", (found.id,))
    if found.open:
        message = f"the evidence does not settle whether {_described(found)} is the base"
        return Finding(Outcome.INCONCLUSIVE, message, (found.id,))
    others = [one for one in evidence.standings if one.relation.related]
    instead = f"; it is related to {with_relations(others)}" if others else ""
    message = f"the evidence contradicts the claimed base {_described(found)}{instead}"
    return Finding(Outcome.FAILED, message, (found.id,))


def _described(found: Standing) -> str:
    """`org/base (derived; measured for this audit, from the Hub)`."""
    beyond = f"not compared in full, but {NOT_SHORTLISTED}"
    relation = "" if found.open else found.relation.value if found.compared else beyond
    inside = "; ".join(part for part in (relation, found.origin) if part)
    return f"{found.id} ({inside})" if inside else found.id
