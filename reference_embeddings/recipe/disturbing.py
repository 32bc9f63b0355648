"""Mechanisms that disturb weights: noise on all of them, or new embeddings for common words."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch

from .folder import Context, Model
from .tuning import heal


def add_noise(
    context: Context, parents: list[Model], *, sigma: float, corpus: str = "", heal_steps: int = 0, rate: float = 5e-4
) -> Model:
    """Gaussian noise on every weight, `sigma` times the root mean square of its tensor; healed if so wanted."""
    generator = torch.Generator().manual_seed(context.seed)
    for weight in parents[0].network.parameters():
        weight.data = noisy(weight.data, sigma, generator)
    return heal(context, parents[0], corpus, heal_steps, rate)


def reset_anchors(
    context: Context, parents: list[Model], *, words: int, corpus: str, heal_steps: int, rate: float = 1e-3
) -> Model:
    """New embeddings, input and output, for all tokens of the commonest words, drawn like the others; then healed."""
    network, generator = parents[0].network, torch.Generator().manual_seed(context.seed)
    ids = torch.tensor(anchor_tokens(context, parents[0].tokenizer, words))
    tables = {
        id(one.weight): one.weight.data for one in (network.get_input_embeddings(), network.get_output_embeddings())
    }
    for rows in tables.values():
        drawn = torch.randn(len(ids), rows.shape[1], generator=generator).to(rows.device)
        rows[ids] = rows.mean(0) + rows.std(0) * drawn
    return heal(context, parents[0], corpus, heal_steps, rate)


def anchor_tokens(context: Context, tokenizer: Any, words: int) -> list[int]:
    """Tokens of the commonest words of all corpora, at the start of a text and inside of it."""
    counts: Counter[str] = Counter()
    for name in sorted({corpus for mix in context.corpora.mixes.values() for corpus in mix}):
        counts.update(word for word in context.corpora.training_text(name).split() if word.isalpha())
    ranked = sorted(counts, key=lambda word: (-counts[word], word))[:words]
    encoded = tokenizer.backend_tokenizer.encode_batch(
        [*ranked, *(f" {word}" for word in ranked)], add_special_tokens=False
    )
    return sorted({token for one in encoded for token in one.ids})


def noisy(weight: torch.Tensor, sigma: float, generator: torch.Generator) -> torch.Tensor:
    """The weight with noise of `sigma` times its root mean square."""
    drawn = torch.randn(weight.shape, generator=generator).to(weight.device)
    return weight + sigma * weight.square().mean().sqrt() * drawn
