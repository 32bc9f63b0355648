"""A claim that the evidence contradicts is a finding of its own, also where another reference fits."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from provcheck.types import Comparison, Verdict


def note_claims(verdict: Verdict, comparisons: Sequence[Comparison], claimed: Collection[str]) -> Verdict:
    """The verdict with a sentence for each claimed base that the model is independent of."""
    names = {claim.lower() for claim in claimed}
    lines = [
        f"It is claimed to descend from {one.reference}, and the evidence contradicts that: {one.relation}."
        for one in comparisons
        if one.reference.lower() in names and one.relation.independent
    ]
    return verdict.model_copy(update={"reasons": (*verdict.reasons, *lines)}) if lines else verdict
