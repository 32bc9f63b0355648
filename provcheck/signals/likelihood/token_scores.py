"""The log-probability of each token of each text, beside the sums: for telling apart models that are nearly the same.

They are kept as raw arrays, which no comparison with a bank needs. Token by token, two copies of the same
weights differ by rounding alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from provcheck.types import Floats, Ints, LogLikelihood, Sketch

NATS, ENDS, COUNTS = "likelihood_token_nats", "likelihood_token_ends", "likelihood_token_counts"
"""(T,) float32, (T,) int32 and (N,) int32: log-probabilities and ends of the tokens of all texts, one text after the
other, and how many tokens each text has, 0 where it was left out. See `provcheck.types.LogLikelihood`."""


@dataclass(frozen=True, eq=False)
class TokenScores:
    """The tokens of one text: nats (T,), NaN where there is none, and ends (T,)."""

    nats: Floats
    ends: Ints


def packed(found: Sequence[LogLikelihood | str]) -> dict[str, NDArray[Any]]:
    """The raw arrays; none where the target gives sums only."""
    scored = [LogLikelihood(np.nan) if isinstance(one, str) else one for one in found]
    counts = np.array([len(one.tokens) for one in scored], dtype=np.int32)
    if not counts.any():
        return {}
    return {
        NATS: np.concatenate([one.tokens for one in scored]).astype(np.float32),
        ENDS: np.concatenate([one.ends for one in scored]).astype(np.int32),
        COUNTS: counts,
    }


def unpacked(sketch: Sketch) -> list[TokenScores] | None:
    """The tokens of each text; None where the sketch has none, or arrays that do not fit together."""
    nats, ends, counts = (sketch.raw.get(name) for name in (NATS, ENDS, COUNTS))
    if nats is None or ends is None or counts is None or nats.ndim != 1 or nats.shape != ends.shape:
        return None
    if counts.ndim != 1 or (counts < 0).any() or int(counts.sum()) != len(nats):
        return None
    edges = np.concatenate([[0], np.cumsum(counts.astype(np.int64))])
    return [TokenScores(nats[a:b].astype(np.float64), ends[a:b].astype(np.int64)) for a, b in pairwise(edges)]
