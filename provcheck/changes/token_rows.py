"""Rows of the vocabulary: which tokens both models have, and whether their embeddings are still the same."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from provcheck.changes.opened import Opened
from provcheck.types import Floats, Ints, VocabularyChange

READ = 2048
"""Common tokens whose embeddings are read, evenly spaced."""

STRANGE = 0.5
"""Cosine of a token's two embeddings below which they are not alike."""


@dataclass(frozen=True, eq=False)
class CommonTokens:
    """Numbers (T,) of the common tokens in both models, and the embeddings (T', d) of those that were read."""

    numbers: tuple[Ints, Ints]
    first: Floats
    second: Floats


def common_tokens(first: Opened, second: Opened) -> CommonTokens | None:
    """Pair tokens by text, or by number where a tokenizer is missing; None where an embedding is not known."""
    if first.anatomy is None or second.anatomy is None:
        return None
    numbers = _paired(first, second)
    if not len(numbers[0]):
        return None
    places = np.linspace(0, len(numbers[0]) - 1, min(READ, len(numbers[0]))).astype(np.int64)
    rows = [one.input_rows(own[places]) for one, own in zip((first.anatomy, second.anatomy), numbers, strict=True)]
    return CommonTokens(numbers, rows[0], rows[1])


def vocabulary_change(first: Opened, second: Opened, found: CommonTokens) -> VocabularyChange:
    """Counts over all tokens; embeddings over those that were read."""
    one, two = found.numbers
    by_text = bool(first.tokens and second.tokens)
    added, removed = _size(first) - len(one), _size(second) - len(two)
    renumbered = int((one != two).sum())
    longer = first if added else second
    behind = renumbered == 0 and bool(added) != bool(removed) and _size(longer) == _last(longer) + 1
    return VocabularyChange(
        by_text=by_text,
        common=len(one),
        added=added,
        removed=removed,
        renumbered=renumbered,
        at_the_end=behind and int(one.max()) == len(one) - 1,
        exchanged=_exchanged(found),
    )


def row_cosines(first: Floats, second: Floats) -> Floats:
    """(T,) cosines of rows of equal number."""
    lengths = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return np.asarray((first * second).sum(axis=1) / np.maximum(lengths, 1e-30))


def _paired(first: Opened, second: Opened) -> tuple[Ints, Ints]:
    if not (first.tokens and second.tokens):
        both = np.arange(min(first.rows, second.rows))
        return both, both
    pairs = sorted(
        (number, second.tokens[text])
        for text, number in first.tokens.items()
        if number < first.rows and second.tokens.get(text, second.rows) < second.rows
    )
    one, two = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return one, two


def _size(model: Opened) -> int:
    """Tokens that have an embedding; rows without a token, which fill up a table, do not count."""
    return sum(number < model.rows for number in model.tokens.values()) if model.tokens else model.rows


def _last(model: Opened) -> int:
    return max((number for number in model.tokens.values() if number < model.rows), default=model.rows - 1)


def _exchanged(found: CommonTokens) -> float:
    if found.first.shape != found.second.shape:
        return 0.0
    return float((row_cosines(found.first, found.second) < STRANGE).mean())
