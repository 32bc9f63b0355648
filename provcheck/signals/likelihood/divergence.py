"""KL divergence between models from their log-likelihoods on the same texts. numpy only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from provcheck.types import Floats

FLOOR = 8.0
"""bits/byte at which log-likelihoods are clipped. The papers clip a matrix of many models at its bottom 2 % (kl-scale,
appendix E.1), so that the KL of two models depends on all others; here the floor is what bytes cost if all 256 are
equally probable, whatever other models do."""

MIN_TEXTS = 30
"""Fewer common texts than this give no KL divergence."""

WINSORISED_BEYOND = 3.0
"""Median absolute deviations beyond which a difference is pulled in."""


@dataclass(frozen=True)
class Divergence:
    """KL divergence and its standard error in bits/byte over `texts` common texts; NaN when there are too few.

    `winsorised` is the same with differences beyond three median absolute deviations pulled in: small models are far
    off on a few texts, which dominate the raw value.
    """

    bits_per_byte: float
    se: float
    winsorised: float
    texts: int


def clipped(loglik_nats: Floats, mean_bytes: float) -> Floats:
    """Log-likelihoods in nats, none below that of a text of mean length at FLOOR bits/byte; NaN stays."""
    return np.asarray(np.maximum(loglik_nats.astype(np.float64), -FLOOR * np.log(2) * mean_bytes))


def divergence(first_nats: Floats, second_nats: Floats, mean_bytes: float) -> Divergence:
    """Variance over texts of l_i - l_j, over 2 * mean bytes * ln 2: KL in bits/byte (kl-scale, section 2).

    Centring rows leaves the variance of the difference, and centring columns cancels in it. Standard error, appendix C:
    sqrt(sum d^4 / N^2 - KL^2 / N) with d the centred difference and KL = mean d^2, in the same unit.
    """
    common = np.isfinite(first_nats) & np.isfinite(second_nats)
    count = int(common.sum())
    if count < MIN_TEXTS:
        return Divergence(np.nan, np.nan, np.nan, count)
    difference = clipped(first_nats[common], mean_bytes) - clipped(second_nats[common], mean_bytes)
    difference -= difference.mean()
    squares = difference**2
    kl = squares.mean()
    error = np.sqrt(max(0.0, float((squares**2).sum() / count**2 - kl**2 / count)))
    limit = WINSORISED_BEYOND * float(np.median(np.abs(difference)))
    winsorised = float((np.clip(difference, -limit, limit) ** 2).mean())
    unit = 2 * mean_bytes * np.log(2)
    return Divergence(float(kl / unit), float(error / unit), winsorised / unit, count)


def pairwise_divergences(loglik_nats: Floats, mean_bytes: float) -> Floats:
    """(M, M) KL in bits/byte among the log-likelihoods (M, N) of a few models: `divergence` of all pairs at once.

    NaN where two models have too few texts in common.
    """
    known = np.isfinite(loglik_nats)
    values = np.where(known, clipped(loglik_nats, mean_bytes), 0.0)
    counts = np.maximum(1, known.sum(axis=1, keepdims=True))
    centred = np.where(known, values - values.sum(axis=1, keepdims=True) / counts, 0.0)  # keeps the sums below small
    weights = known.astype(np.float64)
    common = weights @ weights.T
    sums, squares = centred @ weights.T, centred**2 @ weights.T
    means = (sums - sums.T) / np.maximum(1, common)
    variance = (squares + squares.T - 2 * centred @ centred.T) / np.maximum(1, common) - means**2
    return np.where(common < MIN_TEXTS, np.nan, np.maximum(0.0, variance) / (2 * mean_bytes * np.log(2)))


def row_centred(loglik_nats: Floats, mean_bytes: float) -> Floats:
    """(M, common) clipped log-likelihoods less each model's mean, over the texts that all M models measured."""
    common = np.isfinite(loglik_nats).all(axis=0)
    values = clipped(loglik_nats[:, common], mean_bytes)
    return np.asarray(values - values.mean(axis=1, keepdims=True))
