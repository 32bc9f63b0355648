"""The heads of an attention block: along which directions of the residual stream they read and write."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from provcheck.signals.weights.layouts import Attention, Order
from provcheck.signals.weights.stored import Stored, Unfit, shown
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


def read_heads(block: Stored, attention: Attention, heads: int, width: int) -> Heads:
    """The heads as stored, no gain multiplied in. Raises Unfit where the matrices are not those of so many heads."""
    output = _rows(block, attention.output, width, "o" not in attention.turned)
    size = len(output) // heads
    if attention.packed and block.find(attention.packed):
        packed = _rows(block, attention.packed, width, "p" in attention.turned)
        rows = _split(packed, attention.order, heads, size)
    else:
        names = (attention.query, attention.key, attention.value)
        rows = [_rows(block, name, width, False) for name in names]
    query, key, value = rows
    keys = len(key) // max(1, size)
    if not keys or heads % keys or [len(output), *map(len, rows)] != [n * size for n in (heads, heads, keys, keys)]:
        raise Unfit(f"'{shown(block.prefix + attention.output)}' is not that of {heads:,} heads of one size")
    return Heads(*(matrix.reshape(-1, size, width) for matrix in (query, key, value, output)))


def _rows(block: Stored, name: str, width: int, turn: bool) -> Floats:
    """(rows, d)."""
    shape = block.shape(name)
    if len(shape) != 2 or shape[0 if turn else 1] != width:
        raise Unfit(f"'{shown(block.prefix + name)}' is not of a stream {width} wide")
    matrix = block.read(name)
    return matrix.T if turn else matrix


def _split(rows: Floats, order: Order, heads: int, size: int) -> list[Floats]:
    """Queries, keys and values of one matrix (rows, d)."""
    width = rows.shape[1]
    keys = (len(rows) // max(1, size) - heads) // 2
    if keys < 1 or len(rows) != (heads + 2 * keys) * size or heads % keys:
        raise Unfit("the rows are not those of queries, keys and values")
    if order is Order.BLOCKED:
        return np.split(rows, [heads * size, (heads + keys) * size])
    if order is Order.CODEGEN:
        if heads % CODEGEN_PARTS or keys != heads:
            raise Unfit(f"the heads are not in {CODEGEN_PARTS} parts")
        query, value, key = np.split(rows.reshape(CODEGEN_PARTS, -1, width), 3, axis=1)
        return [part.reshape(-1, width) for part in (query, key, value)]
    grouped = rows.reshape(keys, heads // keys + 2, size, width)
    return [part.reshape(-1, width) for part in (grouped[:, :-2], grouped[:, -2], grouped[:, -1])]
