"""Log-probability of one token per row of logits, a few rows at a time: no second matrix as large as the logits."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch

CHUNK = 2**22
"""Logits that are in float32 at once: 16 MiB."""


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
