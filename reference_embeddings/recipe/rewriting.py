"""Rewrites that change the weights and keep the function: new neuron order, new residual basis, moved factors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from .anatomy import (
    anatomy_of,
    bias_of,
    final_norm,
    layers_of,
    matrix,
    outer_norms,
    outer_tables,
    part_of,
)
from .folder import Context, Model

CHECK_LENGTH = 32
TOLERANCE = 2e-3


def rewrite(context: Context, parents: list[Model], *, kinds: list[str]) -> Model:
    """Apply the rewrites one after another, and check that the logits are what they were."""
    network, generator = parents[0].network, torch.Generator().manual_seed(context.seed)
    ids = torch.randint(network.config.vocab_size, (2, CHECK_LENGTH), generator=generator).to(network.device)
    before = logits(network, ids)
    for kind in kinds:
        REWRITES[kind](network, generator)
    change = float((logits(network, ids) - before).abs().max())
    if change > TOLERANCE:
        raise ArithmeticError(f"{', '.join(kinds)} changed the logits by {change:.2g}")
    return Model(network, parents[0].tokenizer, {"largest_logit_change": float(f"{change:.3g}")})


def permute_neurons(network: Any, generator: torch.Generator) -> None:
    """Another order of the hidden units of every feed-forward block."""
    ins, out = anatomy_of(network).inner
    for layer in layers_of(network):
        target = matrix(part_of(layer, out))
        order = torch.randperm(target.shape[-1], generator=generator)
        target.copy_(target[..., order])
        for name in ins:
            reorder_outputs(part_of(layer, name), order)


def permute_residual(network: Any, generator: torch.Generator) -> None:
    """Another order of the residual stream's channels; norms follow, so this fits every architecture."""
    width = network.get_input_embeddings().weight.shape[1]
    order = torch.randperm(width, generator=generator)
    for norm in _all_norms(network):
        for values in (norm.weight.data, bias_of(norm)):
            if values is not None:
                values.copy_(values[order])
    _change_basis(network, torch.eye(width)[order].T)


def fold_norms(network: Any, generator: torch.Generator | None = None) -> None:
    """Move the factors (and shifts) of the norms inside the layers into the maps that read them."""
    for layer in layers_of(network):
        for name, readers in anatomy_of(network).readers.items():
            norm = part_of(layer, name)
            for reader in readers:
                _absorb(part_of(layer, reader), norm, _is_gemma(network))
            _clear(norm, _is_gemma(network))


def rotate_residual(network: Any, generator: torch.Generator) -> None:
    """A random orthogonal basis for the residual stream; for RMSNorm, with all norms folded and embeddings untied."""
    if not anatomy_of(network).rms:
        raise ValueError(f"{network.config.model_type} has no RMSNorm, a rotation would change it")
    fold_norms(network)
    untie(network)
    norm = final_norm(network)
    _absorb(network.get_output_embeddings(), norm, _is_gemma(network))
    _clear(norm, _is_gemma(network))
    width = network.get_input_embeddings().weight.shape[1]
    noise = torch.randn(width, width, generator=generator, dtype=torch.float64)
    _change_basis(network, torch.linalg.qr(noise).Q.float())


def rescale_neurons(network: Any, generator: torch.Generator) -> None:
    """A factor on each hidden unit before the linear (or ReLU) step, and its inverse after it."""
    anatomy = anatomy_of(network)
    if not anatomy.scalable:
        raise ValueError(f"{network.config.model_type}: its feed-forward block cannot be rescaled")
    for layer in layers_of(network):
        target = matrix(part_of(layer, anatomy.inner[1]))
        factor = _factors(target.shape[-1], generator).to(target.device)
        _scale_outputs(part_of(layer, anatomy.scalable), factor)
        target.div_(factor)


def rescale_values(network: Any, generator: torch.Generator) -> None:
    """A factor on each value channel of attention, and its inverse on the output map that reads it."""
    names = anatomy_of(network).value
    if names is None:
        raise ValueError(f"{network.config.model_type}: its values are fused with queries and keys")
    for layer in layers_of(network):
        value, out = (part_of(layer, name) for name in names)
        heads = getattr(network.config, "num_key_value_heads", None) or network.config.num_attention_heads
        factor = _factors(matrix(value).shape[0], generator).to(matrix(value).device)
        _scale_outputs(value, factor)
        shared = network.config.num_attention_heads // heads
        matrix(out).div_(factor.view(heads, -1).repeat_interleave(shared, dim=0).flatten())


REWRITES: dict[str, Callable[[Any, torch.Generator], None]] = {
    "permute-neurons": permute_neurons,
    "permute-residual": permute_residual,
    "fold-norms": fold_norms,
    "rotate-residual": rotate_residual,
    "rescale-neurons": rescale_neurons,
    "rescale-values": rescale_values,
}


def _change_basis(network: Any, basis: torch.Tensor) -> None:
    """Residual x becomes x @ basis; right for orthogonal bases that the norms do not see."""
    basis = basis.to(network.device)
    for table in outer_tables(network):
        table.copy_(table @ basis)
    anatomy = anatomy_of(network)
    for layer in layers_of(network):
        for name in (name for readers in anatomy.readers.values() for name in readers):
            weight = matrix(part_of(layer, name))
            weight.copy_(weight @ basis)
        for name in anatomy.writers:
            weight, bias = matrix(part_of(layer, name)), bias_of(part_of(layer, name))
            weight.copy_(basis.T @ weight)
            if bias is not None:
                bias.copy_(bias @ basis)


def _all_norms(network: Any) -> list[Any]:
    inside = [part_of(layer, name) for layer in layers_of(network) for name in anatomy_of(network).readers]
    return inside + outer_norms(network)


def _absorb(reader: Any, norm: Any, gemma: bool) -> None:
    weight, shift, bias = matrix(reader), bias_of(norm), bias_of(reader)
    if shift is not None:
        if bias is None:
            raise ValueError("a norm with a shift is read by a map without a bias")
        bias.add_(weight @ shift)
    weight.mul_(norm.weight.data + 1 if gemma else norm.weight.data)


def _clear(norm: Any, gemma: bool) -> None:
    norm.weight.data.fill_(0.0 if gemma else 1.0)
    shift = bias_of(norm)
    if shift is not None:
        shift.zero_()


def untie(network: Any) -> None:
    head = network.get_output_embeddings()
    if head.weight is not network.get_input_embeddings().weight:
        return
    head.weight = torch.nn.Parameter(network.get_input_embeddings().weight.detach().clone())
    network.config.tie_word_embeddings = False


def reorder_outputs(part: Any, order: torch.Tensor) -> None:
    weight, bias = matrix(part), bias_of(part)
    halves = weight.shape[-2] // len(order)
    full = torch.cat([order + half * len(order) for half in range(halves)])
    weight.copy_(weight[..., full, :])
    if bias is not None:
        bias.copy_(bias[full])


def _scale_outputs(part: Any, factor: torch.Tensor) -> None:
    """The last outputs, of a part that may hold others before them."""
    matrix(part)[..., -len(factor) :, :].mul_(factor[:, None])
    bias = bias_of(part)
    if bias is not None:
        bias[-len(factor) :].mul_(factor)


def _factors(count: int, generator: torch.Generator) -> torch.Tensor:
    """Between 1/3 and 3, as likely large as small."""
    return torch.exp(torch.empty(count).uniform_(-1.1, 1.1, generator=generator))


def _is_gemma(network: Any) -> bool:
    """Gemma's norms multiply by one plus their weight."""
    return bool(network.config.model_type == "gemma")


def logits(network: Any, ids: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        found: torch.Tensor = network(input_ids=ids).logits
    return found
