"""Log-probabilities of chosen tokens, and their gradient at the input embeddings, for any causal model.

Logits become log-probabilities a few rows at a time: no second matrix as large as the logits is made.

Two hooks make this independent of the architecture: one puts a leaf tensor in place of the input embeddings, so that no
gradient flows into parameters; the other passes only the positions that are scored to the output layer, so that no
unused logits are computed.

Rows are padded on the right and there is no attention mask: a causal model never sees later tokens, so padding
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

from provcheck.architectures import NORMALISED_EMBEDDINGS
from provcheck.errors import BrokenModel, UnsupportedModel
from provcheck.measurement.devices import is_out_of_memory, repeatable
from provcheck.measurement.encoding import Encoded, EncodedOption
from provcheck.measurement.failures import first_line
from provcheck.measurement.loader import Loaded
from provcheck.types import Floats

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from transformers import PreTrainedModel


CHUNK = 2**22
"""Logits that are in float32 at once: 16 MiB."""


def attribute_tokens(loaded: Loaded, batch: Sequence[EncodedOption], baseline: torch.Tensor) -> Floats:
    """For each sequence (2, T) float64, flat and one after the other: inner products of each token's input embedding
    e_t, and of e_t less the baseline (d,), with the gradient of S at e_t.

    S is the sum of log P over the tokens of the option. Source: ABLE, equation 1, for the first; the second is ours.
    """
    with repeatable(loaded.device), torch.enable_grad(), embeddings_as_leaf(loaded) as leaves:
        values = logprobs(loaded, batch, [option.in_option for option in batch])
        if not values.requires_grad:
            raise UnsupportedModel(
                "the model gives no gradients: its kernels are for inference only",
                "audit the model as it was before it was quantized",
            )
        (gradient,) = torch.autograd.grad(values.sum(), leaves[:1])
    inputs, gradient = leaves[0].detach().float(), gradient.float()
    products = [(one * gradient).sum(dim=-1) for one in (inputs, inputs - baseline.to(inputs.device))]
    both = torch.stack(products, dim=1).double().cpu().numpy()
    check_finite(values.detach().cpu().numpy(), "outputs")
    check_finite(both, "gradients")
    return np.concatenate([rows[:, : len(option.ids)].ravel() for rows, option in zip(both, batch, strict=True)])


def mean_embedding(loaded: Loaded, options: Sequence[EncodedOption]) -> torch.Tensor:
    """(d,) float32: mean input embedding of all question tokens of these options, as often as they occur."""
    places = np.concatenate([option.ids[option.in_question] for option in options])
    tokens, counts = np.unique(places, return_counts=True)
    table, layer = loaded.model.get_input_embeddings(), embedding_layer(loaded.model)
    with repeatable(loaded.device), torch.inference_mode():
        _check_known(table, int(tokens.max(initial=0)))
        embedded = table(torch.from_numpy(tokens)[None].to(loaded.device))
        rows = (embedded if layer is table else layer(embedded))[0].double()
        shares = torch.from_numpy(counts / max(1, counts.sum())).to(rows.device)
        mean: torch.Tensor = (shares @ rows).float()
    return mean


def token_logprobs(loaded: Loaded, batch: Sequence[Encoded]) -> Floats:
    """Log-probabilities of all tokens but the first of each text, float64 in nats, one text after the other."""
    with repeatable(loaded.device), torch.inference_mode():
        values = logprobs(loaded, batch, list(map(all_but_the_first, batch))).double().cpu().numpy()
    check_finite(values, "outputs")
    return cast("Floats", values)


def all_but_the_first(text: Encoded) -> NDArray[np.bool_]:
    """(T,) the tokens that have a prediction."""
    return np.arange(len(text.ids)) > 0


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
    """The layer whose output is the input embedding. Raises UnsupportedModel when the model does not expose it."""
    for name, module in model.named_modules():
        if name.rpartition(".")[2] == NORMALISED_EMBEDDINGS:
            return cast("torch.nn.Module", module)
    layer = cast("torch.nn.Module | None", model.get_input_embeddings())
    if layer is None:
        raise UnsupportedModel(f"{type(model).__name__} does not tell where its input embeddings are")
    return layer


def _logits_at(loaded: Loaded, ids: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """Logits (N, vocabulary) at flat positions (N,) of the batch; on the output layer's device, not the input's."""
    here = get_ident()

    def select(_module: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        if get_ident() != here:
            return args
        hidden = args[0]
        flat = hidden.reshape(math.prod(hidden.shape[:-1]), -1)
        return (flat[positions.to(flat.device)].unsqueeze(0), *args[1:])

    layer, head = loaded.model.get_input_embeddings(), loaded.model.get_output_embeddings()
    _check_known(layer, int(ids.max()))
    with ExitStack() as hooks:
        if head is not None:
            hooks.callback(head.register_forward_pre_hook(select).remove)
        output = _forward(loaded, ids.to(loaded.device))
    if output.shape[:2] == (1, len(positions)):
        selected: torch.Tensor = output[0]
        return selected
    return output.reshape(-1, output.shape[-1])[positions.to(output.device)]


def _check_known(embeddings: torch.nn.Module, token: int) -> None:
    """Raise BrokenModel for a token without an embedding."""
    known = getattr(embeddings, "num_embeddings", None)
    if known is not None and token >= known:
        raise BrokenModel(
            f"the tokenizer makes token {token}, but the model has embeddings for {known} tokens only",
            "check that tokenizer and weights belong together",
        )


def _forward(loaded: Loaded, ids: torch.Tensor) -> torch.Tensor:
    """The logits of a pass. Raises BrokenModel where the model cannot be run, as with nonsense in its config."""
    try:
        output: torch.Tensor = loaded.model(input_ids=ids, use_cache=False).logits
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise BrokenModel(
            f"the model cannot be run: {first_line(error)}", "check that config.json fits the model"
        ) from error
    return output


def chosen_logprobs(logits: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
    """(N,) float32: log-softmax of logits (N, vocabulary) at tokens (N,), in nats; differentiable once.

    Computed in float32 whatever the dtype of the logits. The gradient is softmax minus one-hot, in the dtype of the
    logits.
    """
    return _ChosenLogprobs.apply(logits, tokens)  # type: ignore[no-any-return, no-untyped-call]


class _ChosenLogprobs(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, logits: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        normalisers = torch.empty(len(logits), dtype=torch.float32, device=logits.device)
        values = torch.empty_like(normalisers)
        for rows in _chunks(logits):
            exact = logits[rows].float()
            torch.logsumexp(exact, dim=-1, out=normalisers[rows])
            values[rows] = exact.gather(1, tokens[rows, None])[:, 0] - normalisers[rows]
        ctx.save_for_backward(logits, tokens, normalisers)
        return values

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        logits, tokens, normalisers = ctx.saved_tensors
        result = torch.empty_like(logits)
        for rows in _chunks(logits):
            factor = gradient[rows, None]
            softmax = (logits[rows].float() - normalisers[rows, None]).exp_()
            result[rows] = softmax.mul_(-factor).scatter_add_(1, tokens[rows, None], factor).to(result.dtype)
        return result, None


def _chunks(logits: torch.Tensor) -> Iterator[slice]:
    """Consecutive rows of at most CHUNK logits."""
    step = max(1, CHUNK // logits.shape[1])
    return (slice(start, start + step) for start in range(0, len(logits), step))
