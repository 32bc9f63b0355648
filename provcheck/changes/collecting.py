"""Collect what differs between two models, reading one tensor of each at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from statistics import mode

import numpy as np

from provcheck.changes.block_pairs import pair_blocks, repeated_blocks
from provcheck.changes.deltas import cosine, relative_change, spectrum_of
from provcheck.changes.grids import Grid, grid_of, precision_bits, rounded_to, zero_share
from provcheck.changes.opened import Opened
from provcheck.changes.rearranging import arrangement, repeated_neurons
from provcheck.changes.tensor_names import Names, common
from provcheck.changes.token_rows import common_tokens, row_cosines, vocabulary_change
from provcheck.types import BlockPair, ChangeFacts, Floats, Side, StoredValues, TensorChange

SIDES: tuple[Side, Side] = ("first", "second")
HALVES = (11, 8)
"""Bits of the significand of float16 and bfloat16."""

MOST_GRIDDED = 0.9
"""Share of a model's matrices that must lie on a grid for it to count as quantized."""

LIKE_AN_EXPERT = 0.5
"""Median cosine from which the neurons of an expert are those of a dense MLP."""

Pair = tuple[int | None, str, str, str]
"""Block of the first model, kind, and both whole names."""


def collect_facts(first: Opened, second: Opened) -> ChangeFacts:
    """All facts of two models."""
    blocks = pair_blocks(first.names, second.names)
    tokens = common_tokens(first, second)
    pairs = list(_pairs(first.names, second.names, blocks))
    counts = _Counts()
    tensors = [_compared(first.names, second.names, pair, counts) for pair in pairs]
    names = {name for _, _, *both in pairs for name in both}
    every = {name for one in (first, second) for part in one.names.parts for name in part.values()}
    experts, side = _experts(first, second, blocks)
    return ChangeFacts(
        first=stored_values(first),
        second=stored_values(second),
        compared=counts.compared,
        equal=counts.equal / max(1, counts.compared),
        complete=every <= names and len(first.names.blocks) == len(second.names.blocks),
        rounded=counts.rounded,
        blocks=blocks,
        second_blocks=len(second.names.blocks),
        tensors=tuple(tensors),
        experts=experts,
        experts_in=side,
        vocabulary=vocabulary_change(first, second, tokens) if tokens else None,
        arrangement=arrangement(first, second, blocks, tokens),
    )


@lru_cache(maxsize=16)
def stored_values(model: Opened) -> StoredValues:
    """How the numbers of one model look; kept for a while, since one parent may have many children."""
    names = model.names
    zeros, sizes, bits, grids = 0.0, 0, 1, []
    for block in range(len(names.blocks)):
        for name in names.matrices(block).values():
            matrix = names.matrix(name)
            zeros, sizes = zeros + zero_share(matrix) * matrix.size, sizes + matrix.size
            bits = max(bits, precision_bits(matrix))
            grids.append(grid_of(matrix))
    grid = _most_common(grids)
    return StoredValues(
        zeros=zeros / max(1, sizes),
        precision_bits=bits,
        grid_bits=grid.bits if grid else None,
        grid_group=grid.group if grid else None,
        gridded=sum(one is not None for one in grids) / max(1, len(grids)),
        repeated_blocks=repeated_blocks(names),
        repeated_neurons=repeated_neurons(model),
    )


def _most_common(grids: Sequence[Grid | None]) -> Grid | None:
    """The grid of most matrices, by bits first; None unless nearly all lie on one."""
    found = [grid for grid in grids if grid]
    if not found or len(found) < MOST_GRIDDED * len(grids):
        return None
    bits = mode(one.bits for one in found)
    return mode(one for one in found if one.bits == bits)


@dataclass
class _Counts:
    """Running totals over tensors; `_casts` are the roundings that explain all of them so far."""

    compared: int = 0
    equal: int = 0
    _casts: set[tuple[Side, int]] = field(default_factory=lambda: set(product(SIDES, HALVES)))

    def add(self, first: Floats, second: Floats) -> None:
        self.compared += first.size
        equal = int((first == second).sum())
        self.equal += equal
        if equal == first.size:
            return  # norms often stay as they were
        whole = {"first": (second, first), "second": (first, second)}
        self._casts = {
            (side, bits)
            for side, bits in self._casts
            if np.array_equal(rounded_to(whole[side][0], bits), whole[side][1])
        }

    @property
    def rounded(self) -> Side | None:
        """The one whose numbers are the other's, rounded; None if neither or both are."""
        sides = {side for side, _ in self._casts}
        return sides.pop() if len(sides) == 1 and self.compared else None


def _pairs(first: Names, second: Names, blocks: Sequence[BlockPair]) -> Iterator[Pair]:
    """The tensors of paired blocks and those outside of blocks that have one kind and shape."""
    for pair in blocks:
        if pair.partner is not None:
            own, other = first.blocks[pair.block], second.blocks[pair.partner]
            yield from ((pair.block, *found) for found in common(own, other, first, second))
    yield from ((None, *found) for found in common(first.outside, second.outside, first, second))


def _compared(first: Names, second: Names, pair: Pair, counts: _Counts) -> TensorChange:
    block, kind, *both = pair
    one, two = (names.matrix(name) for names, name in zip((first, second), both, strict=True))
    counts.add(one, two)
    found = spectrum_of(one, two) if first.is_matrix(both[0]) else None
    return TensorChange(
        block=block,
        kind=kind,
        relative_change=relative_change(one, two),
        cosine=cosine(one, two),
        rank=found.rank if found else None,
        full_rank=found.full_rank if found else None,
        flatness=found.flatness if found else None,
    )


def _experts(first: Opened, second: Opened, blocks: Sequence[BlockPair]) -> tuple[int, Side | None]:
    """How many experts of a block are like the other model's one MLP, at least; and which model has them."""
    pair = next((one for one in blocks if one.partner is not None), None)
    if pair is None or pair.partner is None or first.anatomy is None or second.anatomy is None:
        return 0, None
    groups = [list(first.anatomy.experts(pair.block)), list(second.anatomy.experts(pair.partner))]
    if (len(groups[0]) == 1) == (len(groups[1]) == 1):
        return 0, None
    (dense,), many = sorted(groups, key=len)
    alike = [np.median(row_cosines(one.read, dense.read)) for one in many if one.read.shape == dense.read.shape]
    count = sum(bool(one > LIKE_AN_EXPERT) for one in alike)
    return count, (SIDES[int(len(groups[1]) > 1)] if count else None)
