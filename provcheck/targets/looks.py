"""Looks at the stored tensors of a model: few are read, and of large ones only some rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from provcheck.architectures import CONTEXT_KEYS
from provcheck.io.tensor_files import SCALES
from provcheck.signals.weights.anatomy import find_root
from provcheck.signals.weights.layouts import Layout
from provcheck.signals.weights.stored import Stored, Unfit
from provcheck.targets.sizes import LAYERS
from provcheck.types import Floats, Tensors

MOST_ROWS, MOST_NUMBERS = 4096, 1 << 23
"""Of an embedding; rows that lie evenly between its first and its last."""

FEW_ROWS = 16
"""Of a matrix that may be empty; only if these are, all of it is read."""

POSITIONS = ("wpe", "embed_positions", "positions_embed")
"""Where positions have an embedding of their own."""

FURTHER_LAYERS = ("num_nextn_predict_layers", "mtp_num_layers", "num_mtp_layers")
"""Keys of config.json: layers that predict further tokens, and are stored behind the others."""


@dataclass(frozen=True)
class StoredModel:
    """The tensors of a model, what config.json states, and how its kind is stored.

    `unread`: why values cannot be read, only names and shapes; empty where they can.
    """

    tensors: Tensors
    config: Mapping[str, Any]
    layout: Layout
    unread: str = ""

    @cached_property
    def root(self) -> Stored:
        """The tensors beside the input embedding. Raises Unfit."""
        return find_root(Stored(self.tensors, frozenset(self.tensors)), self.layout)

    @cached_property
    def blocks(self) -> dict[int, Stored]:
        """By number."""
        return self.root.blocks(self.layout.block)

    def stated(self, *keys: str) -> int | None:
        """The first positive integer of config.json under one of the keys."""
        values = (self.config.get(key) for key in keys)
        return next((value for value in values if type(value) is int and 0 < value < 2**40), None)

    def rows(self, name: str, most: int) -> Floats:
        """(T, d) float32: at most so many rows of a tensor, evenly spaced. Raises Unfit."""
        if self.unread:
            raise Unfit(self.unread)
        count = self.root.shape(name.removeprefix(self.root.prefix))[0]
        if any(name + ending in self.tensors for ending in SCALES):
            raise Unfit("the weights are stored in 8 bits with scales, and would have to be read whole")
        places = np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))
        return np.asarray(self.tensors.rows(name, places), dtype=np.float32).reshape(len(places), -1)


def _layers(model: StoredModel) -> dict[str, float]:
    """Layers as stated, with those that predict further tokens, and as stored."""
    stated = model.stated(*LAYERS)
    if stated is None:
        raise Unfit("config.json states no number of layers")
    return {"stated": stated + (model.stated(*FURTHER_LAYERS) or 0), "stored": len(model.blocks)}


def _token_embeddings(model: StoredModel) -> dict[str, float]:
    name = model.root.find(model.layout.embedding)
    return {} if name is None else _off_centre(model, name)


def _position_embeddings(model: StoredModel) -> dict[str, float]:
    """Nothing where positions have no embedding."""
    name = model.root.find(POSITIONS)
    return {} if name is None else _off_centre(model, name)


def _position_rows(model: StoredModel) -> dict[str, float]:
    """Rows of the position table, and the context that config.json states; nothing where there is none of them."""
    stated = model.stated(*CONTEXT_KEYS)
    if model.root.find(POSITIONS) is None or stated is None:
        return {}
    return {"rows": model.root.shape(POSITIONS)[0], "context": stated}


def _token_rows(model: StoredModel) -> dict[str, float]:
    return {"rows": model.root.matrix(model.layout.embedding)[0]}


def _empty_layers(model: StoredModel) -> dict[str, float]:
    """How many layers write nothing but a constant, and the first of them, counted from 0; -1 where there is none."""
    names = {number: _writers(block, model.layout) for number, block in sorted(model.blocks.items())}
    known = {number: writers for number, writers in names.items() if writers}
    if not known:
        raise Unfit("the matrices that layers write with are not known")
    empty = [number for number, writers in known.items() if all(_is_zero(model, name) for name in writers)]
    return {"layers": len(known), "empty": len(empty), "first": empty[0] if empty else -1}


def _writers(block: Stored, layout: Layout) -> list[str]:
    """The matrices of a block that write to the residual stream; none where only some of them are known."""
    attention = [layout.attention.output] if layout.attention else []
    downs = [mlp.down for mlp in layout.mlps if block.find(mlp.up) and not mlp.down.count("*")]
    found = [block.find(name) for name in (*attention, *downs)]
    return [name for name in found if name] if downs and all(found) else []


def _is_zero(model: StoredModel, name: str) -> bool:
    return not model.rows(name, FEW_ROWS).any() and not model.tensors[name].any()


def _off_centre(model: StoredModel, name: str) -> dict[str, float]:
    """Length of the mean row over the root mean square distance of rows from it; 0 where all are the same and zero."""
    width = model.tensors.shape(name)[-1]
    rows = model.rows(name, max(1, min(MOST_ROWS, MOST_NUMBERS // max(1, width)))).astype(np.float64)
    mean = rows.mean(axis=0)
    spread = float(np.sqrt(((rows - mean) ** 2).sum(axis=1).mean()))
    length = float(np.linalg.norm(mean))
    if not (np.isfinite(length) and np.isfinite(spread)):
        raise Unfit("it holds numbers that are not finite")
    return {"mean_row": min(length, 1e29), "spread": min(spread, 1e29), "rows": len(rows)}


TENSOR_LOOKS: dict[str, Callable[[StoredModel], dict[str, float]]] = {
    "layers": _layers,
    "token-rows": _token_rows,
    "token-embeddings": _token_embeddings,
    "position-embeddings": _position_embeddings,
    "position-rows": _position_rows,
    "empty-layers": _empty_layers,
}
"""By name; each raises Unfit with the reason where it cannot be taken."""
