"""What was changed, in words for people who do not know machine learning, and its numbers as tables."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from provcheck import wording
from provcheck.signals.describing import Row, Table
from provcheck.types import Changes, Mechanism, Mixture, StoredValues, TensorChange

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

OUTSIDE = "outside"
"""In place of a block's number."""


def in_words(mechanism: Mechanism) -> str:
    """`quantize: quantized ...`: the word for programs and what it means."""
    return "unclear" if mechanism is Mechanism.UNCLEAR else f"{mechanism.value} ({WORDS[mechanism]})"


def descent_of(changes: Changes, first: str, second: str) -> str:
    """Who descends from whom, with names in place of sides."""
    child, said = changes.descent.child, changes.descent.reason
    if child is None:
        return said
    names = (first, second) if child == "first" else (second, first)
    why = said.partition(": ")[2]
    return f"{names[0]} descends from {names[1]}: {why}"


def tables_of(changes: Changes, first: str, second: str) -> tuple[list[Table], list[Table]]:
    """Short tables, and long ones for the annex."""
    heads, rows = ("", first, second), _values(changes.first, changes.second)
    values = Table("How the weights look in each model", heads, rows, frozenset({1, 2}))
    return [values, *_blocks(changes, first, second)], _tensors(changes)


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
