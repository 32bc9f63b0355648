"""The heads of an attention block: along which directions of the residual stream they read and write."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from provcheck.signals.weights.layouts import Attention, Order
from provcheck.signals.weights.stored import Stored, Unfit
from provcheck.types import Floats

CODEGEN_PARTS = 4


@dataclass(frozen=True, eq=False)
class Heads:
    """h heads, e wide, of a stream d wide, float32: `query` and `output` (h, e, d), `key` and `value` (k, e, d).

    With k < h, query head i belongs to key head i // (h / k).
    """

    query: Floats
    key: Floats
    value: Floats
    output: Floats


def read_heads(block: Stored, attention: Attention, heads: int, width: int) -> Heads | None:
    """The heads as stored, no gain multiplied in; None where the matrices are not those of so many heads."""
    try:
        size = _head_size(block, attention, heads, width)
        if attention.packed is None:
            rows = [_rows(block, name, width, False) for name in (attention.query, attention.key, attention.value)]
        else:
            rows = _split(_rows(block, attention.packed, width, "p" in attention.turned), attention.order, heads, size)
        output = _rows(block, attention.output, width, "o" not in attention.turned)
        query, key, value, output = (matrix.reshape(-1, size, width) for matrix in (*rows, output))
    except (Unfit, ValueError):
        return None
    fits = len(query) == heads and len(key) == len(value) and heads % len(key) == 0
    return Heads(query, key, value, output) if fits else None


def _head_size(block: Stored, attention: Attention, heads: int, width: int) -> int:
    shape = block.shape(attention.output)
    columns = shape[0 if "o" in attention.turned else -1]
    if len(shape) != 2 or columns % heads:
        raise Unfit("the heads have no common size")
    return columns // heads


def _rows(block: Stored, name: str, width: int, turn: bool) -> Floats:
    """(rows, d)."""
    shape = block.shape(name)
    if len(shape) != 2 or shape[0 if turn else 1] != width:
        raise Unfit("of another width")
    matrix = block.read(name)
    return matrix.T if turn else matrix


def _split(rows: Floats, order: Order, heads: int, size: int) -> list[Floats]:
    """Queries, keys and values of one matrix (rows, d)."""
    keys = (len(rows) // size - heads) // 2
    if keys < 1 or len(rows) != (heads + 2 * keys) * size or heads % keys:
        raise Unfit("the rows are not those of queries, keys and values")
    if order is Order.BLOCKED:
        return np.split(rows, [heads * size, (heads + keys) * size])
    if order is Order.CODEGEN:
        query, value, key = np.split(rows.reshape(CODEGEN_PARTS, -1, rows.shape[1]), 3, axis=1)
        return [part.reshape(-1, rows.shape[1]) for part in (query, key, value)]
    grouped = rows.reshape(keys, heads // keys + 2, size, rows.shape[1])
    return [part.reshape(-1, rows.shape[1]) for part in (grouped[:, :-2], grouped[:, -2], grouped[:, -1])]
