"""Were the weight files read whole, so that their digests say which files they were?"""

from __future__ import annotations

from typing import Literal

from provcheck.policy.evidence import Evidence
from provcheck.policy.rule import Finding, Rule
from provcheck.types import Outcome
from provcheck.wording import listing


class WeightsHashed(Rule):
    """Every weight file was read whole, and its sha256 computed from it."""

    kind: Literal["weights-hashed"]

    def describe(self) -> str:
        """One sentence."""
        return "Every weight file was read whole, and its sha256 computed from it."

    def evaluate(self, evidence: Evidence) -> Finding:
        """Look at the weight files, also at those of the model under an adapter."""
        subjects = [one for one in (evidence.subject, evidence.subject.base) if one]
        in_part = [name for one in subjects for name in one.in_part]
        if in_part:
            return Finding(
                Outcome.FAILED,
                f"only parts of {listing(in_part)} were fetched from the Hub, so no digest was computed; fetch "
                "the whole files with `hf download` and audit again",
            )
        if not all(one.weights for one in subjects):
            return Finding(Outcome.INCONCLUSIVE, "the files of the weights are not at hand")
        return Finding(Outcome.PASSED, "the sha256 of every weight file was computed")
