"""What the judge looks at: features of a pair of measurements, all symmetric in the two models.

A `Space` holds what must be known of a bank to compute them: the mean of its independent roots and the clip floor.
A mean that holds a model's own root pushes the model away from strangers, and a subject from outside has no such help;
so each pair is seen from the mean of the other roots (`pair_features`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from provcheck.bank import Bank
from provcheck.comparison.distance import block_norms, block_products, cosine_distance
from provcheck.comparison.divergence import MIN_TEXTS, clip_floor
from provcheck.types import Floats

NAMES = (
    "contrast_distance",
    "paper_distance",
    "centred_distance",
    "centred_distance_high",
    "centred_block_median",
    "centred_block_agreement",
    "log_kl",
    "log_winsorised_kl",
    "kl_relative_error",
    "loglik_cosine",
    "loglik_gap",
)
"""Columns of a feature matrix, in order.

contrast_distance, paper_distance: cosine distance of the two ABLE views (design page; ABLE, section 4.2).
centred_distance: the contrast distance after subtracting the mean of the bank's independent roots (design page).
centred_distance_high: its upper 97.5 % end, from the jackknife over blocks of questions.
centred_block_median: median over blocks of the cosine of the centred blocks; robust against a few loud blocks.
centred_block_agreement: mean over blocks of that cosine, over its standard deviation; bounded by 20.
log_kl: natural log of KL in bits/byte (kl-scale, section 2), not below 1e-6.
log_winsorised_kl: the same with differences beyond three median absolute deviations pulled in; small models are far off
    some texts, which dominate the raw value.
kl_relative_error: standard error of KL (kl-scale, appendix C) over KL.
loglik_cosine: cosine of the doubly centred log-likelihood vectors (kl-scale, section 2: the model map's coordinates).
loglik_gap: difference of the mean log-likelihoods in bits/byte.
"""

LOG_FLOOR = 1e-6


@dataclass(frozen=True)
class Vectors:
    """What features are made from. contrast, paper: (M, B, K); loglik_nats: (M, N), NaN where left out."""

    contrast: Floats
    paper: Floats
    loglik_nats: Floats

    @classmethod
    def of(cls, bank: Bank) -> Vectors:
        """All references of a bank."""
        return cls(bank.contrast_blocks, bank.paper_blocks, bank.loglik_nats)

    def rows(self, rows: Floats | list[int] | slice) -> Vectors:
        """Some of the models."""
        return Vectors(self.contrast[rows], self.paper[rows], self.loglik_nats[rows])


@dataclass(frozen=True)
class Space:
    """A bank's coordinates: mean contrast blocks (B, K) and mean row-centred log-likelihoods (N,) of its roots.

    loglik_known: (N,) how many of the roots measured each text; roots: their ids.
    """

    contrast_centre: Floats
    loglik_centre: Floats
    loglik_known: Floats
    floor_nats: float
    mean_text_bytes: float
    roots: tuple[str, ...]

    @classmethod
    def of(cls, bank: Bank, roots: list[int]) -> Space:
        """The space that the given independent rows of the bank span."""
        loglik = bank.loglik_nats[roots]
        floor = clip_floor(loglik)
        return cls(
            contrast_centre=bank.contrast_blocks[roots].astype(np.float64).mean(axis=0),
            loglik_centre=_known_mean(_row_centred(loglik, floor), axis=0),
            loglik_known=np.isfinite(loglik).sum(axis=0).astype(np.float64),
            floor_nats=floor,
            mean_text_bytes=bank.manifest.mean_text_bytes,
            roots=tuple(bank.references[row].id for row in roots),
        )

    def without(self, gone: Vectors) -> Space:
        """The space of the other roots."""
        count, left = len(self.roots), len(self.roots) - len(gone.contrast)
        rows = _row_centred(gone.loglik_nats, self.floor_nats)
        known = self.loglik_known - np.isfinite(rows).sum(axis=0)
        loglik = np.where(self.loglik_known > 0, self.loglik_centre * self.loglik_known, 0.0) - np.nansum(rows, axis=0)
        return replace(
            self,
            contrast_centre=(count * self.contrast_centre - gone.contrast.sum(axis=0, dtype=np.float64)) / max(1, left),
            loglik_centre=np.where(known > 0, loglik / np.maximum(known, 1), np.nan),
        )

    def features(self, subject: Vectors, others: Vectors) -> Floats:
        """(M, features) of one model, a `Vectors` with M = 1, against M others.

        NaN where too few texts are common or a model has no attributions.
        """
        able = _able_features(self, subject, others)
        return np.column_stack([able, _loglik_features(self, subject.loglik_nats[0], others.loglik_nats)])


def pair_features(bank: Bank, space: Space, subject: Vectors, own: frozenset[str], rows: Sequence[int]) -> Floats:
    """(rows, features) of one model against references, each pair seen from the roots that neither descends from.

    own: ids of the subject's roots; empty for a subject from outside.
    """
    vectors, place = Vectors.of(bank), {reference.id: row for row, reference in enumerate(bank.references)}
    groups: dict[frozenset[str], list[int]] = defaultdict(list)
    for position, row in enumerate(rows):
        groups[own | bank.kinship.roots(bank.references[row].id)].append(position)
    features = np.empty((len(rows), len(NAMES)))
    for kin, positions in groups.items():
        gone = vectors.rows([place[id] for id in space.roots if id in kin and id in place])
        others = vectors.rows([rows[position] for position in positions])
        features[positions] = space.without(gone).features(subject, others)
    return features


def _able_features(space: Space, subject: Vectors, others: Vectors) -> Floats:
    products, own, norms = _block_products(subject.contrast[0], others.contrast)
    paper = _block_products(subject.paper[0], others.paper)
    centred = _block_products(
        subject.contrast[0] - space.contrast_centre, others.contrast.astype(np.float64) - space.contrast_centre
    )
    distance = _cosine_distance(*centred)
    cosines = centred[0] / np.sqrt(np.maximum(centred[1] * centred[2], 1e-30))
    agreement = cosines.mean(axis=1) / np.maximum(cosines.std(axis=1), 0.05)
    return np.column_stack(
        [
            _cosine_distance(products, own, norms),
            _cosine_distance(*paper),
            distance,
            distance + 1.96 * _jackknife_error(*centred),
            np.median(cosines, axis=1),
            np.minimum(agreement, 20.0),
        ]
    )


def _loglik_features(space: Space, subject: Floats, others: Floats) -> Floats:
    rows = [_loglik_row(space, subject, other) for other in others]
    return np.array(rows).reshape(len(others), 5)


def _loglik_row(space: Space, first: Floats, second: Floats) -> list[float]:
    common = np.isfinite(first) & np.isfinite(second) & np.isfinite(space.loglik_centre)
    if common.sum() < MIN_TEXTS:
        return [np.nan] * 5
    a, b = (np.maximum(side[common].astype(np.float64), space.floor_nats) for side in (first, second))
    difference = a - b
    gap = abs(float(difference.mean())) / (space.mean_text_bytes * np.log(2))
    difference -= difference.mean()
    unit = 2 * space.mean_text_bytes * np.log(2)
    squares = difference**2
    kl = float(squares.mean())
    error = np.sqrt(max(0.0, float((squares**2).mean()) - kl**2) / len(squares)) / max(kl, 1e-30)
    limit = 3 * float(np.median(np.abs(difference)))
    winsorised = float((np.clip(difference, -limit, limit) ** 2).mean())
    centre = space.loglik_centre[common]
    cosine = _cosine(a - a.mean() - centre, b - b.mean() - centre)
    return [
        float(np.log(max(kl / unit, LOG_FLOOR))),
        float(np.log(max(winsorised / unit, LOG_FLOOR))),
        float(error),
        cosine,
        gap,
    ]


def _block_products(subject: Floats, others: Floats) -> tuple[Floats, Floats, Floats]:
    """Inner products (M, B), the subject's squared norms (1, B), the others' (M, B)."""
    products, norms = block_products(subject, others)
    return products, block_norms(subject)[None], norms


def _cosine_distance(products: Floats, own: Floats, norms: Floats) -> Floats:
    return cosine_distance(products.sum(axis=1), own.sum(axis=1), norms.sum(axis=1))


def _jackknife_error(products: Floats, own: Floats, norms: Floats) -> Floats:
    """Standard error (M,) of the cosine distance: every block left out once (Efron and Stein, 1981)."""
    blocks = products.shape[1]
    left = products.sum(axis=1, keepdims=True) - products
    scale = (own.sum(axis=1, keepdims=True) - own) * (norms.sum(axis=1, keepdims=True) - norms)
    cosines = left / np.sqrt(np.maximum(scale, 1e-30))
    return np.asarray(np.sqrt((blocks - 1) * cosines.var(axis=1)))


def _row_centred(loglik_nats: Floats, floor: float) -> Floats:
    clipped = np.maximum(loglik_nats.astype(np.float64), floor)
    return np.asarray(clipped - _known_mean(clipped, axis=1)[:, None])


def _known_mean(values: Floats, axis: int) -> Floats:
    """Mean of what is not NaN; NaN where nothing is known."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.where(known, values, 0.0).sum(axis=axis) / known.sum(axis=axis))


def _cosine(a: Floats, b: Floats) -> float:
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-30))
