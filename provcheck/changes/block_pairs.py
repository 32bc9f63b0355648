"""Which block of one model became which of another: nearest by the weights that both have in the same shape."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from provcheck.changes.tensor_names import Names
from provcheck.types import BlockPair, Floats

ROWS = 32
"""Rows of each matrix that are read for it."""

ALIKE = 0.25
"""Cosine above which two blocks have weights in common. Blocks of independent models, and the different blocks of one,
are near 0; norms are left out, because their gains are alike everywhere."""

REPEATED = 0.5
"""Cosine above which a block is a copy of an earlier block of its own model, perhaps trained on."""


def pair_blocks(first: Names, second: Names) -> tuple[BlockPair, ...]:
    """For each block of the first the nearest of the second, None where it is not alike."""
    found = cosines(first, second)
    if not found.size:
        return tuple(BlockPair(block=block, partner=None, cosine=0.0) for block in range(len(first.blocks)))
    best = found.argmax(axis=1)
    return tuple(
        BlockPair(block=row, partner=int(at) if found[row, at] > ALIKE else None, cosine=float(found[row, at]))
        for row, at in enumerate(best)
    )


def repeated_blocks(names: Names) -> int:
    """How many blocks are nearly a copy of an earlier one."""
    found = cosines(names, names)
    return sum(bool((found[row, :row] > REPEATED).any()) for row in range(len(found)))


def cosines(first: Names, second: Names) -> Floats:
    """(B1, B2) cosines over the sampled rows of all matrices that both models have in one shape; empty without any."""
    if not first.blocks or not second.blocks:
        return np.zeros((0, 0))
    kinds = _kinds(first, second)
    if not kinds:
        return np.zeros((0, 0))
    one, two = (_unit(np.array([_sampled(names, block, kinds) for block in names.blocks])) for names in (first, second))
    return np.asarray(one @ two.T)


def _kinds(first: Names, second: Names) -> list[str]:
    """Kinds of matrices that every block of both has in one shape."""
    everyone = [(names, block) for names in (first, second) for block in names.blocks]
    kinds = [kind for kind in first.matrices(0) if all(kind in block for _, block in everyone)]
    return [kind for kind in kinds if len({names.shape(block[kind]) for names, block in everyone}) == 1]


def _sampled(names: Names, block: Mapping[str, str], kinds: Sequence[str]) -> Floats:
    """(N,) the same rows of every block, each kind of length 1, so that no kind outweighs the others."""
    return np.concatenate([_rows(names, block[kind]) for kind in kinds])


def _rows(names: Names, name: str) -> Floats:
    values = names.rows(name, ROWS).ravel()
    return np.asarray(values / max(float(np.linalg.norm(values)), 1e-30))


def _unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30))
