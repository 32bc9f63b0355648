"""From attributions of tokens to the two projected ABLE views (paper: sections 3.2 to 3.4, appendix B). numpy only."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from provcheck.types import Floats, Ints

DIMENSIONS = 256
"""K of the paper (appendix B: quality converges there)."""

PROJECTION_SEED = 20260
"""Seed of the Johnson-Lindenstrauss matrix; part of the signal's version."""

BLOCKS = 48
"""Approximate number of blocks of questions; each category has its share of them, at least one."""


@dataclass(frozen=True)
class Block:
    """Neighbouring questions of one category; `places` are their indexes in the probe set."""

    category: str
    places: tuple[int, ...]


def blocks_of(categories: Sequence[str]) -> tuple[Block, ...]:
    """Blocks of about equal size for questions of these categories, by category in order of appearance."""
    places: dict[str, list[int]] = {}
    for place, category in enumerate(categories):
        places.setdefault(category, []).append(place)
    share = BLOCKS / max(1, len(categories))
    return tuple(
        Block(category, tuple(int(place) for place in part))
        for category, members in places.items()
        for part in np.array_split(members, min(len(members), max(1, round(share * len(members)))))
    )


def word_of_character(text: str) -> Ints:
    """(characters,) word that each character belongs to; whitespace joins the word before it (leading: the first)."""
    starts = np.zeros(len(text), dtype=np.int64)
    starts[[match.start() for match in re.finditer(r"\S+", text)]] = 1
    return np.maximum(np.cumsum(starts) - 1, 0)


def words_of(question: str, options: Sequence[tuple[Ints, Floats]]) -> Floats:
    """(options, words) attributions from spans (T, 2) and values (T,) of each option's tokens.

    Each token is spread evenly over its characters, which are summed by word (equations 2, 3).
    """
    word = word_of_character(question)
    return np.stack([_spread(spans, values, word) for spans, values in options])


def _spread(spans: Ints, values: Floats, word: Ints) -> Floats:
    starts, ends = spans.T
    lengths = ends - starts
    first = np.repeat(np.cumsum(lengths) - lengths, lengths)
    characters = np.arange(lengths.sum()) - first + np.repeat(starts, lengths)
    words = np.zeros(int(word[-1]) + 1)
    np.add.at(words, word[characters], np.repeat(values / lengths, lengths))
    return words


def paper_view(words: Sequence[Floats]) -> list[Floats]:
    """The paper's vector: all attributions, divided by their L2 norm (appendix B). Shapes as given."""
    return _unit(words)


def contrast_view(words: Sequence[Floats]) -> list[Floats]:
    """Attributions minus their mean over the options of a question; each question, then the whole, at unit length.

    Ours, not the paper's: it removes what all options share, and keeps a few loud questions from dominating. It is made
    from attributions relative to a baseline.
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
