"""The neurons of an MLP: along which directions of the residual stream each reads, is gated, and writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from provcheck.signals.weights.layouts import Mlp, Order
from provcheck.signals.weights.stored import Shape, Stored, Unfit, shown
from provcheck.types import Bools, Floats, Ints

SHUT = 0.01
"""A neuron whose gate is so much smaller than its block's typical one does next to nothing."""


@dataclass(frozen=True, eq=False)
class Neurons:
    """n neurons of a stream d wide, float32: `read` (n, d), `gate` (n, d) or None if they have none, `write` (n, d)."""

    read: Floats
    gate: Floats | None
    write: Floats

    def __len__(self) -> int:
        return len(self.read)

    @property
    def silent(self) -> bool:
        """Whether every neuron reads nothing or writes nothing, as in a block that was put in to do nothing."""
        return not (self.read.any(axis=1) & self.write.any(axis=1) & self.open).any()

    @property
    def open(self) -> Bools:
        """(n,) which neurons are not shut off by a gate close to zero: such a decoy can be as loud as it likes.

        The typical gate is the mean over neurons, each weighted by how much it does.
        """
        if self.gate is None:
            return np.ones(len(self), dtype=bool)
        read, gate, write = (
            np.linalg.norm(part.astype(np.float64), axis=1) for part in (self.read, self.gate, self.write)
        )
        does = read * gate * write
        typical = float(does @ gate) / max(float(does.sum()), 1e-300)
        return ~np.asarray(gate <= SHUT * typical)

    def take(self, places: Ints) -> Neurons:
        """Those at some places."""
        gate = None if self.gate is None else self.gate[places]
        return Neurons(self.read[places], gate, self.write[places])

    @staticmethod
    def pooled(groups: list[Neurons]) -> Neurons:
        """The neurons of several groups, one after the other; without gates if some have none."""
        if len(groups) == 1:
            return groups[0]
        gates = [group.gate for group in groups if group.gate is not None]
        return Neurons(
            np.concatenate([group.read for group in groups]),
            np.concatenate(gates) if len(gates) == len(groups) else None,
            np.concatenate([group.write for group in groups]),
        )


def find_groups(block: Stored, mlps: tuple[Mlp, ...], width: int) -> tuple[Mlp, ...]:
    """Which groups of neurons a block holds, every expert by its number, their shapes checked. Raises Unfit."""
    groups = tuple(group for mlp in mlps for group in _numbered(block, mlp) if block.find(group.up))
    for group in groups:
        _check(block, group, width)
    return groups


def read_group(block: Stored, mlp: Mlp, width: int) -> Neurons:
    """One group of neurons as stored, no gain multiplied in."""
    write = _turned(block.read(mlp.down), "d" not in mlp.turned).reshape(-1, width)
    if mlp.inner:
        write = write * block.read(mlp.inner).reshape(-1, 1)
    up = _turned(block.read(mlp.up), "u" in mlp.turned)
    if mlp.gate:
        gate = _turned(block.read(mlp.gate), "u" in mlp.turned)
        return Neurons(up.reshape(-1, width), gate.reshape(-1, width), write)
    if mlp.order is None:
        return Neurons(up.reshape(-1, width), None, write)
    first, second = (half.reshape(-1, width) for half in _halves(up, mlp.order, _size(block, mlp)))
    return Neurons(first, second, write) if mlp.order is Order.GATE_LAST else Neurons(second, first, write)


def _numbered(block: Stored, mlp: Mlp) -> Iterator[Mlp]:
    """The form with the number of each expert, which must all be there."""
    if "*" not in mlp.up:
        yield mlp
        return
    numbers = block.numbers(mlp.up)
    if numbers != block.numbers(mlp.down) or numbers != list(range(len(numbers))):
        raise Unfit(f"the experts '{shown(block.prefix + mlp.up)}' are not complete")
    for number in map(str, numbers):
        yield replace(
            mlp,
            up=mlp.up.replace("*", number),
            down=mlp.down.replace("*", number),
            gate=mlp.gate and mlp.gate.replace("*", number),
        )


def _check(block: Stored, mlp: Mlp, width: int) -> None:
    down = _oriented(block.shape(mlp.down), "d" not in mlp.turned)
    if len(down) not in (2, 3) or down[-1] != width:
        raise Unfit(f"'{shown(block.prefix + mlp.down)}' does not write to a stream {width} wide")
    experts, size = down[:-2], down[-2]
    for name in (mlp.up, mlp.gate) if mlp.gate else (mlp.up,):
        up = _oriented(block.shape(name), "u" in mlp.turned)
        rows = range(size, size + 1) if mlp.order is None else _rows_of(mlp.order, size)
        if len(up) != len(down) or up[:-2] != experts or up[-1] != width or up[-2] not in rows:
            raise Unfit(f"the shapes of '{shown(block.prefix + name)}' and '{mlp.down}' do not fit each other")
    if mlp.inner:
        block.expect(mlp.inner, (*experts, size))


def _rows_of(order: Order, size: int) -> range:
    """How many rows hold the gates and readers of so many neurons; behind them Mamba 2 has some of other kinds."""
    return range(2 * size, 2 * size + 1) if order is Order.INTERLEAVED else range(2 * size, 2**62)


def _size(block: Stored, mlp: Mlp) -> int:
    return _oriented(block.shape(mlp.down), "d" not in mlp.turned)[-2]


def _halves(rows: Floats, order: Order, size: int) -> tuple[Floats, Floats]:
    """The two kinds of rows of (..., 2n or more, d)."""
    if order is Order.INTERLEAVED:
        return rows[..., ::2, :], rows[..., 1::2, :]
    return rows[..., :size, :], rows[..., size : 2 * size, :]


def _oriented(shape: Shape, turn: bool) -> Shape:
    return (*shape[:-2], *shape[:-3:-1]) if turn else shape


def _turned(matrix: Floats, turn: bool) -> Floats:
    return np.ascontiguousarray(matrix.swapaxes(-1, -2)) if turn else matrix
