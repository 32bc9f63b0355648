"""Cosine distance between ABLE embeddings, with bootstrap intervals over blocks of questions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from provcheck.types import Floats

RESAMPLES = 1000
BOOTSTRAP_SEED = 20261
CHUNK = 256
"""Number of references whose blocks are in float32 at once."""


@dataclass(frozen=True)
class Distances:
    """Distances (M,) and, where they were asked for, the ends of their 95 % intervals; NaN for a zero vector."""

    value: Floats
    low: Floats | None = None
    high: Floats | None = None


def cosine_distances(subject: Floats, references: Floats, *, intervals: bool = True) -> Distances:
    """Distance of one model's blocks (B, K) to those of M references (M, B, K).

    1 - sum_b <x_b, y_b> / sqrt(sum_b |x_b|^2 sum_b |y_b|^2). Both sums estimate the products of the unprojected vectors
    without bias (Johnson-Lindenstrauss within each block); leaving out the products of different blocks, whose
    expectation is zero, keeps the projection's noise B times smaller than that of the summed 256-vector. Interval:
    blocks drawn with replacement, 1,000 times, 2.5 and 97.5 percentiles.
    """
    products, norms = block_products(subject, references)
    own = block_norms(subject)
    point = cosine_distance(products.sum(axis=1), own.sum(), norms.sum(axis=1))
    if not intervals:
        return Distances(point)
    draws = bootstrap_weights(len(own))
    samples = cosine_distance(draws @ products.T, draws @ own, draws @ norms.T)
    samples[:, ~np.isfinite(point)] = 0.0  # no distance, so no interval
    low, high = np.nanpercentile(samples, [2.5, 97.5], axis=0)  # NaN: a resample of empty blocks alone
    return Distances(point, np.minimum(low, point), np.maximum(high, point))


def pairwise_distances(blocks: Floats, weights: Floats | None = None) -> Floats:
    """(M, M) cosine distances among the blocks (M, B, K) of a few models; weights (B,): how often each is drawn."""
    scaled = blocks.astype(np.float32)
    if weights is not None:
        scaled = scaled * np.sqrt(weights)[None, :, None]
    flat = scaled.reshape(len(blocks), -1).astype(np.float64)
    squares = (flat**2).sum(axis=1)
    distances = cosine_distance(flat @ flat.T, squares[:, None], squares[None, :])
    np.fill_diagonal(distances, 0.0)
    return distances


def block_products(subject: Floats, references: Floats) -> tuple[Floats, Floats]:
    """Inner products with the subject and squared norms, per reference and block: two (M, B) float64 arrays."""
    products = np.empty(references.shape[:2])
    norms = np.empty(references.shape[:2])
    for start in range(0, len(references), CHUNK):
        part = references[start : start + CHUNK].astype(np.float32)
        products[start : start + CHUNK] = np.einsum("bk,mbk->mb", subject.astype(np.float32), part)
        norms[start : start + CHUNK] = np.einsum("mbk,mbk->mb", part, part)
    return products, norms


def block_norms(blocks: Floats) -> Floats:
    """(B,) squared norms."""
    return np.asarray((blocks.astype(np.float64) ** 2).sum(axis=1))


def bootstrap_weights(blocks: int, resamples: int = RESAMPLES) -> Floats:
    """(resamples, B) how often each block is drawn; fixed seed of numpy's frozen RandomState."""
    stream = np.random.RandomState(BOOTSTRAP_SEED)
    return stream.multinomial(blocks, np.full(blocks, 1 / blocks), size=resamples).astype(np.float64)


def cosine_distance(products: Floats, own: Floats, norms: Floats) -> Floats:
    """1 - cosine from inner products and the squared norms of both sides; NaN for a zero vector."""
    with np.errstate(invalid="ignore", divide="ignore"):
        if norms.ndim > 1 and own.ndim == 1:
            own = own[:, None]
        return np.clip(1 - products / np.sqrt(own * norms), 0.0, 2.0)


def resampled_distances(blocks: Floats, resamples: int) -> Iterator[Floats]:
    """(M, M) cosine distances of each bootstrap resample of the blocks (M, B, K).

    Equal to `pairwise_distances` with the weights of `bootstrap_weights`, but the products are taken only once. A
    resample in which a model has no attributions at all is left out.
    """
    by_block = blocks.transpose(1, 0, 2).astype(np.float64)
    products = by_block @ by_block.transpose(0, 2, 1)
    for weights in bootstrap_weights(len(products), resamples):
        summed = np.tensordot(weights, products, axes=1)
        squares = np.diag(summed)
        distances = cosine_distance(summed, squares[:, None], squares[None, :])
        if np.isfinite(distances).all():
            np.fill_diagonal(distances, 0.0)
            yield distances
