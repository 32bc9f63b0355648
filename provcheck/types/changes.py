"""What was changed between two models' weights: facts, and the mechanism that they name.

The first model is read as the one that was made, the second as the one that it was made from; facts that do not depend
on the order say so. Numbers are shares of what was read: of a very large tensor, evenly spaced rows.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from pydantic import Field

from provcheck.types.base import Count, Number, Positive, Record, Share

Side = Literal["first", "second"]


class Mechanism(StrEnum):
    """How one model's weights were made from another's, as far as weights can tell."""

    COPY = "copy"
    CAST = "cast"
    QUANTIZE = "quantize"
    PRUNE = "prune"
    LORA = "lora"
    NOISE = "noise"
    FURTHER_TRAINING = "further-training"
    LAYER_DROP = "layer-drop"
    DEPTH_UPSCALING = "depth-upscaling"
    WIDTH_PRUNING = "width-pruning"
    EXPERTS = "experts"
    VOCABULARY = "vocabulary"
    REWRITE = "rewrite"
    MERGE = "merge"
    UNCLEAR = "unclear"


class StoredValues(Record):
    """How the numbers of one model look, over the matrices of its blocks."""

    zeros: Share = Field(description="share of exact zeros")
    precision_bits: Count = Field(description="bits of the significand: 24 float32, 11 float16, 8 bfloat16")
    grid_bits: Count | None = Field(default=None, description="4 or 8, where most matrices lie on such a grid")
    grid_group: Count | None = Field(default=None, description="weights that share a scale; 0: a whole row or column")
    gridded: Share = Field(default=0, description="share of the matrices that lie on a grid of 4 or 8 bits")
    repeated_blocks: Count = Field(default=0, description="blocks that are nearly a copy of an earlier one")
    repeated_neurons: Share = Field(default=0, description="share of neurons that are a copy of another in their block")


class TensorChange(Record):
    """One tensor against its partner of the same kind and shape."""

    block: Count | None = Field(description="number of the first model's block, from 0; None outside of blocks")
    kind: str
    relative_change: Positive | None = Field(
        description="length of the difference over that of the second's tensor; None where that is zero"
    )
    cosine: Number
    rank: Count | None = Field(
        default=None, description="singular values of the difference that rounding cannot explain"
    )
    full_rank: Count | None = None
    flatness: Positive | None = Field(
        default=None, description="largest singular value over that of white noise of the same size; 1 is noise"
    )


class BlockPair(Record):
    """A block of the first model and the block of the second that is most like it; None where none is."""

    block: Count
    partner: Count | None
    cosine: Number


class VocabularyChange(Record):
    """Rows of the input embedding, paired by the text of their token, else by their number."""

    by_text: bool
    common: Count
    added: Count = Field(description="only in the first")
    removed: Count = Field(description="only in the second")
    renumbered: Count = Field(description="common tokens with another number")
    at_the_end: bool = Field(
        description="all added or removed rows stand behind the common ones, which keep their number"
    )
    exchanged: Share = Field(description="share of common rows whose two embeddings are not alike")


class Arrangement(Record):
    """Whether the same neurons and channels are there in another order, size or basis."""

    moved_rows: Share = Field(description="largest share, over kinds of matrices, of rows or columns found elsewhere")
    scaled_rows: Share = Field(description="the same, of rows or columns that only changed their length")
    found_rows: Share = Field(description="share of the narrower model's neurons that the wider one has")
    moved_channels: Share = Field(description="share of embedding channels found in another place")
    found_channels: Share = Field(description="share of the narrower model's channels that the wider one has")
    geometry: Number | None = Field(
        default=None, description="correlation of all angles between common tokens; a rotation keeps it at 1"
    )
    basis: Number | None = Field(default=None, description="cosine of common tokens' rows as stored")
    widths: tuple[Count, Count] = Field(description="channels of the two")
    neurons: tuple[Count, Count] = Field(description="neurons of a block of the two")


class Descent(Record):
    """Who descends from whom, where an asymmetric fact says so: from the other, or from an ancestor of it."""

    child: Side | None
    why: str | None = Field(default=None, description="the fact that says so, of the child; None without a child")
    reason: str = Field(description="the same as a sentence, or that nothing says so")


class MergeKind(StrEnum):
    """The formula by which several models were merged."""

    LINEAR = "linear"
    SLERP = "slerp"
    TASK_ARITHMETIC = "task-arithmetic"
    TIES = "ties"
    UNCLEAR = "unclear"


class MergeFit(Record):
    """One formula fitted to every matrix."""

    kind: MergeKind = Field(description="linear stands for task arithmetic too, which is the same formula")
    residual: Positive = Field(description="what is left, over the distance to the nearest parent")
    weights: tuple[Number, ...] = Field(description="one a parent, the mean over matrices; of SLERP the two shares")


class KindOfMerge(Record):
    """Which kind of merge it is, and what each kind leaves."""

    kind: MergeKind
    left: tuple[MergeKind, ...] = Field(description="kinds that explain the model; none or several where it is unclear")
    base: str | None = Field(default=None, description="the parent that changes are counted from, where it is known")
    reason: str
    rounding: Positive = Field(description="residual that rounding to the model's precision leaves of a true merge")
    fits: tuple[MergeFit, ...] = Field(description="the best of each formula")


class Mixture(Record):
    """The first model as a mixture of candidate parents."""

    parents: tuple[str, ...]
    weights: tuple[Number, ...] = Field(description="by least squares over all tensors, one a parent")
    by_block: tuple[tuple[Number, ...], ...] = Field(default=(), description="the same in each block")
    residual: Positive = Field(
        description="what is left, over the distance to the nearest parent; 0 is a perfect mixture"
    )
    picked: Share = Field(description="share of weights that equal one of the parents' where these differ")
    distances: tuple[tuple[Positive, ...], ...] = Field(
        default=(), description="between the parents and, last, the model: over the length of its weights"
    )
    is_merge: bool
    reason: str
    merge: KindOfMerge | None = Field(
        default=None, description="None where it is no merge of them, or each matrix is exactly that of one"
    )


class ChangeFacts(Record):
    """What differs between two models' weights."""

    first: StoredValues
    second: StoredValues
    compared: Count = Field(
        description="weights compared one by one: of tensors of one kind and shape in paired blocks"
    )
    equal: Share = Field(description="share of these that are exactly equal")
    complete: bool = Field(description="every tensor of each has a partner in the other")
    rounded: Side | None = Field(default=None, description="the model whose numbers are the other's, rounded")
    blocks: tuple[BlockPair, ...] = Field(description="for each block of the first the nearest of the second")
    second_blocks: Count
    tensors: tuple[TensorChange, ...]
    experts: Count = Field(default=0, description="experts of a block that are like the one MLP of the other model")
    experts_in: Side | None = None
    vocabulary: VocabularyChange | None = None
    arrangement: Arrangement | None = None


class Changes(ChangeFacts):
    """All facts, the mechanism that they name, and who descends from whom."""

    mechanism: Mechanism
    reasons: tuple[str, ...]
    descent: Descent
