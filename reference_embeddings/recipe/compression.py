"""Mechanisms that make a model cheaper: quantization round trips, magnitude pruning, dropping layers."""

from __future__ import annotations

from typing import Any

import torch

from .anatomy import arrange_layers, layers_of, linear_weights
from .folder import Context, Model
from .tuning import heal


def quantize(context: Context, parents: list[Model], *, bits: int, group: int | None = None) -> Model:
    """Round every linear weight to `bits` and back, a scale per row or per group of a row."""
    for weight in linear_weights(parents[0].network):
        weight.data = round_trip(weight.data, bits, group)
    return parents[0]


def round_trip(weight: torch.Tensor, bits: int, group: int | None) -> torch.Tensor:
    """Symmetric round to nearest; the largest magnitude of a group is the largest code."""
    size = group if group and weight.shape[-1] % group == 0 else weight.shape[-1]
    grouped = weight.reshape(*weight.shape[:-1], -1, size)
    top = 2 ** (bits - 1) - 1
    scale = grouped.abs().amax(-1, keepdim=True).clamp(min=1e-8) / top
    rounded: torch.Tensor = (grouped / scale).round().clamp(-top, top) * scale
    return rounded.reshape(weight.shape)


def prune(
    context: Context,
    parents: list[Model],
    *,
    sparsity: float,
    corpus: str = "",
    heal_steps: int = 0,
    rate: float = 5e-4,
) -> Model:
    """Zero the smallest weights of every linear layer; healing trains the others and keeps the zeros."""
    masks = {weight: _largest(weight.data, 1 - sparsity) for weight in linear_weights(parents[0].network)}
    for weight, mask in masks.items():
        weight.data.mul_(mask)
    hooks = [_hold_zeros(weight, mask) for weight, mask in masks.items()]
    healed = heal(context, parents[0], corpus, heal_steps, rate)
    for hook in hooks:
        hook.remove()
    for weight, mask in masks.items():
        weight.data.mul_(mask)
    return healed


def drop_layers(
    context: Context,
    parents: list[Model],
    *,
    layers: list[int],
    corpus: str = "",
    heal_steps: int = 0,
    rate: float = 1e-3,
) -> Model:
    """Take whole layers out, then train what is left."""
    network = parents[0].network
    arrange_layers(network, [number for number in range(len(layers_of(network))) if number not in layers])
    return heal(context, parents[0], corpus, heal_steps, rate)


def _largest(weight: torch.Tensor, share: float) -> torch.Tensor:
    keep = max(1, int(share * weight.numel()))
    threshold = weight.abs().flatten().kthvalue(weight.numel() - keep + 1).values
    return (weight.abs() >= threshold).to(weight.dtype)


def _hold_zeros(weight: torch.nn.Parameter, mask: torch.Tensor) -> Any:
    return weight.register_hook(lambda gradient: gradient * mask)  # type: ignore[no-untyped-call]
