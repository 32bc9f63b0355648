"""Merges, tensor by tensor: of siblings (linear, SLERP and TIES), and of models that share nothing.

Task arithmetic and DARE make no model of the zoo; `changes` measures by them whether a merge's kind is named rightly.
"""

from __future__ import annotations

from collections.abc import Callable

import torch

from .folder import Context, Model
from .tuning import heal

Weights = list[torch.Tensor]


def merge(
    context: Context,
    parents: list[Model],
    *,
    method: str,
    shares: list[float] | None = None,
    base: str | None = None,
    density: float = 0.5,
) -> Model:
    """Merge models of one shape; TIES also wants the base they were tuned from."""
    share = torch.tensor(shares or [1 / len(parents)] * len(parents), device=parents[0].network.device)
    origin = context.parent(base).network.state_dict() if base else {}
    states = [parent.network.state_dict() for parent in parents]
    merged = {}
    for name, first in states[0].items():
        tensors = [state[name] for state in states]
        mix = _method(method, share, origin.get(name), density)
        merged[name] = mix(tensors) if first.is_floating_point() else first
    parents[0].network.load_state_dict(merged)
    return parents[0]


def merge_independent(
    context: Context, parents: list[Model], *, corpus: str, heal_steps: int, rate: float = 1e-3
) -> Model:
    """The mean of models of one shape with no common ancestor, which is of little use until it is healed."""
    return heal(context, merge(context, parents, method="linear"), corpus, heal_steps, rate)


def _method(
    method: str, share: torch.Tensor, origin: torch.Tensor | None, density: float
) -> Callable[[Weights], torch.Tensor]:
    if method == "linear":
        return lambda tensors: linear(tensors, share)
    if method == "slerp":
        return lambda tensors: slerp(tensors[0], tensors[1], float(share[1]))
    if method == "ties" and origin is not None:
        return lambda tensors: ties(tensors, origin, share, density)
    raise ValueError(f"no merge method {method} (ties needs a base)")


def linear(tensors: Weights, share: torch.Tensor) -> torch.Tensor:
    """The weighted mean."""
    return sum((s * t for s, t in zip(share, tensors, strict=True)), torch.zeros_like(tensors[0]))


def slerp(first: torch.Tensor, second: torch.Tensor, t: float) -> torch.Tensor:
    """Along the arc between two tensors; nearly parallel ones along the line."""
    cosine = torch.nn.functional.cosine_similarity(first.flatten(), second.flatten(), dim=0).clamp(-1, 1)
    angle = torch.arccos(cosine)
    if float(angle) < 1e-4:
        return (1 - t) * first + t * second
    return (torch.sin((1 - t) * angle) * first + torch.sin(t * angle) * second) / torch.sin(angle)


def task_arithmetic(tensors: Weights, origin: torch.Tensor, share: torch.Tensor) -> torch.Tensor:
    """Add to the base so much of each change; the shares need not sum to 1."""
    return origin + linear([tensor - origin for tensor in tensors], share)


def dare(tensors: Weights, origin: torch.Tensor, share: torch.Tensor, density: float) -> torch.Tensor:
    """Drop weights of each change at random, whatever their size, and make the others larger by as much."""
    random = torch.Generator().manual_seed(origin.numel())
    kept = [(torch.rand(origin.shape, generator=random) < density) / density for _ in tensors]
    changes = [(tensor - origin) * one for tensor, one in zip(tensors, kept, strict=True)]
    return origin + linear(changes, share)


def ties(tensors: Weights, origin: torch.Tensor, share: torch.Tensor, density: float) -> torch.Tensor:
    """Trim each change to its largest part, elect a sign for every weight, average the changes that agree with it."""
    changes = torch.stack([s * _trim(tensor - origin, density) for s, tensor in zip(share, tensors, strict=True)])
    sign = torch.sign(changes.sum(0))
    agrees = (torch.sign(changes) == sign) & (changes != 0)
    weight = (agrees * share.view(-1, *[1] * origin.dim())).sum(0)
    return origin + (changes * agrees).sum(0) / weight.clamp(min=1e-8)


def _trim(change: torch.Tensor, density: float) -> torch.Tensor:
    keep = max(1, int(density * change.numel()))
    threshold = change.abs().flatten().kthvalue(change.numel() - keep + 1).values
    return torch.where(change.abs() >= threshold, change, torch.zeros_like(change))
