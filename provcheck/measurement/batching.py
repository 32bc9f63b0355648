"""Sequences in batches of like length: each batch is computed once, and kept in the journal when it is done."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

import numpy as np

from provcheck.journal import Journal, NoJournal
from provcheck.measurement.encoding import Encoded
from provcheck.measurement.loading import Loaded
from provcheck.observer import Observer, Silent
from provcheck.types import Floats

MAX_LOGITS = 2**27
"""Logits (positions x vocabulary) in memory at once; 2^27 in float32 are half a gigabyte."""

DEFAULT_BATCH_TOKENS = {"cpu": 2048, "cuda": 16384}

E = TypeVar("E", bound=Encoded)


@dataclass(frozen=True)
class Run:
    """How batches are run: their size in tokens (None: the default), who is told, and where they are kept."""

    batch_tokens: int | None = None
    observe: Observer = field(default_factory=Silent)
    journal: Journal = field(default_factory=NoJournal)


@dataclass(frozen=True)
class Stage(Generic[E]):
    """One of the measurements: `compute` gives (values,) float64 of a batch, `values` of them for each sequence."""

    name: str
    compute: Callable[[list[E]], Floats]
    values: Callable[[E], int]


def run_batches(stage: Stage[E], loaded: Loaded, sequences: Sequence[E], run: Run) -> Iterator[tuple[E, Floats]]:
    """Every sequence, longest first, with its values. What the journal holds is not computed again."""
    run.observe.start(stage.name, len(sequences))
    for batch in batches(sequences, loaded, run.batch_tokens):
        sizes = [stage.values(sequence) for sequence in batch]
        key = batch_key(stage.name, batch)
        values = run.journal.get(key)
        if values is None or not _usable(values, sum(sizes)):
            values = stage.compute(batch)
            run.journal.put(key, values)
        yield from zip(batch, np.split(values, np.cumsum(sizes)[:-1]), strict=True)
        run.observe.advance(len(batch))
    run.observe.finish()


def batches(sequences: Sequence[E], loaded: Loaded, batch_tokens: int | None) -> Iterator[list[E]]:
    """Sequences sorted by length, as many a batch as fit the budget of tokens, padding included."""
    budget = batch_tokens or DEFAULT_BATCH_TOKENS.get(loaded.device.type, 2048)
    budget = max(1, min(budget, MAX_LOGITS // loaded.model.config.get_text_config().vocab_size))
    batch: list[E] = []
    for sequence in sorted(sequences, key=lambda s: -len(s.ids)):
        if batch and len(batch[0].ids) * (len(batch) + 1) > budget:
            yield batch
            batch = []
        batch.append(sequence)
    if batch:
        yield batch


def batch_key(stage: str, batch: Sequence[Encoded]) -> str:
    """Name of a batch in the journal: the stage, and a digest of which probes it holds, in order, as which tokens.

    Padding, and with it the last bits of the numbers, depends on who shares a batch; so another batch is another key.
    """
    digest = hashlib.sha256()
    for sequence in batch:
        digest.update(np.array([sequence.probe, sequence.option, len(sequence.ids)], dtype="<i8").tobytes())
        digest.update(sequence.ids.astype("<i8").tobytes())
    return f"{stage}-{digest.hexdigest()[:40]}"


def _usable(values: Floats, size: int) -> bool:
    """Whether an array from the journal can be what was put there."""
    return values.shape == (size,) and values.dtype == np.float64 and bool(np.isfinite(values).all())
