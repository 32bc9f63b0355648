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


@dataclass(frozen=True)
class Bits:
    """Vectors of one kind for the B blocks of a model with m places for neurons each, as signs.

    read, write: (B, m, K) float32 of +-1; counts: (B,) neurons of each block, which come before the empty places.
    """

    read: Floats
    write: Floats
    counts: Ints

    @classmethod
    def unpack(cls, packed: np.ndarray, present: np.ndarray) -> Bits:
        """From (B, m, bytes) packed bits, and (B, m) which places hold a neuron."""
        signs = SIGNS.take(packed, axis=0).reshape(*packed.shape[:-1], -1)
        half = signs.shape[-1] // 2
        return cls(signs[..., :half], signs[..., half:], present.sum(axis=1))


def match_blocks(one: Bits, two: Bits) -> tuple[Floats, Ints]:
    """(B1, B2) sum of the cosines of matched neurons' writers over the smaller number of neurons, and how many matched.

    Block by block: so small, the products stay in the processor's cache.
    """
    shape = len(one.counts), len(two.counts)
    matches, counts = np.zeros(shape), np.zeros(shape, dtype=np.int64)
    for first, rows in enumerate(one.counts):
        for second, columns in enumerate(two.counts):
            pairs = _twins(one.read[first][:rows] @ two.read[second][:columns].T)
            cosines = _cosines(one.write[first][pairs[0]], two.write[second][pairs[1]])
            matches[first, second] = cosines.sum() / max(1, min(rows, columns))
            counts[first, second] = len(cosines)
    return matches, counts


def _twins(alike: Floats) -> tuple[Ints, Ints]:
    """Rows and columns of (m1, m2) resemblances that are each other's largest."""
    there, back = alike.argmax(axis=1), alike.argmax(axis=0)
    rows = np.flatnonzero(back[there] == np.arange(len(there)))
    return rows, there[rows]


def _cosines(one: Floats, two: Floats) -> Floats:
    """(T,) cosines of vectors whose signs along random directions are the rows of +-1: cos(pi (1 - share of equal))."""
    agreement = np.einsum("ij,ij->i", one, two) / one.shape[1]
    return np.asarray(np.sin(np.pi / 2 * agreement))
