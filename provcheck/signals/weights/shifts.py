"""An exact p-value: do neurons of the same index resemble each other more than chance allows?

If two models were initialised independently, the order of the neurons in a block of one says nothing about their order
in the other, whatever the data (Zhu et al., 2025, independence tests for language models). So the resemblance of
neurons of the same index is no more than a draw from the resemblances under reordering. The cyclic shifts of each
block are a group of reorderings, which makes the test exact (Hemerik and Goeman, 2018), and their sums over blocks can
be counted completely, so p-values far below one over the number of random reorderings are exact too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from provcheck.types import Floats, Ints

STEPS = 500
"""Resemblances are counted in steps of the largest one over this, rounded against a small p-value."""


def shifted_sums(alike: Floats, first: Ints, second: Ints, neurons: int) -> Floats:
    """(neurons,) sum of the resemblances alike[i, j] for each cyclic shift second[j] - first[i] of the indices.

    alike: (m1, m2); first, second: indices of its rows and columns among the `neurons` of their block.
    """
    shifts = second[None, :] - first[:, None] + neurons
    found = np.bincount(shifts.ravel(), alike.ravel(), 2 * neurons)
    return np.asarray(found[:neurons] + found[neurons:], dtype=np.float64)


def exact_p_value(blocks: Sequence[Floats]) -> float | None:
    """P(sum over blocks of a random shift's resemblance >= that of shift 0); None without blocks.

    Each block is the result of `shifted_sums`. Never below the product of one over the neurons of each block.
    """
    largest = max((float(np.abs(sums).max()) for sums in blocks), default=0.0)
    if not blocks:
        return None
    step = max(largest, 1e-12) / STEPS
    observed, distribution, lowest = 0, np.ones(1), 0
    for sums in blocks:
        observed += int(np.floor(sums[0] / step))
        steps = np.ceil(sums / step).astype(np.int64)
        lowest += int(steps.min())
        shares = np.bincount(steps - steps.min()) / len(sums)
        distribution = np.convolve(distribution, shares)
    tail = distribution[max(0, observed - lowest) :].sum()
    return float(min(1.0, tail))
