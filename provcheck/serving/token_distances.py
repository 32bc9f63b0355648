"""How far the numbers of tokens are from those of a reference, and whether the distances go with particular tokens.

Rounding moves tokens by chance. Training teaches which tokens come: it moves a token wherever it stands. So the share
of the distances that goes with the token itself grows, and that of the token before it hardly does; the difference of
the two is the *pull*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from provcheck.signals.likelihood.token_scores import TokenScores
from provcheck.types import Floats, Ints

LEAST_TIMES = 6
"""A token must stand in the texts so often to say something of itself."""

TAILS = 0.01
"""Share of the distances on each side that is pulled in: a few tokens must not decide."""

NONE = -1
"""In place of the token before the first."""


@dataclass(frozen=True)
class Distance:
    """Medians over tokens in nats, their ratio, and the pull, which is below 1."""

    texts: int
    tokens: int
    median_nats: float
    rounding_nats: float
    pull: float

    @property
    def ratio(self) -> float:
        """How far the endpoint is from the reference, in steps of what rounding does to the reference."""
        return self.median_nats / self.rounding_nats if self.rounding_nats else float("inf")


def distance(
    texts: Sequence[str], served: Sequence[TokenScores], exact: Sequence[TokenScores], rounded: Sequence[TokenScores]
) -> Distance:
    """An endpoint against the reference in float32; texts that are cut into other tokens are left out."""
    every = zip(texts, zip(served, exact, rounded, strict=False), strict=False)
    same = [(text, three) for text, three in every if comparable(*three[:2])]
    scored, own, half = (_joined([three[way].nats for _, three in same]) for way in range(3))
    here, before = tokens_of([(text, three[0].ends) for text, three in same])
    known = np.isfinite(scored) & np.isfinite(own) & np.isfinite(half)
    scored, own, half = scored[known], own[known], half[known]
    return Distance(
        texts=len(same),
        tokens=int(known.sum()),
        median_nats=_median(scored - own),
        rounding_nats=_median(half - own),
        pull=pull(scored - own, own, here[known], before[known]),
    )


def comparable(served: TokenScores, exact: TokenScores) -> bool:
    """Whether both scored the text, and cut it into the same tokens."""
    return len(served.ends) > 0 and np.array_equal(served.ends, exact.ends)


def pull(apart: Floats, nats: Floats, here: Ints, before: Ints) -> float:
    """Share of the variance of (T,) distances that goes with the token, less that of the token before it.

    What goes with how likely the token was in the first place is taken out before: every change of weights has that.
    """
    if len(apart) < 2 or not apart.any():
        return 0.0
    kept = np.clip(apart, *np.quantile(apart, [TAILS, 1 - TAILS]))
    straight = np.polynomial.Polynomial.fit(nats, kept, 1) if np.ptp(nats) else np.polynomial.Polynomial([kept.mean()])
    rest = kept - straight(nats)
    return between(rest, here) - between(rest, before)


def between(values: Floats, groups: Ints) -> float:
    """Variance between groups over the variance within them, without bias (one-way analysis of variance)."""
    _, which, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    often = sizes[which] >= LEAST_TIMES
    values, (_, which, sizes) = values[often], np.unique(which[often], return_inverse=True, return_counts=True)
    if len(sizes) < 2:
        return 0.0
    means = np.bincount(which, values) / sizes
    within = ((values - means[which]) ** 2).sum() / (len(values) - len(sizes))
    spread = (sizes * (means - values.mean()) ** 2).sum() / (len(sizes) - 1)
    size = (len(values) - (sizes**2).sum() / len(values)) / (len(sizes) - 1)
    return float((spread - within) / size / within) if within > 0 else 0.0


def tokens_of(texts: Sequence[tuple[str, Ints]]) -> tuple[Ints, Ints]:
    """(T,) numbers that stand for the characters of each token and of the one before it, one text after the other."""
    numbers: dict[str, int] = {}
    here = [np.array([numbers.setdefault(piece, len(numbers)) for piece in _pieces(*one)], dtype=int) for one in texts]
    before = [np.concatenate([[NONE], one[:-1]]) for one in here if len(one)]
    return _joined(here).astype(np.int64), _joined(before).astype(np.int64)


def _pieces(text: str, ends: Ints) -> list[str]:
    """What each token stands for, by its ASCII characters other than spaces; special tokens are empty."""
    visible = "".join(one for one in text if one.isascii() and not one.isspace()).lower()
    starts = np.maximum.accumulate(np.concatenate([[0], ends[:-1]])) if len(ends) else ends
    return [visible[start:end] if end > 0 else "" for start, end in zip(starts, ends, strict=True)]


def _joined(parts: Sequence[Floats] | Sequence[Ints]) -> Floats:
    return np.concatenate([*parts, np.zeros(0)])


def _median(apart: Floats) -> float:
    return float(np.median(np.abs(apart))) if len(apart) else 0.0
