"""Name how one model was made from another: a list of rules, read from top to bottom; the first that holds decides.

No rule depends on the order of the two models. Thresholds were chosen on the zoo's calibration models
(`python -m reference_embeddings.recipe changes`); most facts lie far from them, one way or the other.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median, median_low

from provcheck import wording
from provcheck.types import Arrangement, ChangeFacts, Mechanism, TensorChange

ZEROS = 0.1
"""By how much the shares of exact zeros must differ for one model to be pruned: 30 % in the least pruned model of the
zoo, 0 in models that are not. Rounding to 4 bits makes 13 to 17 %, so quantization is asked for first."""

LOW_RANK = 0.4
"""Rank of a difference as a share of the largest possible, up to which every matrix must lie for an adapter: at most
0.21 for adapters, at least 0.9 for training of all weights."""

LIKE_NOISE = 1.4
"""Largest singular value over that of noise, up to which all matrices must lie: at most 1.11 for noise, and in some
matrix at least 1.8 for training."""

MOST, HALF = 0.8, 0.5
"""Shares of neurons or channels that must be found again, and that must have moved."""

KEPT_ANGLES, OTHER_AXES = 0.999, 0.5
"""Correlation of the angles between tokens from which, and cosine of their rows up to which, the axes were turned."""

SAME_ROWS = 0.999
EXCHANGED = 0.1
"""Share of common tokens with another embedding, while blocks changed by less than TRAINED."""

TRAINED, REPLACED = 0.3, 0.8
"""Relative changes of blocks: up to the first they changed little; from the second on too little is left to say that
one was made from the other: at most 0.52 for the longest training, at least 1.08 for models that only began alike."""

Rule = Callable[[ChangeFacts], str | None]
"""Why the mechanism is named, in a sentence; None where it is not."""


def name_mechanism(facts: ChangeFacts) -> tuple[Mechanism, tuple[str, ...]]:
    """The mechanism and its reasons; `unclear` where no rule holds."""
    for mechanism, rule in RULES:
        if reason := rule(facts):
            return mechanism, (reason, *_also(facts, mechanism))
    return Mechanism.UNCLEAR, (_unclear(facts),)


def _copy(facts: ChangeFacts) -> str | None:
    return "Every weight is exactly equal." if facts.complete and facts.equal == 1 else None


def _cast(facts: ChangeFacts) -> str | None:
    if not (facts.complete and facts.rounded):
        return None
    bits = min(facts.first.precision_bits, facts.second.precision_bits)
    return f"The weights of one model are those of the other, rounded to {bits} significant bits or kept."


def _unchanged_blocks(facts: ChangeFacts) -> str | None:
    """A rewrite of the vocabulary only."""
    tokens, neurons, inside = facts.vocabulary, facts.arrangement, _inside(facts)
    if not inside or any(one.relative_change != 0 for one in inside) or not _in_order(facts):
        return None
    if tokens is None or tokens.added or tokens.removed or neurons is None or len(set(neurons.neurons)) > 1:
        return None
    if neurons.basis is None or neurons.basis < SAME_ROWS:
        return None
    if tokens.renumbered:
        return f"All blocks are exactly equal, and {tokens.renumbered:,} tokens have another number, with the same row."
    return "All blocks are exactly equal, and all embeddings moved by one constant."


def _experts(facts: ChangeFacts) -> str | None:
    if not facts.experts:
        return None
    return f"{wording.plural(facts.experts, 'expert')} of a block are like the one MLP of the other model."


def _depth_upscaling(facts: ChangeFacts) -> str | None:
    if not _other_depth(facts):
        return None
    longer = facts.first if len(facts.blocks) > facts.second_blocks else facts.second
    if not longer.repeated_blocks:
        return None
    return f"{_depths(facts)}; {wording.plural(longer.repeated_blocks, 'block')} of the longer repeat an earlier one."


def _layer_drop(facts: ChangeFacts) -> str | None:
    if not _other_depth(facts):
        return None
    return f"{_depths(facts)}; every block of the shorter has its partner in the longer, and none is repeated."


def _repeated_neurons(facts: ChangeFacts) -> str | None:
    shares = sorted((facts.first.repeated_neurons, facts.second.repeated_neurons))
    if shares[1] - shares[0] < EXCHANGED or not (_all_paired(facts) or _turned(facts)):
        return None
    return f"{shares[1]:.0%} of one model's neurons are a copy of another in their block."


def _width_pruning(facts: ChangeFacts) -> str | None:
    found = facts.arrangement
    if found is None or not _same_depth(facts):
        return None
    (one, two), sizes = sorted(found.widths), sorted(found.neurons)
    if one < two and found.found_channels >= MOST:
        share = f"{found.found_channels:.0%}"
        return f"The streams are {one} and {two} wide; the wider has {share} of the narrower's channels."
    if one == two and sizes[0] < sizes[1] and found.found_rows >= MOST and _all_paired(facts):
        return (
            f"The blocks have {sizes[0]:,} and {sizes[1]:,} neurons; the wider has {found.found_rows:.0%} of the "
            "narrower's."
        )
    return None


def _quantize(facts: ChangeFacts) -> str | None:
    both = facts.first, facts.second
    if not _in_order(facts) or (both[0].grid_bits is None) == (both[1].grid_bits is None):
        return None
    one = both[0] if both[0].grid_bits else both[1]
    where = f"with a scale for every {one.grid_group} weights" if one.grid_group else "with a scale for each row"
    return f"One model's matrices hold only the values of a {one.grid_bits}-bit grid, {where}; the other's do not."


def _prune(facts: ChangeFacts) -> str | None:
    few, many = sorted((facts.first.zeros, facts.second.zeros))
    if many - few < ZEROS or not _in_order(facts):
        return None
    return f"{many:.1%} of one model's weights are exactly zero, and {few:.1%} of the other's."


def _vocabulary(facts: ChangeFacts) -> str | None:
    found = facts.vocabulary
    if found is None or not _in_order(facts):
        return None
    if found.added or found.removed:
        counts = f"{found.added:,} tokens are only in the first model and {found.removed:,} only in the second"
        return f"{counts}; {found.common:,} are in both."
    if found.exchanged >= EXCHANGED and _change(facts) < TRAINED:
        return f"{found.exchanged:.0%} of the tokens have another embedding, while the blocks changed little."
    return None


def _rewrite(facts: ChangeFacts) -> str | None:
    found = facts.arrangement
    if found is None or not _same_depth(facts):
        return None
    said = {
        "neurons or heads stand in another order": found.moved_rows >= HALF,
        "rows or columns are multiplied by factors": found.scaled_rows >= HALF,
        "the channels of the stream stand in another order": found.moved_channels >= MOST and _turned(facts),
        "the stream is turned: tokens keep their angles, along other axes": _turned(facts),
    }
    kept = [text for text, holds in said.items() if holds]
    return f"The same weights in another form: {kept[0]}." if kept else None


def _lora(facts: ChangeFacts) -> str | None:
    ranks = [(one.rank, one.full_rank) for one in _inside(facts) if one.rank is not None and one.full_rank]
    low = all(rank <= LOW_RANK * full for rank, full in ranks)
    if not low or not any(rank for rank, _ in ranks) or not _in_order(facts):
        return None
    usual, most = median_low(rank for rank, _ in ranks), max(full for _, full in ranks)
    return f"The change of each of {len(ranks)} matrices has a low rank, {usual} of up to {most}, as of an adapter."


def _noise(facts: ChangeFacts) -> str | None:
    flat = [one.flatness for one in _inside(facts) if one.flatness is not None]
    if not flat or not _in_order(facts) or max(flat) > LIKE_NOISE:
        return None
    return "The change of every matrix is like random noise; training would leave directions that stand out."


def _further_training(facts: ChangeFacts) -> str | None:
    if not _in_order(facts) or not _change(facts):
        return None
    return (
        f"All blocks are there in their order, changed by {_change(facts):.1%}, in all directions; fine-tuning, "
        "preference tuning and continued pretraining look alike in weights."
    )


RULES: tuple[tuple[Mechanism, Rule], ...] = (
    (Mechanism.COPY, _copy),
    (Mechanism.CAST, _cast),
    (Mechanism.REWRITE, _unchanged_blocks),
    (Mechanism.EXPERTS, _experts),
    (Mechanism.DEPTH_UPSCALING, _depth_upscaling),
    (Mechanism.LAYER_DROP, _layer_drop),
    (Mechanism.REWRITE, _repeated_neurons),
    (Mechanism.WIDTH_PRUNING, _width_pruning),
    (Mechanism.QUANTIZE, _quantize),
    (Mechanism.PRUNE, _prune),
    (Mechanism.VOCABULARY, _vocabulary),
    (Mechanism.REWRITE, _rewrite),
    (Mechanism.LORA, _lora),
    (Mechanism.NOISE, _noise),
    (Mechanism.FURTHER_TRAINING, _further_training),
)


def _also(facts: ChangeFacts, mechanism: Mechanism) -> list[str]:
    """What was changed besides, if anything."""
    structural = {Mechanism.LAYER_DROP, Mechanism.DEPTH_UPSCALING, Mechanism.WIDTH_PRUNING, Mechanism.EXPERTS}
    if mechanism in structural | {Mechanism.VOCABULARY} and _change(facts):
        return [f"The matrices that both have changed by {_change(facts):.1%}: it was trained as well."]
    if mechanism is Mechanism.REWRITE:
        return ["Whether it was trained as well cannot be seen in this form."] if _turned(facts) else []
    return []


def _unclear(facts: ChangeFacts) -> str:
    if not any(pair.partner is not None for pair in facts.blocks):
        return "No block of one model has weights in common with a block of the other, as they are stored."
    return "The facts fit none of the known ways to make one model from another."


def _inside(facts: ChangeFacts) -> list[TensorChange]:
    """The matrices of blocks."""
    return [one for one in facts.tensors if one.block is not None]


def _change(facts: ChangeFacts) -> float:
    """Median relative change of the matrices of blocks."""
    found = (one.relative_change for one in _inside(facts) if one.full_rank)
    return median([one for one in found if one is not None] or [0.0])


def _all_paired(facts: ChangeFacts) -> bool:
    """Whether every block of the model with fewer blocks has a partner of its own, and enough of it is left."""
    partners = {pair.partner for pair in facts.blocks} - {None}
    return len(partners) == min(len(facts.blocks), facts.second_blocks) > 0 and _change(facts) < REPLACED


def _same_depth(facts: ChangeFacts) -> bool:
    return len(facts.blocks) == facts.second_blocks


def _other_depth(facts: ChangeFacts) -> bool:
    """Whether one model has more blocks, and all of the other's."""
    return not _same_depth(facts) and _all_paired(facts)


def _in_order(facts: ChangeFacts) -> bool:
    """Whether each block has the partner of its own number."""
    return _same_depth(facts) and _all_paired(facts) and all(pair.partner == pair.block for pair in facts.blocks)


def _turned(facts: ChangeFacts) -> bool:
    """Whether tokens keep their angles along other axes."""
    found: Arrangement | None = facts.arrangement
    if found is None or found.geometry is None or found.basis is None:
        return False
    return found.geometry >= KEPT_ANGLES and found.basis <= OTHER_AXES


def _depths(facts: ChangeFacts) -> str:
    one, two = sorted((len(facts.blocks), facts.second_blocks))
    return f"The models have {one} and {two} blocks"
