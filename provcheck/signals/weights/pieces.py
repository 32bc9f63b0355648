"""A quick look for relatives among thousands of models: how many neurons have a piece of their bits in common?

The bits of a neuron are cut into pieces of 16. Two neurons that are twins agree in a piece far more often than chance
has it, which is once in 65,536, even where a fifth of their bits differ (locality-sensitive hashing by bands of random
hyperplanes; Charikar, 2002). So counting equal pieces puts relatives first, without matching a single neuron. Neither
the neurons as stored nor those seen through attention depend on a tokenizer.
"""

from __future__ import annotations

import numpy as np

from provcheck.types import Ints

Packed = np.ndarray

PIECE = np.uint16
AT_ONCE = 64
"""Models whose bits fit into the processor's cache together."""


def equal_pieces(bits: Packed, others: Packed) -> Ints:
    """(M,) pairs of neurons with an equal piece at the same place, of one model with each of M others.

    bits: (m, bytes) packed, others: (M, m, bytes). Places without a neuron are zeros, and count as no piece.
    """
    own, found = np.ascontiguousarray(bits).view(PIECE), np.zeros(len(others), dtype=np.int64)
    times = np.stack([np.bincount(pieces, minlength=np.iinfo(PIECE).max + 1) for pieces in own.T]).astype(PIECE)
    times[:, 0] = 0
    for start in range(0, len(others), AT_ONCE):
        pieces = np.ascontiguousarray(others[start : start + AT_ONCE]).view(PIECE)
        for place, one in enumerate(times):
            found[start : start + AT_ONCE] += one[pieces[..., place]].sum(axis=1, dtype=np.int64)
    return found
