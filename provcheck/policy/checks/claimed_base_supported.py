"""Does the model tell the truth about its base?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from provcheck.policy.evidence import Evidence, Standing, claims
from provcheck.policy.rule import Finding, Rule
from provcheck.types import Outcome

WORST_FIRST = (Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.PASSED, Outcome.SKIPPED)


class ClaimedBaseSupported(Rule):
    """The base model that the card or the user names is supported by the evidence."""

    kind: Literal["claimed-base-supported"]

    def describe(self) -> str:
        """One sentence."""
        return "The evidence supports the base model that the card, or --claimed-base, names."

    def evaluate(self, evidence: Evidence) -> Finding:
        """Every claimed base that is in the bank must be related to the subject."""
        claimed = claims(evidence.subject, evidence.claimed_base)
        if not claimed:
            return Finding(Outcome.SKIPPED, "no base model is claimed")
        return _worst([_claim(base, evidence.find(base)) for base in claimed])


def _worst(findings: Sequence[Finding]) -> Finding:
    """The finding that decides; a claim that could not be checked is mentioned along with one that could."""
    chosen = min(findings, key=lambda finding: WORST_FIRST.index(finding.outcome))
    skipped = [f.message for f in findings if f.outcome is Outcome.SKIPPED and chosen.outcome is not Outcome.SKIPPED]
    return Finding(chosen.outcome, "; ".join([chosen.message, *skipped]), chosen.references)


def _claim(base: str, found: Standing | None) -> Finding:
    if found is None:
        return Finding(Outcome.SKIPPED, f"the claimed base {base} is not in this bank")
    if found.relation.related:
        message = f"the evidence supports the claimed base {found.id} ({found.relation})"
        return Finding(Outcome.PASSED, message, (found.id,))
    if found.open:
        message = f"the evidence does not settle whether {found.id} is the base"
        return Finding(Outcome.INCONCLUSIVE, message, (found.id,))
    why = found.relation if found.compared else "it is farther away than the references that were compared in full"
    message = f"the evidence contradicts the claimed base {found.id} ({why})"
    return Finding(Outcome.FAILED, message, (found.id,))
