"""How much memory a batch needs, how large it may be, and how many may run side by side."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch

from provcheck.errors import TooLarge, UsageError
from provcheck.measurement.devices import free_bytes, is_out_of_memory
from provcheck.measurement.encoding import Encoded
from provcheck.measurement.loader import Loaded
from provcheck.measurement.scoring import CHUNK, embeddings_as_leaf, logprobs

DEFAULT_TOKENS = {"cpu": 2048, "cuda": 16384}

SMALL_MODEL_BYTES = 2**28
"""Weights of a model whose batches run side by side on the CPU; larger ones keep all threads busy by themselves."""

MAX_SIDE_BY_SIDE = 8
"""More threads would wait for Python's interpreter lock."""

COPIES_OF_LAYER = 3
"""Copies of one layer's activations that a pass holds at once, besides what autograd keeps of all layers."""

COPIES_OF_LOGITS = {False: 2, True: 4}
"""Without and with gradients: some models cap or cast their logits, and the gradient is as large again."""

WIDTHS = 32, 96
"""Tokens of the two short passes that a footprint is measured on."""


@dataclass(frozen=True)
class Footprint:
    """Bytes that a batch needs on top of the weights: `token` for each token, padding included, `square` for each token
    and column of the batch (attention), `logits` for each scored token."""

    token: float
    square: float
    logits: float

    def batch(self, rows: int, width: int, scored: int) -> int:
        """Bytes for a batch of that shape."""
        tokens = rows * width
        softmax = min(self.logits * scored, 16 * CHUNK)  # a few chunks in float32
        return int(tokens * self.token + tokens * width * self.square + scored * self.logits + softmax)


@dataclass(frozen=True)
class Limits:
    """Limits of one batch: `tokens` (padding included) and `memory` (bytes, for all that run side by side).

    threads: processor threads of each; None: all.
    """

    tokens: int
    memory: int
    side_by_side: int
    footprint: Footprint
    threads: int | None = None

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
    """Limits for a stage whose longest sequence has that many scored tokens; `tokens` and `memory` as set by the user.

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
    small = loaded.device.type == "cpu" and loaded.bytes <= SMALL_MODEL_BYTES
    at_once = min(torch.get_num_threads() if small else 1, MAX_SIDE_BY_SIDE, memory // max(1, needed))
    tokens = tokens or DEFAULT_TOKENS.get(loaded.device.type, 2048)
    return Limits(tokens, memory, max(1, at_once), each, threads=1 if small else None)


@contextmanager
def on_threads(number: int | None) -> Iterator[None]:
    """Inside, torch uses that many threads of the processor for one operation; None: as many as before."""
    before = torch.get_num_threads()
    torch.set_num_threads(number or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def free_of(loaded: Loaded) -> int:
    """Memory for batches on the model's devices; if it is spread over several, each holds an equal share of a batch."""
    return min(map(free_bytes, loaded.devices)) * len(loaded.devices)


def mib(size: int) -> str:
    """A size as `--memory` takes it, rounded up."""
    return f"{-(-size // 2**20)}MiB"


def footprint(loaded: Loaded, example: Encoded, *, gradients: bool) -> Footprint:
    """Measure on two short passes what autograd keeps, which depends on the architecture.

    Without gradients one layer's activations are in memory at a time, with gradients those of all layers.
    """
    config = loaded.model.config.get_text_config()
    layers = max(1, getattr(config, "num_hidden_layers", None) or 1)
    short, long = (min(width, len(example.ids)) for width in WIDTHS)
    kept = [kept_bytes(loaded, example, width) / (2 * width) for width in (short, long)]
    square = max(0.0, (kept[1] - kept[0]) / max(1, long - short))
    token = max(kept) - long * square
    share = COPIES_OF_LAYER / layers + (1 if gradients else 0)
    logits = COPIES_OF_LOGITS[gradients] * config.vocab_size * loaded.dtype.itemsize
    return Footprint(token * share, square * share, logits)


def kept_bytes(loaded: Loaded, example: Encoded, width: int) -> int:
    """Bytes that autograd keeps of a pass over two rows, excluding the weights."""
    state = [*loaded.model.parameters(), *loaded.model.buffers()]
    weights = {tensor.untyped_storage().data_ptr() for tensor in state}
    kept: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> None:
        kept[tensor.untyped_storage().data_ptr()] = tensor.detach()  # keeps its address from being reused

    row = Encoded(example.ids[:width], example.spans[:width], example.special[:width], 0)
    with (
        torch.enable_grad(),
        embeddings_as_leaf(loaded),
        torch.autograd.graph.saved_tensors_hooks(keep, lambda nothing: nothing),  # there is no backward pass
    ):
        logprobs(loaded, [row, row], [np.arange(width) == width - 1] * 2)
    return sum(tensor.untyped_storage().nbytes() for place, tensor in kept.items() if place not in weights)


def release() -> None:
    """Free the memory that a failed batch left behind."""
    gc.collect(1)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


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
