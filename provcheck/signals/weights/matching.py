"""How many neurons of one model have their twin in another, block by block.

Two neurons match when each is the other's nearest by what they read; how alike they then write is the test. For models
that share no weights, what two neurons write is unrelated even if they read alike, so the mean cosine is about 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from provcheck.types import Floats, Ints

SIGNS = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1).astype(np.float32) * 2 - 1
"""(256, 8) what each byte stands for."""

TIES = 1024
"""More than a block has neurons."""


@dataclass(frozen=True)
class Bits:
    """Vectors of one kind for the B blocks of a model with m places for neurons each, as signs.

    read: (B, m, K) float32 of +-1; write: (B, m, K / 8) uint8, packed, since few of them are ever looked at; counts:
    (B,) neurons of each block, which come before the empty places.
    """

    read: Floats
    write: np.ndarray
    counts: Ints

    @classmethod
    def unpack(cls, packed: np.ndarray, present: np.ndarray) -> Bits:
        """From (B, m, bytes) packed bits, and (B, m) which places hold a neuron."""
        half = packed.shape[-1] // 2
        return cls(signs(packed[..., :half]), packed[..., half:], present.sum(axis=1))


def signs(packed: np.ndarray) -> Floats:
    """(..., K) float32 of +-1 for (..., K / 8) packed bits."""
    return np.asarray(SIGNS.take(packed, axis=0).reshape(*packed.shape[:-1], -1))


def match_blocks(one: Bits, two: Bits) -> tuple[Floats, Ints]:
    """(B1, B2) sum of the cosines of matched neurons' writers over the smaller number of neurons, and how many matched.

    One block against all of the other model, in the same memory: so small, the products stay in the processor's cache.
    """
    shape = len(one.counts), len(two.counts)
    matches, counts = np.zeros(shape), np.zeros(shape, dtype=np.int64)
    memory = np.empty((one.read.shape[1], two.read.shape[0] * two.read.shape[1]), dtype=np.float32)
    for first, rows in enumerate(one.counts):
        blocks, own, other = _twins(one.read[first][:rows], two, memory[:rows])
        cosines = _cosines(one.write[first][own], two.write[blocks, other])
        starts = np.searchsorted(blocks, np.arange(shape[1] + 1))
        for second, columns in enumerate(two.counts):
            of_block = cosines[starts[second] : starts[second + 1]]
            matches[first, second] = of_block.sum() / max(1, min(rows, columns))
            counts[first, second] = len(of_block)
    return matches, counts


def _twins(read: Floats, other: Bits, memory: Floats) -> tuple[Ints, Ints, Ints]:
    """Neurons of one block (m, K), and of each block of another model, that are each other's nearest.

    Returned as the blocks, in their order, the rows, and the places in the blocks. Of several equally near neurons the
    first is the nearest: resemblances are whole numbers, so a little less for each further row decides.
    """
    blocks, places, width = other.read.shape
    alike = np.matmul(read, other.read.reshape(-1, width).T, out=memory).reshape(-1, blocks, places)
    alike -= (np.arange(len(read), dtype=np.float32) / TIES)[:, None, None]
    if (other.counts < places).any():
        alike[:, np.arange(places) >= other.counts[:, None]] = -np.inf
    there, back = alike.argmax(axis=2), alike.max(axis=0)
    reached = np.take_along_axis(alike, there[..., None], axis=2)[..., 0]
    of_block, rows = np.nonzero((reached == back[np.arange(blocks), there]).T)
    return of_block, rows, there[rows, of_block]


def _cosines(one: np.ndarray, two: np.ndarray) -> Floats:
    """(T,) cosines of vectors whose signs along random directions are these packed bits: cos(pi (share of unequal))."""
    unequal = np.bitwise_count(one ^ two).sum(axis=1, dtype=np.float32)
    bits = 8 * one.shape[1]
    return np.asarray(np.sin(np.float32(np.pi / 2) * ((bits - 2 * unequal) / bits)))
