"""Was the model asked the questions that it should have been?"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from provcheck.policy.evidence import Evidence
from provcheck.policy.rule import Finding, Name, Rule, passed_if


class ProbeSetIs(Rule):
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
        return passed_if(fits, f"measured with probe set {facts.probes} ({shown}); {asked} is asked for")
