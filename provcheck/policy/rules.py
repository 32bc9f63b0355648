"""Checks of the measurement, of the files, and of what the subject says about itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from provcheck.policy.evidence import Evidence, Standing, claims
from provcheck.types import Outcome, Record

Severity = Literal["error", "warning"]
Name = Annotated[str, Field(min_length=1, max_length=300)]
NAMED = 3
"""References or globs that a sentence names; the others are counted."""

WORST_FIRST = (Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.PASSED, Outcome.SKIPPED)


@dataclass(frozen=True)
class Finding:
    """What a check found; `references` decided it."""

    outcome: Outcome
    message: str
    references: tuple[str, ...] = ()


class Rule(Record):
    """What every check has: an id of its own and a severity."""

    id: str | None = Field(
        default=None, pattern=r"^[a-z0-9-]+$", max_length=80, description="a name of its own; else the kind is its name"
    )
    severity: Severity = Field(default="error", description="a warning never changes the exit code")


class CoverageAtLeast(Rule):
    """Enough of the probe set was measured."""

    kind: Literal["coverage-at-least"]
    share: float = Field(ge=0, le=1, description="share of the questions, and of the texts, from 0 to 1")

    def describe(self) -> str:
        """One sentence."""
        return f"At least {100 * self.share:g} % of the questions and of the texts were measured."

    def evaluate(self, evidence: Evidence) -> Finding:
        """Compare the measured share with the limit."""
        coverage = evidence.measurement.coverage
        return _passed_if(
            coverage.share >= self.share,
            f"{coverage.questions} of {coverage.questions_total} questions and {coverage.texts} of "
            f"{coverage.texts_total} texts were measured; at least {100 * self.share:g}% of each are asked for",
        )


class SafetensorsOnly(Rule):
    """The weights are safetensors files, which cannot run code when they are loaded."""

    kind: Literal["safetensors-only"]

    def describe(self) -> str:
        """One sentence."""
        return "The weights are safetensors files, which cannot run code when they are loaded."

    def evaluate(self, evidence: Evidence) -> Finding:
        """Look at the format of the weight files, also of the model under an adapter."""
        subject = evidence.subject
        found = [one.weight_format for one in (subject, subject.base) if one]
        unsafe = [name for name in found if name != "safetensors"]
        return _passed_if(not unsafe, f"the weights are {(unsafe or found)[0]} files")


class ProbeSet(Rule):
    """The measurement was made with a certain probe set."""

    kind: Literal["probe-set"]
    probes: Name = Field(description="name of the probe set")
    digest: str | None = Field(
        default=None, pattern=r"^[0-9a-f]{8,64}$", description="how its sha256 begins: 8 to 64 hex digits"
    )

    def describe(self) -> str:
        """One sentence."""
        digest = f" with a digest that begins with {self.digest}" if self.digest else ""
        return f"The measurement was made with the probe set {self.probes}{digest}."

    def evaluate(self, evidence: Evidence) -> Finding:
        """Compare name and digest."""
        facts = evidence.measurement
        fits = facts.probes == self.probes and facts.probes_digest.startswith(self.digest or "")
        asked = self.probes + (f" ({self.digest})" if self.digest else "")
        shown = facts.probes_digest[: max(12, len(self.digest or ""))]
        return _passed_if(fits, f"measured with probe set {facts.probes} ({shown}); {asked} is asked for")


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
        return worst([_claim(base, evidence.find(base)) for base in claimed])


def worst(findings: Sequence[Finding]) -> Finding:
    """The finding that decides; a claim that could not be checked is mentioned beside one that could."""
    chosen = min(findings, key=lambda finding: WORST_FIRST.index(finding.outcome))
    skipped = [f.message for f in findings if f.outcome is Outcome.SKIPPED and chosen.outcome is not Outcome.SKIPPED]
    return Finding(chosen.outcome, "; ".join([chosen.message, *skipped]), chosen.references)


def listing(names: Sequence[str]) -> str:
    """`a, b, c and 4 more`."""
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


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


def _passed_if(condition: bool, message: str) -> Finding:
    return Finding(Outcome.PASSED if condition else Outcome.FAILED, message)
