"""How much memory a batch needs."""

from __future__ import annotations

import gc
from dataclasses import dataclass

import numpy as np
import torch

from provcheck.measurement.encoding import Encoded
from provcheck.measurement.loading import Loaded
from provcheck.measurement.scoring import embeddings_as_leaf, logprobs
from provcheck.measurement.softmax import CHUNK

COPIES_OF_LAYER = 3
"""What a pass holds at once of one layer, beside what autograd keeps of all layers."""

COPIES_OF_LOGITS = {False: 2, True: 4}
"""Without and with gradients: some models cap or cast their logits, and the gradient is as large again."""

WIDTHS = 32, 96
"""Tokens of the two short passes that a footprint is counted on."""


@dataclass(frozen=True)
class Footprint:
    """Bytes that a batch needs beside the weights: `token` for each token, padding included, `square` for each token
    and column of the batch (attention), `logits` for each scored token."""

    token: float
    square: float
    logits: float

    def batch(self, rows: int, width: int, scored: int) -> int:
        """Bytes for a batch of that shape."""
        tokens = rows * width
        softmax = min(self.logits * scored, 16 * CHUNK)  # a few chunks in float32
        return int(tokens * self.token + tokens * width * self.square + scored * self.logits + softmax)


def footprint(loaded: Loaded, example: Encoded, *, gradients: bool) -> Footprint:
    """Count on two short passes of the model what autograd keeps, which every architecture decides for itself.

    Without gradients one layer is in memory at a time, with them all are.
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
    """Bytes that autograd keeps of a pass over two rows, weights apart."""
    state = [*loaded.model.parameters(), *loaded.model.buffers()]
    weights = {tensor.untyped_storage().data_ptr() for tensor in state}
    kept: dict[int, torch.Tensor] = {}

    def keep(tensor: torch.Tensor) -> None:
        kept[tensor.untyped_storage().data_ptr()] = tensor.detach()  # its address must not be used again

    row = Encoded(example.ids[:width], example.spans[:width], example.special[:width], 0)
    with (
        torch.enable_grad(),
        embeddings_as_leaf(loaded),
        torch.autograd.graph.saved_tensors_hooks(keep, lambda nothing: nothing),  # there is no backward pass
    ):
        logprobs(loaded, [row, row], [np.arange(width) == width - 1] * 2)
    return sum(tensor.untyped_storage().nbytes() for place, tensor in kept.items() if place not in weights)


def release() -> None:
    """Give back what a failed batch left behind."""
    gc.collect(1)
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
