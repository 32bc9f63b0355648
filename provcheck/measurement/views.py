"""The two ABLE views of the word attributions, and their random projection per block of questions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from provcheck.types import Block, Floats

DIMENSIONS = 256
"""K of the paper (appendix B: quality converges there)."""

PROJECTION_SEED = 20260
"""Seed of the Johnson-Lindenstrauss matrix; part of the algorithm's version."""


def paper_view(words: Sequence[Floats]) -> list[Floats]:
    """The paper's vector: all attributions, divided by their L2 norm (appendix B). Shapes as given."""
    return _unit(words)


def contrast_view(words: Sequence[Floats]) -> list[Floats]:
    """Per question and word minus the mean over its options; each question, then the whole, scaled to unit length.

    Source: the design page; it removes what all options share, and keeps a few loud questions from dominating.
    """
    centred = [question - question.mean(axis=0, keepdims=True) for question in words]
    return _unit([_unit([question])[0] for question in centred])


def _unit(parts: Sequence[Floats]) -> list[Floats]:
    """Parts of one long vector, divided by its L2 norm; a zero vector stays zero."""
    norm = np.sqrt(sum(float((part**2).sum()) for part in parts))
    return [part / norm if norm > 0 else part for part in parts]


def project_blocks(words: Sequence[Floats], blocks: Sequence[Block]) -> Floats:
    """(blocks, 256) float32: each block of questions times its columns of the projection matrix (equation 4).

    Entries of the matrix are N(0, 1/256), drawn from numpy's frozen RandomState so that they never change; the blocks
    sum to the projection of the whole vector.
    """
    stream = np.random.RandomState(PROJECTION_SEED)
    projected = np.empty((len(blocks), DIMENSIONS), dtype=np.float32)
    for row, block in enumerate(blocks):
        values = np.concatenate([words[question].ravel() for question in block.places])
        matrix = stream.standard_normal((len(values), DIMENSIONS))
        projected[row] = values @ matrix / np.sqrt(DIMENSIONS)
    return projected
