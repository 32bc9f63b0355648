"""Was enough measured to rely on it?"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from provcheck.policy.evidence import Evidence
from provcheck.policy.rule import Finding, Rule, passed_if
from provcheck.signals import TABLE, find_signal
from provcheck.types import Coverage, NotMeasured, Outcome, Share
from provcheck.wording import plural


class CoverageAtLeast(Rule):
    """Each signal measured enough of its material, such as questions and texts."""

    kind: Literal["coverage-at-least"]
    share: Share = Field(description="share of the material of each signal, from 0 to 1")

    def describe(self) -> str:
        """One sentence."""
        return f"Each signal measured at least {100 * self.share:g} % of its material, such as questions and texts."

    def evaluate(self, evidence: Evidence) -> Finding:
        """One signal below the limit fails the check; otherwise one that was not measured leaves it open."""
        facts = evidence.measurement
        found = [one.coverage for one in facts.measured.values()]
        missing = [_missing(name, one) for name, one in facts.signals.items() if isinstance(one, NotMeasured)]
        enough = all(coverage.share >= self.share for coverage in found)
        if found and not missing:
            return passed_if(enough, self._message(found))
        without = f"not measured: {'; '.join(missing)}" if missing else "nothing was measured"
        message = f"{self._message(found)}; {without}" if found else without
        return Finding(Outcome.INCONCLUSIVE if enough else Outcome.FAILED, message)

    def _message(self, found: list[Coverage]) -> str:
        counts = [f"{one.measured} of {plural(one.total, one.unit)}" for one in found]
        each = " of each" if len(found) > 1 else ""
        return f"{' and '.join(counts)} were measured; at least {100 * self.share:g}%{each} are asked for"


def _missing(name: str, found: NotMeasured) -> str:
    return f"{find_signal(name).title if name in TABLE else name} ({found.not_measured})"
