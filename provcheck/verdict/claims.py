"""What the evidence says of each reference that was named beforehand, also where another one decides the verdict."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from provcheck.types import Comparison, Verdict


def answer_named(verdict: Verdict, comparisons: Sequence[Comparison], claimed: Collection[str]) -> Verdict:
    """The verdict with a sentence for each named reference that is not the verdict's own, nearest first.

    A claimed base that the model is independent of is a finding of its own.
    """
    names = {claim.lower() for claim in claimed}
    lines = []
    for one in comparisons:
        if one.reference.lower() in names and one.relation.independent:
            lines.append(
                f"It is claimed to descend from {one.reference}, and the evidence contradicts that: {one.relation}."
            )
        elif one.named and one.reference != verdict.reference:
            lines.append(f"Of {one.reference}, which was named beforehand, the evidence says: {one.relation}.")
    return verdict.model_copy(update={"reasons": (*verdict.reasons, *lines)})
