"""Weights made coarser: rounded to few bits, or the smallest of them set to zero. numpy only."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from provcheck.studies.variants import Weights
from provcheck.types import Floats

BITS = (8, 4, 3, 2)
PRUNED = (0.1, 0.3, 0.5, 0.7)

NOT_LINEAR = ("embed", "wte", "wpe", "lm_head", "norm", "ln_")
"""Parts of the names of tensors that are no linear layers of a block."""

Change = Callable[[Floats], Floats]


def rounded(weight: Floats, bits: int) -> Floats:
    """Symmetric round to nearest, one scale a row: the largest magnitude of a row is the largest code."""
    top = 2 ** (bits - 1) - 1
    scale = np.maximum(np.abs(weight).max(axis=-1, keepdims=True), 1e-8) / top
    return np.asarray(np.clip(np.round(weight / scale), -top, top) * scale, dtype=np.float32)


def pruned(weight: Floats, share: float) -> Floats:
    """The smallest magnitudes set to zero, that share of them."""
    count = int(share * weight.size)
    if not count:
        return weight
    limit = np.partition(np.abs(weight).ravel(), count - 1)[count - 1]
    return np.where(np.abs(weight) <= limit, 0, weight).astype(np.float32)


def levels() -> dict[str, Change]:
    """Each level by its name, from fine to coarse."""
    made: dict[str, Change] = {f"{bits}-bit": partial(rounded, bits=bits) for bits in BITS}
    return made | {f"{share:.0%} pruned": partial(pruned, share=share) for share in PRUNED}


def changed(weights: Weights, change: Change) -> Weights:
    """The model with every linear layer of its blocks changed."""
    return {name: change(one) if _is_linear(name, one) else one for name, one in weights.items()}


def _is_linear(name: str, weight: Floats) -> bool:
    return weight.ndim >= 2 and not any(part in name for part in NOT_LINEAR)
