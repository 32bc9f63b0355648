"""What of a model its stored tensors give without running it: neurons, heads, and rows of both embeddings.

All are directions of the residual stream, as the model uses them: the gain of the norm before a reader, or after a
writer, is multiplied in, and where norms subtract the mean, so that the model ignores a constant along the stream, the
mean is taken out. Constant factors (gemma scales embeddings, granite what it writes) are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from provcheck.io.text import clean
from provcheck.signals.weights.heads import Heads, read_heads
from provcheck.signals.weights.layouts import LAYOUTS, Layout, Names
from provcheck.signals.weights.mlps import Neurons, find_groups, read_group
from provcheck.signals.weights.stored import Stored, Unfit
from provcheck.types import Floats, Ints, NotMeasured, Tensors

__all__ = ["Anatomy", "Heads", "Neurons", "dissect"]

HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads", "attention_heads")
LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")
"""Keys of config.json."""

EPSILON = 1e-5


def dissect(tensors: Tensors, config: Mapping[str, Any]) -> Anatomy | NotMeasured:
    """The anatomy of a model, or why its tensors do not give one. All names and shapes are checked; nothing is read."""
    kind = clean(config.get("model_type"))
    layout = LAYOUTS.get(kind or "")
    if layout is None:
        return NotMeasured(not_measured=f"how models of the type {kind or 'unknown'} store their weights is not known")
    try:
        return Anatomy(tensors, config, layout)
    except Unfit as error:
        return NotMeasured(not_measured=str(error))


class Anatomy:
    """The blocks and embeddings of one model. Each call reads what it returns; nothing is kept."""

    width: int
    """Of the residual stream."""

    blocks: int
    """Number of MLPs."""

    vocabulary: int
    """Ids below it have a row in both embeddings."""

    def __init__(self, tensors: Tensors, config: Mapping[str, Any], layout: Layout) -> None:
        self._layout = layout
        self._root = _find_root(Stored(tensors, frozenset(tensors)), layout)
        self._heads = _number(config, HEADS)
        self._head = _find_head(self._root, layout)
        self._check_embeddings()
        self._check_blocks(_number(config, LAYERS))

    def experts(self, block: int) -> Iterator[Neurons]:
        """The neurons of a block, those of one expert after the other's."""
        stored, groups = self._blocks[block]
        for group in groups:
            neurons = read_group(stored, group, self.width)
            read = self._read(neurons.read, stored, self._layout.mlp_norm)
            gate = None if neurons.gate is None else self._read(neurons.gate, stored, self._layout.mlp_norm)
            yield Neurons(read, gate, self._read(neurons.write, stored, self._layout.mlp_post_norm))

    def mlp(self, block: int) -> Neurons:
        """All neurons of a block; experts, shared ones too, form one pool."""
        return Neurons.pooled(list(self.experts(block)))

    def attention(self, block: int) -> Heads | None:
        """The heads beside a block's MLP; None where attention has another form."""
        stored, layout = self._blocks[block][0], self._layout
        if layout.attention is None or self._heads is None:
            return None
        heads = read_heads(stored, layout.attention, self._heads, self.width)
        if heads is None:
            return None
        query, key, value = (
            self._read(one, stored, layout.attention_norm) for one in (heads.query, heads.key, heads.value)
        )
        return Heads(query, key, value, self._read(heads.output, stored, layout.attention_post_norm))

    def input_rows(self, ids: Ints) -> Floats:
        """(T, d) float32 rows of the input embedding, as they enter the stream; ids: (T,) below `vocabulary`."""
        rows = self._rows(self._root, self._layout.embedding, ids)
        if self._layout.project_in and self._root.find(self._layout.project_in):
            rows = rows @ self._root.read(self._layout.project_in).T
        return self._centred(rows)

    def output_rows(self, ids: Ints) -> Floats:
        """(T, d) float32 rows of the output embedding with the last norm's gain; of the input embedding if tied."""
        rows = self._rows(*(self._head or (self._root, self._layout.embedding)), ids)
        if self._layout.project_out and self._root.find(self._layout.project_out):
            rows = rows @ self._root.read(self._layout.project_out)
        return self._read(rows, self._root, self._layout.final_norm)

    def _rows(self, stored: Stored, name: Names, ids: Ints) -> Floats:
        return np.array(stored.tensors.rows(stored.find(name) or "", ids), dtype=np.float32)

    def _read(self, rows: Floats, stored: Stored, norm: Names) -> Floats:
        """The rows as they see, or are seen through, a norm."""
        if norm:
            rows = rows * (stored.read(norm) + np.float32(self._layout.unit))
        return self._centred(rows)

    def _centred(self, rows: Floats) -> Floats:
        return rows - rows.mean(axis=-1, keepdims=True) if self._layout.centred else rows

    def _check_embeddings(self) -> None:
        root, layout = self._root, self._layout
        shape = root.shape(layout.embedding)
        if len(shape) != 2:
            raise Unfit(f"the input embedding has the shape {shape}, not (tokens, width)")
        self.vocabulary, self.width = shape
        if self._head is not None:
            rows = self._head[0].shape(layout.head)
            self._head[0].expect(layout.head, (rows[0], self.width))
            self.vocabulary = min(self.vocabulary, rows[0])
        if layout.final_norm:
            root.expect(layout.final_norm, (self.width,))

    def _check_blocks(self, layers: int | None) -> None:
        layout, found = self._layout, self._root.numbers(self._layout.block.replace("{}", "*"))
        layers = layers or len(found)
        if not found or layers > len(found) or list(found[:layers]) != list(range(layers)):
            raise Unfit(f"config.json states {layers:,} layers, and tensors of {len(found):,} are stored")
        self._blocks = []
        for layer in range(layers):
            stored = self._root.under(layout.block.format(layer))
            if groups := find_groups(stored, layout.mlps, self.width):
                self._check_norms(stored)
                self._blocks.append((stored, groups))
            elif not layout.sparse:
                raise Unfit(f"no MLP of layer {layer} is stored under a known name")
        self.blocks = len(self._blocks)

    def _check_norms(self, stored: Stored) -> None:
        for norm in (self._layout.mlp_norm, self._layout.mlp_post_norm):
            if norm:
                stored.expect(norm, (self.width,))


def _find_root(stored: Stored, layout: Layout) -> Stored:
    """The tensors beside the input embedding; the outermost that have blocks, should there be several."""
    ending = f"{layout.embedding}.weight"
    roots = sorted((name.removesuffix(ending) for name in stored.names if name.endswith(ending)), key=len)
    for root in roots:
        if (not root or root.endswith(".")) and stored.under(root).numbers(layout.block.replace("{}", "*")):
            return stored.under(root)
    raise Unfit(f"no input embedding '{ending}' with blocks beside it is stored")


def _find_head(root: Stored, layout: Layout) -> tuple[Stored, Names] | None:
    """The output embedding, beside the root or around it; None if it is tied to the input embedding."""
    parts = root.prefix.split(".")[:-1]
    for count in range(len(parts), -1, -1):
        around = Stored(root.tensors, root.names, "".join(f"{part}." for part in parts[:count]))
        if around.find(layout.head):
            return around, layout.head
    return None


def _number(config: Mapping[str, Any], keys: tuple[str, ...]) -> int | None:
    """The first positive integer under one of the keys."""
    values = (config.get(key) for key in keys)
    return next((value for value in values if type(value) is int and 0 < value < 2**31), None)
