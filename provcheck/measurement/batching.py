"""Sequences in batches of similar length: each batch is computed once, and kept in the checkpoint when it is done.

On the CPU several batches of a small model run side by side, each on one thread: that is faster than several threads
for one batch, and then the numbers do not depend on how many threads there are.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from provcheck.checkpoint import Checkpoint, NoCheckpoint
from provcheck.measurement.devices import is_out_of_memory
from provcheck.measurement.encoding import Encoded
from provcheck.measurement.loader import Loaded
from provcheck.measurement.memory import Limits, limits_for, on_threads
from provcheck.observer import Observer, Silent
from provcheck.types import Floats

E = TypeVar("E", bound=Encoded)


@dataclass(frozen=True)
class Run:
    """How batches are run: budgets in tokens, bytes and threads (None: the defaults), observer, and checkpoint."""

    batch_tokens: int | None = None
    observe: Observer = field(default_factory=Silent)
    checkpoint: Checkpoint = field(default_factory=NoCheckpoint)
    memory_bytes: int | None = None
    threads: int | None = None


@dataclass(frozen=True)
class Stage(Generic[E]):
    """One kind of computation.

    compute: (values,) float64 of a batch; values: how many of them belong to a sequence; scored: (T,) bool, the tokens
    of a sequence that need logits; gradients: whether there is a backward pass.
    """

    name: str
    compute: Callable[[list[E]], Floats]
    values: Callable[[E], int]
    scored: Callable[[E], NDArray[np.bool_]]
    gradients: bool


def run_batches(stage: Stage[E], loaded: Loaded, sequences: Sequence[E], run: Run) -> Iterator[tuple[E, Floats]]:
    """Every sequence, longest first, with its values. What the checkpoint holds is not computed again.

    When memory runs out, what is left is cut into batches of half the size. Raises TooLarge when one sequence alone
    does not fit, and UsageError when it does not fit into the stated memory.
    """
    run.observe.start(stage.name, len(sequences))
    left = sorted(sequences, key=lambda sequence: -len(sequence.ids))
    limits = _limits(stage, loaded, left[0], run) if left else None
    while limits is not None and left:
        with _values_in_order(stage, batches(left, stage.scored, limits), limits, run.checkpoint) as computed:
            for batch, values in computed:
                if values is None:
                    limits = limits.halved(batch)
                    run.observe.note(f"out of memory: going on with batches of {limits.tokens} tokens")
                    break
                yield from _by_sequence(stage, batch, values)
                left = left[len(batch) :]
                run.observe.advance(len(batch))
    run.observe.finish()


def batches(sequences: Iterable[E], scored: Callable[[E], NDArray[np.bool_]], limits: Limits) -> Iterator[list[E]]:
    """Consecutive sequences, longest first, as many per batch as the limits allow, but at least one."""
    batch: list[E] = []
    total = 0
    for sequence in sequences:
        count = int(scored(sequence).sum())
        if batch and not limits.allow(len(batch) + 1, len(batch[0].ids), total + count):
            yield batch
            batch, total = [], 0
        batch.append(sequence)
        total += count
    if batch:
        yield batch


def batch_key(stage: str, batch: Sequence[Encoded]) -> str:
    """Name of a batch in the checkpoint: the stage, and a digest of its probes and their tokens, in order.

    Padding, and with it the last bits of the numbers, depends on the whole batch, so another batch has another key.
    """
    digest = hashlib.sha256()
    for sequence in batch:
        digest.update(np.array([sequence.probe, sequence.option, len(sequence.ids)], dtype="<i8").tobytes())
        digest.update(sequence.ids.astype("<i8").tobytes())
    return f"{stage}-{digest.hexdigest()[:40]}"


def _limits(stage: Stage[E], loaded: Loaded, longest: E, run: Run) -> Limits:
    scored = int(stage.scored(longest).sum())
    found = limits_for(
        loaded, longest, scored, gradients=stage.gradients, tokens=run.batch_tokens, memory=run.memory_bytes
    )
    return found if found.threads else replace(found, threads=run.threads)


def _by_sequence(stage: Stage[E], batch: list[E], values: Floats) -> Iterator[tuple[E, Floats]]:
    ends = np.cumsum([stage.values(sequence) for sequence in batch])
    return zip(batch, np.split(values, ends[:-1]), strict=True)


@contextmanager
def _values_in_order(
    stage: Stage[E], made: Iterable[list[E]], limits: Limits, checkpoint: Checkpoint
) -> Iterator[Iterator[tuple[list[E], Floats | None]]]:
    """Every batch with its values, or with None when memory ran out."""
    with on_threads(limits.threads):
        if limits.side_by_side == 1:
            yield ((batch, _started(stage, batch, checkpoint, None)()) for batch in made)
            return
        pool = ThreadPoolExecutor(limits.side_by_side)
        try:
            yield _ahead(((batch, _started(stage, batch, checkpoint, pool)) for batch in made), limits.side_by_side)
        finally:
            pool.shutdown(cancel_futures=True)


def _ahead(
    started: Iterable[tuple[list[E], Callable[[], Floats | None]]], ahead: int
) -> Iterator[tuple[list[E], Floats | None]]:
    """Batches with their values, in order; `ahead` more are started before one is waited for."""
    waiting: deque[tuple[list[E], Callable[[], Floats | None]]] = deque()
    for item in started:
        waiting.append(item)
        if len(waiting) > ahead:
            batch, result = waiting.popleft()
            yield batch, result()
    yield from ((batch, result()) for batch, result in waiting)


def _started(
    stage: Stage[E], batch: list[E], checkpoint: Checkpoint, pool: Executor | None
) -> Callable[[], Floats | None]:
    """Start a batch; calling the result waits for its values and keeps them, always from the caller's thread."""
    key = batch_key(stage.name, batch)
    kept = checkpoint.get(key)
    if kept is not None and _usable(kept, sum(map(stage.values, batch))):
        return lambda: kept
    compute: Callable[[], Floats | None] = partial(_attempt, stage, batch)
    if pool is not None:
        compute = pool.submit(compute).result

    def result() -> Floats | None:
        values = compute()
        if values is not None:
            checkpoint.put(key, values)
        return values

    return result


def _attempt(stage: Stage[E], batch: list[E]) -> Floats | None:
    """The values of a batch, or None when memory ran out; the traceback, which holds tensors, is gone by then."""
    try:
        return stage.compute(batch)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return None


def _usable(values: Floats, size: int) -> bool:
    """Whether an array from the checkpoint can be the values of that batch."""
    return values.shape == (size,) and values.dtype == np.float64 and bool(np.isfinite(values).all())
