"""What of a model its stored tensors give without running it: neurons, heads, and rows of both embeddings.

All are directions of the residual stream, as the model uses them: the gain of the norm before a reader, or after a
writer, is multiplied in, and where norms subtract the mean, so that the model ignores a constant along the stream, the
mean is taken out. Constant factors are left out (gemma scales its embeddings, granite all that is written).

layouts   ways of storing
families  which architecture is stored in which way
stored    tensors by name, their shapes checked
mlps      the neurons of a block
heads     its attention heads
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from provcheck.io.text import clean
from provcheck.signals.weights.families import layout_of
from provcheck.signals.weights.heads import Heads, read_heads
from provcheck.signals.weights.layouts import Layout, Mlp, Names
from provcheck.signals.weights.mlps import Neurons, find_groups, read_group
from provcheck.signals.weights.stored import Stored, Unfit
from provcheck.types import Floats, Ints, NotMeasured, Tensors

__all__ = ["Anatomy", "Heads", "Neurons", "dissect", "find_root"]

HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads", "attention_heads")
LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
"""Keys of config.json."""

PROJECT_IN, PROJECT_OUT = "project_in", "project_out"
"""Between the embeddings of a small OPT and its wider stream."""

MAX_ROOTS, MAX_NAME = 10, 200
"""Input embeddings that are looked at, and characters of their names; parts that read no text may have some too."""

EPSILON = 1e-5
"""Of the norm that some models put behind their input embedding."""


def dissect(tensors: Tensors, config: Mapping[str, Any]) -> Anatomy | NotMeasured:
    """The anatomy of a model, or why its tensors do not give one. All names and shapes are checked; nothing is read."""
    layout = layout_of(config)
    if layout is None:
        kind = clean(config.get("model_type")) or "unknown"
        return NotMeasured(not_measured=f"how models of the type {kind} store their weights is not known")
    try:
        return Anatomy(tensors, config, layout)
    except Unfit as error:
        return NotMeasured(not_measured=str(error))


class Anatomy:
    """The blocks and embeddings of one model. Each call reads what it returns; nothing is kept.

    width: d, of the residual stream. blocks: number of MLPs. vocabulary: ids below it have a row in both embeddings.
    """

    width: int
    blocks: int
    vocabulary: int

    def __init__(self, tensors: Tensors, config: Mapping[str, Any], layout: Layout) -> None:
        self._layout = layout
        self._root = find_root(Stored(tensors, frozenset(tensors)), layout)
        self._head = _find_head(self._root, layout)
        self._heads = _number(config, HEADS)
        self.width, self.vocabulary = self._check_embeddings()
        self._blocks = list(self._find_blocks(_number(config, LAYERS)))
        self.blocks = len(self._blocks)
        if not self.blocks:
            raise Unfit("no MLP is stored under a known name")

    def announce(self, blocks: Iterable[int]) -> None:
        """Tell the tensors that these blocks will be read."""
        self._root.tensors.announce(name for block in blocks for name in self._blocks[block][0].names)

    def experts(self, block: int) -> Iterator[Neurons]:
        """The neurons of a block, those of one expert (or all, where one tensor holds them) after the other's."""
        stored, groups = self._blocks[block]
        before, after = self._layout.mlp_norm, self._layout.mlp_post_norm
        for group in groups:
            found = read_group(stored, group, self.width)
            gate = None if found.gate is None else self._seen(found.gate, stored, before)
            yield Neurons(self._seen(found.read, stored, before), gate, self._seen(found.write, stored, after))

    def mlp(self, block: int) -> Neurons:
        """All neurons of a block; experts, shared ones too, form one pool."""
        return Neurons.pooled(list(self.experts(block)))

    def attention(self, block: int) -> Heads | None:
        """The heads beside a block's MLP; None where attention has another form, or there is none."""
        stored, layout = self._blocks[block][0], self._layout
        if layout.attention is None or self._heads is None:
            return None
        try:
            found = read_heads(stored, layout.attention, self._heads, self.width)
            before, after = layout.attention_norm, layout.attention_post_norm
            query, key, value = (self._seen(rows, stored, before) for rows in (found.query, found.key, found.value))
            return Heads(query, key, value, self._seen(found.output, stored, after))
        except Unfit:
            return None

    def input_rows(self, ids: Ints) -> Floats:
        """(T, d) float32 rows of the input embedding, as they enter the stream; ids: (T,) below `vocabulary`."""
        rows = self._rows(self._root, self._layout.embedding, ids)
        if self._root.find(PROJECT_IN):
            rows = rows @ self._root.read(PROJECT_IN).T
        if self._layout.embedding_norm:
            rows = _normalized(rows, self._root, self._layout.embedding_norm)
        return self._centred(rows)

    def output_rows(self, ids: Ints) -> Floats:
        """(T, d) float32 rows of the output embedding, or of the input embedding if tied, with the last norm's gain."""
        rows = self._rows(*self._head, ids)
        if self._root.find(PROJECT_OUT):
            rows = rows @ self._root.read(PROJECT_OUT)
        return self._seen(rows, self._root, self._layout.final_norm)

    def _rows(self, stored: Stored, name: Names, ids: Ints) -> Floats:
        return np.array(stored.tensors.rows(stored.find(name) or "", ids), dtype=np.float32)

    def _seen(self, rows: Floats, stored: Stored, norm: Names) -> Floats:
        """The rows (..., d) as they read, or are read, through a norm."""
        if self._has(stored, norm):
            rows = rows * (stored.read(norm) + np.float32(self._layout.unit))
        return self._centred(rows)

    def _centred(self, rows: Floats) -> Floats:
        return rows - rows.mean(axis=-1, keepdims=True) if self._layout.centred else rows

    def _has(self, stored: Stored, norm: Names) -> bool:
        """Whether there is such a norm, its shape checked. Raises Unfit."""
        may_lack = not norm or norm[-1] == ""
        return False if may_lack and stored.find(norm) is None else bool(stored.expect(norm, (self.width,)))

    def _check_embeddings(self) -> tuple[int, int]:
        """Width and vocabulary. Raises Unfit."""
        root, layout = self._root, self._layout
        tokens, width = root.matrix(layout.embedding)
        out, inner = self._head[0].matrix(self._head[1])
        if root.find(PROJECT_OUT):
            inner = root.expect(PROJECT_OUT, (inner, root.matrix(PROJECT_OUT)[1]))[1]
        if root.find(PROJECT_IN):
            width = root.expect(PROJECT_IN, (root.matrix(PROJECT_IN)[0], width))[0]
        if inner != width:
            raise Unfit(f"input and output embedding are of different width: {width} and {inner}")
        self.width = width
        self._has(root, layout.final_norm)
        if self._has(root, layout.embedding_norm) and root.find(_bias(layout.embedding_norm)):
            root.expect(_bias(layout.embedding_norm), (width,))
        return width, min(tokens, out)

    def _find_blocks(self, stated: int | None) -> Iterator[tuple[Stored, tuple[Mlp, ...]]]:
        """Every block with an MLP, and the groups of its neurons. Raises Unfit."""
        layout, found = self._layout, self._root.blocks(self._layout.block)
        layers = stated or len(found)
        if layers > len(found):  # fewer are fine: some models store further layers, which predict further tokens
            raise Unfit(f"config.json states {layers:,} layers, and tensors of {len(found):,} are stored")
        for layer in range(layers):
            block = found.get(layer)
            if block is None:
                raise Unfit(f"no tensors of layer {layer} are stored")
            if groups := find_groups(block, layout.mlps, self.width):
                for norm in (layout.mlp_norm, layout.mlp_post_norm):
                    self._has(block, norm)
                yield block, groups
            elif not layout.sparse:
                raise Unfit(f"no MLP of layer {layer} is stored under a known name")


def find_root(stored: Stored, layout: Layout) -> Stored:
    """The tensors beside the input embedding; the outermost that have blocks, should there be several. Raises Unfit."""
    ending = f"{layout.embedding}.weight"
    found = (name.removesuffix(ending) for name in stored.names if name.endswith(ending) and len(name) < MAX_NAME)
    for root in sorted(found, key=lambda root: (len(root), root))[:MAX_ROOTS]:
        if (not root or root.endswith(".")) and stored.under(root).blocks(layout.block):
            return stored.under(root)
    raise Unfit(f"no input embedding '{ending}' with blocks beside it is stored")


def _find_head(root: Stored, layout: Layout) -> tuple[Stored, Names]:
    """The output embedding, beside the root or around it; the input embedding where they are tied."""
    parts = root.prefix.split(".")[:-1]
    for count in range(len(parts), -1, -1):
        around = Stored(root.tensors, root.names, "".join(f"{part}." for part in parts[:count]))
        if around.find(layout.head):
            return around, layout.head
    return root, layout.embedding


def _normalized(rows: Floats, root: Stored, norm: Names) -> Floats:
    """The rows behind a layer norm with its gain and bias."""
    rows = rows - rows.mean(axis=1, keepdims=True)
    rows = rows / np.sqrt((rows**2).mean(axis=1, keepdims=True) + EPSILON) * root.read(norm)
    return rows + root.read(_bias(norm)) if root.find(_bias(norm)) else rows


def _bias(norm: Names) -> str:
    return f"{norm}.bias"


def _number(config: Mapping[str, Any], keys: tuple[str, ...]) -> int | None:
    """The first positive integer under one of the keys."""
    values = (config.get(key) for key in keys)
    return next((value for value in values if type(value) is int and 0 < value < 2**31), None)
