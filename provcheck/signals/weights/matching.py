"""How many neurons of one model have their twin in another, block by block.

Two neurons match when each is the other's nearest by what they read; how alike they then write is the test. For models
that share no weights, what two neurons write is unrelated even if they read alike, so the mean cosine is about 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from provcheck.types import Floats, Ints


@dataclass(frozen=True)
class Bits:
    """Vectors of one kind for the B blocks of a model with m places for neurons each, as signs.

    read, write: (B, m, K) float32 of +-1, and 0 at empty places; counts: (B,) neurons of each block.
    """

    read: Floats
    write: Floats
    counts: Ints

    @classmethod
    def unpack(cls, packed: np.ndarray, present: np.ndarray) -> Bits:
        """From (B, m, bytes) packed bits, and (B, m) which places hold a neuron."""
        signs = np.unpackbits(packed, axis=-1).astype(np.float32) * 2 - 1
        signs *= present[..., None]
        half = signs.shape[-1] // 2
        return cls(signs[..., :half], signs[..., half:], present.sum(axis=1))


def match_blocks(one: Bits, two: Bits) -> tuple[Floats, Ints]:
    """(B1, B2) sum of the cosines of matched neurons' writers over the smaller number of neurons, and how many matched.

    The cosine of two vectors whose signs agree in a share a of random directions is cos(pi (1 - a)).
    """
    blocks, places, bits = one.read.shape
    others, other_places, _ = two.read.shape
    alike = (one.read.reshape(-1, bits) @ two.read.reshape(-1, bits).T).reshape(blocks, places, others, other_places)
    there, back = alike.argmax(axis=3), alike.argmax(axis=1)
    first, place, second = np.indices(there.shape, sparse=True)
    mutual = (back[first, second, there] == place) & (there < two.counts[second]) & (place < one.counts[first])
    b1, p1, b2 = np.nonzero(mutual)
    p2 = there[b1, p1, b2]
    agreement = np.einsum("ij,ij->i", one.write[b1, p1], two.write[b2, p2]) / bits
    pair, total = b1 * others + b2, blocks * others
    sums = np.bincount(pair, np.sin(np.pi / 2 * agreement), total).reshape(blocks, others)
    counts = np.bincount(pair, minlength=total).reshape(blocks, others)
    return sums / np.maximum(1, np.minimum.outer(one.counts, two.counts)), counts
