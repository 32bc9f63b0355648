"""Can loading the weights run code?"""

from __future__ import annotations

from typing import Literal

from provcheck.policy.evidence import Evidence
from provcheck.policy.rule import Finding, Rule
from provcheck.types import Outcome, Subject

SAFE = "safetensors"


class SafetensorsOnly(Rule):
    """The weights are safetensors files, which cannot run code when they are loaded."""

    kind: Literal["safetensors-only"]

    def describe(self) -> str:
        """One sentence."""
        return "The weights are safetensors files, which cannot run code when they are loaded."

    def evaluate(self, evidence: Evidence) -> Finding:
        """Look at the format of the weight files, also of the model under an adapter."""
        formats = [_format(one) for one in (evidence.subject, evidence.subject.base) if one]
        for name in formats:
            if name not in (SAFE, None):
                return Finding(Outcome.FAILED, f"the weights are {name} files")
        if None in formats:
            return Finding(Outcome.INCONCLUSIVE, "the files of the weights are not at hand")
        return Finding(Outcome.PASSED, f"the weights are {SAFE} files")


def _format(subject: Subject) -> str | None:
    """None for a model that is only reached through a service, whatever it says about its files."""
    return subject.weight_format if subject.weights else None
