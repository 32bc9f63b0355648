"""Log-probabilities of chosen tokens, and their gradient at the input embeddings, for any causal model.

Two hooks make this independent of the architecture: one puts a leaf tensor in place of the input embeddings, so that no
gradient flows into parameters; the other passes only the positions that are scored to the output layer, so that no
logits are made that nobody reads.

Rows are padded on the right and there is no attention mask: a causal model never sees what comes later, so padding
cannot change the tokens before it, and the faster attention kernels take no mask.

Several threads may use one model at once: each hook looks only at the passes of the thread that set it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from threading import get_ident
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch

from provcheck.errors import BrokenModel, UnsupportedModel
from provcheck.measurement.encoding import Encoded
from provcheck.measurement.loading import Loaded
from provcheck.measurement.softmax import chosen_logprobs

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import PreTrainedModel


def logprobs(loaded: Loaded, batch: Sequence[Encoded], scored: Sequence[NDArray[np.bool_]]) -> torch.Tensor:
    """log P(token | tokens before it) in nats, float32, for the scored tokens of every sequence, one after the other.

    scored: for each sequence (T,) bool, first entry false. Differentiable when gradients are on.
    """
    width = max(len(sequence.ids) for sequence in batch)
    ids = np.zeros((len(batch), width), dtype=np.int64)
    targets = np.zeros(ids.shape, dtype=bool)
    for row, (sequence, chosen) in enumerate(zip(batch, scored, strict=True)):
        ids[row, : len(sequence.ids)] = sequence.ids
        targets[row, : len(chosen)] = chosen
    logits = _logits_at(loaded, torch.from_numpy(ids), torch.from_numpy(np.flatnonzero(targets) - 1))
    return chosen_logprobs(logits, torch.from_numpy(ids[targets]).to(logits.device))


def check_finite(values: NDArray[Any], what: str) -> None:
    """Raise BrokenModel when a value is NaN or Inf."""
    if not np.isfinite(values).all():
        raise BrokenModel(
            f"the model's {what} contain NaN or Inf",
            "try --dtype float32; if that does not help, the weights are damaged",
        )


@contextmanager
def embeddings_as_leaf(loaded: Loaded) -> Iterator[list[torch.Tensor]]:
    """Inside, every pass of this thread appends to the list its input embeddings (rows, tokens, width) as a leaf."""
    leaves: list[torch.Tensor] = []
    here = get_ident()

    def replace(_module: torch.nn.Module, _args: Any, output: torch.Tensor) -> torch.Tensor:
        if get_ident() != here:
            return output
        leaves.append(output.detach().requires_grad_())
        return leaves[-1]

    handle = embedding_layer(loaded.model).register_forward_hook(replace)
    try:
        yield leaves
    finally:
        handle.remove()


def embedding_layer(model: PreTrainedModel) -> torch.nn.Module:
    """The layer whose output is the input embedding. Raises UnsupportedModel when the model does not tell.

    A model that normalises every embedding before anything else reads it (BLOOM) does not depend on its length, so that
    the inner product with the gradient is zero but for rounding; there the normalised embedding is the input.
    """
    for name, module in model.named_modules():
        if name.rpartition(".")[2] == "word_embeddings_layernorm":
            return cast("torch.nn.Module", module)
    layer = cast("torch.nn.Module | None", model.get_input_embeddings())
    if layer is None:
        raise UnsupportedModel(f"{type(model).__name__} does not tell where its input embeddings are")
    return layer


def _logits_at(loaded: Loaded, ids: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """Logits (N, vocabulary) at flat positions (N,) of the batch; where the output layer is, not where the input is."""
    here = get_ident()

    def select(_module: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        if get_ident() != here:
            return args
        hidden = args[0]
        flat = hidden.reshape(math.prod(hidden.shape[:-1]), -1)
        return (flat[positions.to(flat.device)].unsqueeze(0), *args[1:])

    layer, head = loaded.model.get_input_embeddings(), loaded.model.get_output_embeddings()
    known = getattr(layer, "num_embeddings", None)
    if known is not None and int(ids.max()) >= known:
        raise BrokenModel(
            f"the tokenizer makes token {int(ids.max())}, but the model has embeddings for {known} tokens only",
            "check that tokenizer and weights belong together",
        )
    with ExitStack() as hooks:
        if head is not None:
            hooks.callback(head.register_forward_pre_hook(select).remove)
        output = loaded.model(input_ids=ids.to(loaded.device), use_cache=False).logits
    if output.shape[:2] == (1, len(positions)):
        selected: torch.Tensor = output[0]
        return selected
    return output.reshape(-1, output.shape[-1])[positions.to(output.device)]  # type: ignore[no-any-return]
