"""What was changed, in words for people who do not know machine learning, and its numbers as tables."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from provcheck import wording
from provcheck.io.text import short_name
from provcheck.signals.describing import Row, Table
from provcheck.types import Changes, KindOfMerge, Mechanism, MergeKind, Mixture, StoredValues, TensorChange

WORDS = {
    Mechanism.COPY: "a copy: the weights are the same",
    Mechanism.CAST: "stored in another number format, nothing else",
    Mechanism.QUANTIZE: "quantized: the weights were rounded to a few values",
    Mechanism.PRUNE: "pruned: part of the weights was set to zero",
    Mechanism.LORA: "trained through a low-rank adapter (LoRA), which was merged in",
    Mechanism.NOISE: "random noise was added to the weights",
    Mechanism.FURTHER_TRAINING: "trained further",
    Mechanism.LAYER_DROP: "blocks were taken out",
    Mechanism.DEPTH_UPSCALING: "blocks were repeated",
    Mechanism.WIDTH_PRUNING: "neurons or channels were taken out",
    Mechanism.EXPERTS: "one block was made into several experts",
    Mechanism.VOCABULARY: "the vocabulary, or its embeddings, was changed",
    Mechanism.REWRITE: "the same weights, rewritten in another form",
    Mechanism.MERGE: "a mixture of the given models",
    Mechanism.UNCLEAR: "unclear",
}

KINDS = {
    MergeKind.LINEAR: "a weighted mean",
    MergeKind.SLERP: "along the arc between two models",
    MergeKind.TASK_ARITHMETIC: "changes added to a base",
    MergeKind.TIES: "small changes trimmed, the others averaged by sign",
}

FORMULAS = {
    MergeKind.LINEAR: "weights that sum to 1: linear, task arithmetic",
    MergeKind.SLERP: "arc: SLERP",
    MergeKind.TIES: "trimmed changes of one sign: TIES",
}

OUTSIDE = "outside"
"""In place of a block's number."""


def in_words(mechanism: Mechanism) -> str:
    """`quantize: quantized ...`: the word for programs and what it means."""
    return "unclear" if mechanism is Mechanism.UNCLEAR else f"{mechanism.value} ({WORDS[mechanism]})"


def descent_of(changes: Changes, first: str, second: str) -> str:
    """Who descends from whom, with names in place of sides."""
    found = changes.descent
    if found.child is None:
        return found.reason
    names = (first, second) if found.child == "first" else (second, first)
    return wording.made_from(*names, found.why or "")


def tables_of(changes: Changes, first: str, second: str) -> tuple[list[Table], list[Table]]:
    """Short tables, and long ones for the annex."""
    heads, rows = ("", first, second), _values(changes.first, changes.second)
    values = Table("How the weights look in each model", heads, rows, frozenset({1, 2}))
    return [values, *_blocks(changes, first, second)], _tensors(changes)


def kind_in_words(found: KindOfMerge) -> str:
    """`linear (a weighted mean)`; where it is unclear, which kinds are left."""
    if found.kind is not MergeKind.UNCLEAR:
        base = f", from the base {short_name(found.base)}" if found.base else ""
        return f"{found.kind.value} ({KINDS[found.kind]}{base})"
    return f"unclear, {' or '.join(one.value for one in found.left) or 'none of the known kinds'}"


def weights_in_words(found: KindOfMerge, parents: Sequence[str]) -> str:
    """`Weights: one 0.300, two 0.700.` of the kind that is named; empty where no kind explains the model."""
    if not found.left:
        return ""
    formula = MergeKind.LINEAR if found.left[0] is MergeKind.TASK_ARITHMETIC else found.left[0]
    weights = next(one.weights for one in found.fits if one.kind is formula)
    pairs = zip(parents, weights, strict=True)
    return f"Weights: {', '.join(f'{short_name(name)} {_weight(weight)}' for name, weight in pairs)}."


def kinds_table(found: KindOfMerge, parents: Sequence[str]) -> Table:
    """What the best of each formula leaves, with its weights."""
    rows = [(FORMULAS[one.kind], wording.number(one.residual), *map(_weight, one.weights)) for one in found.fits]
    rows.append(("rounding alone", wording.number(found.rounding), *[""] * len(parents)))
    heads = ("Formula", "What it leaves", *(f"Weight of {short_name(one)}" for one in parents))
    return Table("Kinds of merge, fitted to each matrix", heads, rows, frozenset(range(1, len(heads))))


def mixture_table(mixture: Mixture) -> Table:
    """Weights of the parents, over all and in each block."""
    rows = [("all", *map(_weight, mixture.weights))]
    rows += [(str(number + 1), *map(_weight, row)) for number, row in enumerate(mixture.by_block)]
    heads = ("Block", *mixture.parents)
    return Table("Weights of the mixture, by least squares", heads, rows, frozenset(range(1, len(heads))))


def _values(first: StoredValues, second: StoredValues) -> list[Row]:
    both = (first, second)
    return [
        ("exact zeros", *(f"{one.zeros:.1%}" for one in both)),
        ("grid of values", *(_grid(one) for one in both)),
        ("bits of precision", *(str(one.precision_bits) for one in both)),
        ("repeated blocks", *(str(one.repeated_blocks) for one in both)),
        ("repeated neurons", *(f"{one.repeated_neurons:.1%}" for one in both)),
    ]


def _grid(one: StoredValues) -> str:
    if one.grid_bits is None:
        return "none"
    return f"{one.grid_bits} bits, by {f'groups of {one.grid_group}' if one.grid_group else 'row'}"


def _blocks(changes: Changes, first: str, second: str) -> list[Table]:
    """Each block of the first model: its partner, how much it changed, and the rank of the change."""
    rows = [
        (
            str(pair.block + 1),
            "none" if pair.partner is None else str(pair.partner + 1),
            *_summary([one for one in changes.tensors if one.block == pair.block and one.full_rank]),
        )
        for pair in changes.blocks
    ]
    heads = (f"Block of {first}", f"Most like block of {second}", "Median change", "Rank of the change")
    return [Table("What became of each block", heads, rows, frozenset({1, 2, 3}))] if rows else []


def _summary(tensors: Sequence[TensorChange]) -> tuple[str, str]:
    if not tensors:
        return "none", "0"
    ranks = sorted((one.rank or 0) for one in tensors)
    most = max(one.full_rank or 0 for one in tensors)
    shown = str(ranks[0]) if ranks[0] == ranks[-1] else f"{ranks[0]} to {ranks[-1]}"
    changed = [one.relative_change for one in tensors if one.relative_change is not None]
    return f"{median(changed or [0.0]):.1%}", f"{shown} of up to {most}"


def _tensors(changes: Changes) -> list[Table]:
    rows = [
        (
            OUTSIDE if one.block is None else str(one.block + 1),
            one.kind,
            "from zero" if one.relative_change is None else f"{one.relative_change:.2%}",
            wording.number(one.cosine),
            "" if one.rank is None else f"{one.rank} of {one.full_rank}",
        )
        for one in changes.tensors
    ]
    heads = ("Block", "Tensor", "Relative change", "Cosine", "Rank of the change")
    return [Table("Each tensor that both models have", heads, rows, frozenset({2, 3, 4}))] if rows else []


def _weight(value: float) -> str:
    return f"{value:.3f}"
