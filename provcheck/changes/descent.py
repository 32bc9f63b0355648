"""Who descends from whom, where what was done leaves a mark on the child alone; else nothing is said."""

from __future__ import annotations

from collections.abc import Callable

from provcheck.changes.merge_kinds import NO_PART
from provcheck.types import ChangeFacts, Changes, Descent, Mechanism, MergeKind, Mixture, Side
from provcheck.wording import made_from

Number = int | float

ONE_WAY = {MergeKind.SLERP, MergeKind.TIES}
"""Merges that none of their parents can have been made from."""

UNKNOWN = Descent(child=None, reason="Nothing in the weights says which of the two was first.")


def find_descent(facts: ChangeFacts, mechanism: Mechanism) -> Descent:
    """The child and the reason; no child where the mechanism leaves no mark."""
    rule = RULES.get(mechanism)
    return (rule(facts) if rule else None) or UNKNOWN


def with_merge(found: Changes, mixture: Mixture, parent: str) -> Changes:
    """The same, where a pair bears no mark but the first model is a merge of the second, `parent`, and of others."""
    if found.descent.child or found.mechanism is Mechanism.UNCLEAR or not is_made_of(mixture, parent):
        return found
    why = "it is a merge of it and others, of a kind that is made after its parts"
    return found.model_copy(update={"descent": _said("first", why)})


def is_made_of(mixture: Mixture, parent: str) -> bool:
    """Whether the model is a merge that has a part of a parent and was made after it.

    Weighted means do not say so, linear or by task arithmetic: a model that was extrapolated from two others makes one
    of these a mean of the other and of itself. Nor do angles between changes: see `corners`.
    """
    kind = mixture.merge
    if kind is None or kind.kind not in ONE_WAY:
        return False
    weights = next(one.weights for one in kind.fits if one.kind is kind.kind)
    return weights[mixture.parents.index(parent)] > NO_PART or kind.base == parent


def _cast(facts: ChangeFacts) -> Descent | None:
    return _said(facts.rounded, "rounding loses digits that cannot be brought back")


def _quantize(facts: ChangeFacts) -> Descent | None:
    marks = facts.first.grid_bits is not None, facts.second.grid_bits is not None
    return _said(_larger(*marks), "its weights lie on a grid, and weights off the grid cannot be got from it")


def _prune(facts: ChangeFacts) -> Descent | None:
    return _said(_larger(facts.first.zeros, facts.second.zeros), "its zeros stand where the other has weights")


def _layer_drop(facts: ChangeFacts) -> Descent | None:
    return _said(_larger(facts.second_blocks, len(facts.blocks)), "it lacks blocks that the other has")


def _depth_upscaling(facts: ChangeFacts) -> Descent | None:
    return _said(_larger(len(facts.blocks), facts.second_blocks), "it repeats blocks that the other has once")


def _width_pruning(facts: ChangeFacts) -> Descent | None:
    found = facts.arrangement
    if found is None:
        return None
    sizes = found.widths if found.widths[0] != found.widths[1] else found.neurons
    return _said(_larger(sizes[1], sizes[0]), "it lacks neurons or channels that the other has")


def _experts(facts: ChangeFacts) -> Descent | None:
    return _said(facts.experts_in, "its experts began as copies of the other's one MLP")


def _rewrite(facts: ChangeFacts) -> Descent | None:
    shares = facts.first.repeated_neurons, facts.second.repeated_neurons
    return _said(_larger(*shares), "it has neurons twice that the other has once")


def _vocabulary(facts: ChangeFacts) -> Descent | None:
    found = facts.vocabulary
    if found is None or not found.at_the_end:
        return None
    return _said(_larger(found.added, found.removed), "its further tokens stand behind all those of the other")


RULES: dict[Mechanism, Callable[[ChangeFacts], Descent | None]] = {
    Mechanism.CAST: _cast,
    Mechanism.QUANTIZE: _quantize,
    Mechanism.PRUNE: _prune,
    Mechanism.LAYER_DROP: _layer_drop,
    Mechanism.DEPTH_UPSCALING: _depth_upscaling,
    Mechanism.WIDTH_PRUNING: _width_pruning,
    Mechanism.EXPERTS: _experts,
    Mechanism.REWRITE: _rewrite,
    Mechanism.VOCABULARY: _vocabulary,
}


def _larger(first: Number, second: Number) -> Side | None:
    """The side with the larger number; None where they are equal."""
    return None if first == second else "first" if first > second else "second"


def _said(child: Side | None, why: str) -> Descent | None:
    """`why` is about the child. The other may be its sibling: then it has not the mark, and their parent neither."""
    if child is None:
        return None
    return Descent(child=child, why=why, reason=made_from(f"The {child} model", "the other", why))
