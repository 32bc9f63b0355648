"""Common words as landmarks in the embeddings of a model: what a neuron reads and writes is seen relative to them.

They need neither a common tokenizer nor common axes: a word is the mean embedding of its tokens, and rotating the
residual stream rotates words and neurons alike.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from provcheck.io.digests import file_digest
from provcheck.signals.weights.stored import Unfit
from provcheck.types import Floats, Ints

FILE = Path(__file__).with_name("anchors.txt")
"""The printable characters of ASCII, which give byte and character vocabularies their full rank, and common words."""

MIN_ANCHORS = 32
"""Fewer different anchors than this tell neurons apart too badly."""

LARGEST = 1e15
"""No embedding of a model comes near; sums of squares stay finite."""

FLATTENING = 0.5
"""Power of the anchors' singular values: 1 lets a few loud directions decide, 0 makes as much of noise as of words."""


@cache
def load_anchors() -> tuple[str, ...]:
    """The W anchors, in the order that the projections rely on."""
    return tuple(FILE.read_text(encoding="ascii").splitlines())


@cache
def anchors_digest() -> str:
    """sha256 of the list."""
    return file_digest(FILE)


def tokens_of(encode: Callable[[Sequence[str]], list[list[int]]], vocabulary: int) -> list[list[int]]:
    """The tokens of each anchor: with or without a space before it, whichever takes fewer.

    Tokens outside the embedding are dropped, so a list may be empty.
    """
    words = load_anchors()
    plain, spaced = encode(words), encode([f" {word}" for word in words])
    chosen = [one if len(one) < len(two) else two for one, two in zip(plain, spaced, strict=True)]
    return [[token for token in tokens if 0 <= token < vocabulary] for tokens in chosen]


def count_different(tokens: Sequence[Sequence[int]]) -> int:
    """How many anchors the tokenizer tells apart."""
    return len({tuple(one) for one in tokens if one})


def anchor_rows(rows_of: Callable[[Ints], Floats], tokens: Sequence[Sequence[int]]) -> Floats:
    """(W, d) mean embedding of each anchor's tokens, centred over anchors; zeros for one without tokens.

    `rows_of`: token ids (T,) -> their rows (T, d) of an embedding. Raises Unfit for numbers that no model has.
    """
    used, places = np.unique(np.concatenate([np.asarray(one, dtype=np.int64) for one in tokens]), return_inverse=True)
    rows = rows_of(used)
    if not (np.abs(rows) < LARGEST).all():
        raise Unfit("an embedding holds NaN, or numbers too large for a model")
    sizes = np.array([len(one) for one in tokens])
    sums = np.zeros((len(tokens), rows.shape[1]), dtype=np.float32)
    np.add.at(sums, np.repeat(np.arange(len(tokens)), sizes), rows[places])
    means = sums / np.maximum(sizes, 1)[:, None]
    return np.where(sizes[:, None] > 0, means - means[sizes > 0].mean(axis=0), np.float32(0))


def project(anchors: Floats, noise: Floats) -> Floats:
    """(K, d) random mixtures (K, W) of anchors (W, d), their singular values flattened.

    With anchors = L S R', the mixtures are noise L S^p R': rotating the residual stream changes R and nothing else.
    """
    left, values, right = np.linalg.svd(anchors, full_matrices=False)
    return np.asarray(((noise @ left) * values**FLATTENING) @ right)
