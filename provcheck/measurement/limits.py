"""How large a batch may be, and how many batches may run side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from provcheck.errors import TooLarge, UsageError
from provcheck.measurement.devices import free_bytes, is_out_of_memory
from provcheck.measurement.encoding import Encoded
from provcheck.measurement.loading import Loaded
from provcheck.measurement.memory import Footprint, footprint, release

DEFAULT_TOKENS = {"cpu": 2048, "cuda": 16384}

SMALL_MODEL_BYTES = 2**28
"""Weights of a model whose batches run side by side on the CPU; larger ones keep all threads busy by themselves."""

MAX_SIDE_BY_SIDE = 8
"""More threads would wait for Python."""


@dataclass(frozen=True)
class Limits:
    """Of one batch: `tokens` (padding included) and `memory` (bytes, for all that run side by side)."""

    tokens: int
    memory: int
    side_by_side: int
    footprint: Footprint

    def allow(self, rows: int, width: int, scored: int) -> bool:
        """Whether a batch of that shape is within the limits."""
        needed = self.footprint.batch(rows, width, scored) * self.side_by_side
        return rows * width <= self.tokens and needed <= self.memory

    def halved(self, batch: Sequence[Encoded]) -> Limits:
        """Limits after that batch did not fit. Raises TooLarge when there is nothing left to halve."""
        release()
        width = len(batch[0].ids)
        if len(batch) == 1 and self.side_by_side == 1:
            raise _too_large(width)
        return replace(self, tokens=max(1, len(batch) * width // 2), side_by_side=1)


def limits_for(
    loaded: Loaded, longest: Encoded, scored: int, *, gradients: bool, tokens: int | None, memory: int | None
) -> Limits:
    """Limits for a stage whose longest sequence has that many scored tokens; `tokens` and `memory` as the user states.

    Raises TooLarge when not even a short pass fits, and UsageError when the stated memory is too little.
    """
    each = _footprint(loaded, longest, gradients=gradients)
    needed = each.batch(1, len(longest.ids), scored)
    if memory is not None and needed > memory:
        raise UsageError(
            f"the longest probe needs about {mib(needed)} beside the weights, more than the {mib(memory)} allowed",
            f"use --memory {mib(needed)} or more",
        )
    memory = free_of(loaded) if memory is None else memory
    threads = torch.get_num_threads() if loaded.device.type == "cpu" and loaded.bytes <= SMALL_MODEL_BYTES else 1
    side_by_side = max(1, min(threads, MAX_SIDE_BY_SIDE, memory // max(1, needed)))
    return Limits(tokens or DEFAULT_TOKENS.get(loaded.device.type, 2048), memory, side_by_side, each)


def free_of(loaded: Loaded) -> int:
    """Memory for batches on the model's devices; when it is spread over several, each holds a like share of a batch."""
    return min(map(free_bytes, loaded.devices)) * len(loaded.devices)


def mib(size: int) -> str:
    """A size as `--memory` takes it, rounded up."""
    return f"{-(-size // 2**20)}MiB"


def _footprint(loaded: Loaded, longest: Encoded, *, gradients: bool) -> Footprint:
    try:
        return footprint(loaded, longest, gradients=gradients)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
    raise _too_large(len(longest.ids))


def _too_large(width: int) -> TooLarge:
    return TooLarge(
        f"not enough memory to measure one sequence of {width} tokens",
        "use a machine or GPU with more memory, close other programs, or try --dtype bfloat16",
    )
