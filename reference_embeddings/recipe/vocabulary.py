"""Mechanisms that change the vocabulary: more entries, or another tokenizer altogether."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch

from .folder import Context, Model
from .tuning import train


def extend_vocabulary(
    context: Context, parents: list[Model], *, corpus: str, entries: int, steps: int, rate: float = 5e-4
) -> Model:
    """Add the commonest long words of a mix; a new row starts as the mean of the pieces the word had before."""
    model = parents[0]
    words = _common_words(context, corpus, model.tokenizer, entries)
    pieces = [model.tokenizer(word, add_special_tokens=False)["input_ids"] for word in words]
    model.tokenizer.add_tokens(words)
    rows = model.network.get_input_embeddings().weight.detach().clone()
    means = torch.stack([rows[torch.tensor(ids)].mean(0) for ids in pieces])
    _set_rows(model.network, torch.cat([rows, means]))
    return train(context, model, corpus=corpus, steps=context.steps(steps), rate=rate)


def swap_tokenizer(
    context: Context,
    parents: list[Model],
    *,
    tokenizer: Any,
    corpus: str,
    steps: int,
    keep_shared: bool = True,
    rate: float = 1e-3,
) -> Model:
    """Another tokenizer: rows of entries both know may be kept, all others start anew; then training."""
    network, old = parents[0].network, parents[0].tokenizer.get_vocab()
    rows = network.get_input_embeddings().weight.detach()
    generator = torch.Generator().manual_seed(context.seed)
    fresh = torch.randn(len(tokenizer), rows.shape[1], generator=generator).to(rows.device) * rows.std()
    for word, number in tokenizer.get_vocab().items():
        if keep_shared and word in old:
            fresh[number] = rows[old[word]]
    _set_rows(network, fresh)
    roles = ("bos_token_id", "eos_token_id", "pad_token_id")
    for holder in (network.config, network.generation_config):
        for role in roles:
            setattr(holder, role, getattr(tokenizer, role))
    return train(context, Model(network, tokenizer), corpus=corpus, steps=context.steps(steps), rate=rate)


def _set_rows(network: Any, rows: torch.Tensor) -> None:
    network.config.pad_token_id = None
    network.resize_token_embeddings(len(rows), mean_resizing=False)
    network.get_input_embeddings().weight.data.copy_(rows)
    network.tie_weights()


def _common_words(context: Context, corpus: str, tokenizer: Any, count: int) -> list[str]:
    counts: Counter[str] = Counter()
    for name in context.corpora.mixes[corpus]:
        counts.update(word for word in context.corpora.training_text(name).split() if len(word) > 4 and word.isalpha())
    ranked = sorted(counts, key=lambda word: (-counts[word], word))
    known = tokenizer.get_vocab()
    return [word for word in ranked if word not in known][:count]
