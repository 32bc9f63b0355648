"""Distances of a bank's models under some of its probes only.

Robustness to the choice of samples: ABLE, appendix D (two disjoint halves of the questions, Euclidean distances of the
embeddings, Mantel test); for log-likelihoods kl-scale, appendix C (another draw of texts).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Protocol

import numpy as np

from provcheck.errors import StudyError
from provcheck.signals.able.cosine import cosine_distance
from provcheck.signals.likelihood.divergence import MIN_TEXTS
from provcheck.studies.material import Likelihoods, RawAttributions
from provcheck.studies.statistics import (
    RESAMPLES_OF_MATRICES,
    SEED,
    Estimate,
    correlation,
    mantel_p_value,
    mean_mantel,
    upper,
)
from provcheck.types import Floats, Ints

SPLITS = 10
"""How many times probes are dealt at random."""

LEAST_ROOTS = 5
"""Fewer independent models than this have no r of their own."""

SHARES = (2, 4, 8, 16)
"""One in so many probes is in each of two sets that share none."""


class Distances(Protocol):
    """(M, M) distances of models by some of the probes."""

    @property
    def least(self) -> int:
        """Fewer probes than this give no distances."""

    def of(self, probes: Ints) -> Floats:
        """By the probes of these indexes."""


@dataclass(frozen=True)
class Subsets:
    """r between distances by disjoint sets of probes, by 1 / share; of all models, and of the roots alone."""

    title: str
    by_share: dict[int, Estimate]
    roots: Estimate | None
    p_value: float
    kinds: dict[tuple[str, str], float]


@dataclass(frozen=True)
class QuestionGrams:
    """Inner products (Q, M, M) of the models' attributions on each question: those of any set are their sum."""

    products: Floats
    least: int = 1

    def of(self, probes: Ints) -> Floats:
        """Euclidean distances of vectors of unit length, without projection."""
        return euclidean(self.products[probes].sum(axis=0, dtype=np.float64))


@dataclass(frozen=True)
class TextDistances:
    """The square root of KL, which is the Euclidean distance of the papers' coordinates."""

    known: Likelihoods
    least: int = MIN_TEXTS

    def of(self, probes: Ints) -> Floats:
        """By these texts."""
        return np.asarray(np.sqrt(self.known.divergences(probes)))


def euclidean(products: Floats) -> Floats:
    """(M, M) Euclidean distances of vectors scaled to unit length, from their inner products (M, M)."""
    squares = np.diag(products)
    found = np.sqrt(2 * cosine_distance(products, squares[:, None], squares[None, :]))
    np.fill_diagonal(found, 0.0)
    return found


def question_grams(raw: RawAttributions, *, contrast: bool) -> QuestionGrams:
    """Of the paper's view, or of the contrast view: less the mean over options, each question at unit length."""
    found = []
    for places, options in zip(raw.places, raw.options, strict=True):
        values = (raw.relative if contrast else raw.words)[:, places].astype(np.float64)
        kept = unit_contrast(values, options) if contrast else values
        found.append((kept @ kept.T).astype(np.float32))
    return QuestionGrams(np.stack(found))


def unit_contrast(values: Floats, options: int) -> Floats:
    """(M, W) attributions on one question, less the mean over its options, each model's at unit length."""
    apart = values.reshape(len(values), options, -1)
    flat = (apart - apart.mean(axis=1, keepdims=True)).reshape(len(values), -1)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-30))


def correlate_subsets(title: str, apart: Distances, kinds: Sequence[str], roots: Ints) -> Subsets:
    """Correlate distances by sets of probes that share none. Raises StudyError where halves are too small."""
    by_share: dict[int, Estimate] = {}
    halves: list[tuple[Floats, Floats]] = []
    for share in SHARES:
        pairs = [(apart.of(one), apart.of(two)) for one, two in disjoint(kinds, share) if len(one) >= apart.least]
        if pairs and all(np.isfinite(matrix).all() for pair in pairs for matrix in pair):
            by_share[share] = mean_mantel(pairs, RESAMPLES_OF_MATRICES)
            halves = halves or pairs
    if not by_share:
        raise StudyError(f"half of the probes is too little for {title}", "measure with a larger probe set")
    among = [(one[np.ix_(roots, roots)], two[np.ix_(roots, roots)]) for one, two in halves]
    alone = mean_mantel(among, RESAMPLES_OF_MATRICES) if len(roots) >= LEAST_ROOTS else None
    matrices = {kind: apart.of(places) for kind, places in by_kind(kinds).items() if len(places) >= apart.least}
    matrices = {kind: one for kind, one in matrices.items() if np.isfinite(one).all()}
    between = {(a, b): correlation(upper(matrices[a]), upper(matrices[b])) for a, b in combinations(matrices, 2)}
    return Subsets(title, by_share, alone, mantel_p_value(*halves[0]), between)


def by_kind(kinds: Sequence[str]) -> dict[str, Ints]:
    """Indexes of the probes of each category or domain, in order of appearance."""
    return {kind: np.array([n for n, one in enumerate(kinds) if one == kind]) for kind in dict.fromkeys(kinds)}


def disjoint(kinds: Sequence[str], share: int) -> list[tuple[Ints, Ints]]:
    """SPLITS draws of two sets that share no probe, each with one in `share` of every category."""
    stream = np.random.RandomState(SEED + share)
    return [_two_sets(stream, by_kind(kinds), share) for _ in range(SPLITS)]


def _two_sets(stream: np.random.RandomState, kinds: Mapping[str, Ints], share: int) -> tuple[Ints, Ints]:
    first, second = [], []
    for members in kinds.values():
        order, size = stream.permutation(members), max(1, len(members) // share)
        first.append(order[:size])
        second.append(order[size : 2 * size])
    return np.concatenate(first), np.concatenate(second)
