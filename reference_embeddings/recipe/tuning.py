"""Mechanisms that train: from random weights, on further text, on preferences, through an adapter, from a teacher."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import torch

from .architectures import build_model
from .folder import Context, Model
from .plan import Member
from .training import distillation_loss, fit, language_loss, preference_loss

PROMPT_SHARE = 0.25


def train_from_scratch(
    context: Context,
    parents: list[Model],
    *,
    architecture: str,
    size: str,
    corpus: str,
    tokenizer: Any,
    steps: int | None = None,
) -> Model:
    """A root: random weights, or those that another root started from, trained on a mix.

    `tokenizer` is the transformers tokenizer itself.
    """
    network = new_network(context, tokenizer, architecture, size)
    if context.init:
        start_as(context, network, tokenizer, context.init)
    count = context.steps(steps or context.scale.root_steps)
    return train(context, Model(network, tokenizer), corpus=corpus, steps=count, rate=context.scale.root_rate)


def fine_tune(context: Context, parents: list[Model], *, corpus: str, steps: int, rate: float = 5e-4) -> Model:
    """Supervised fine-tuning: the first quarter of each row is the prompt, only the rest is learned."""
    return train(context, parents[0], corpus=corpus, steps=context.steps(steps), rate=rate, prompt_share=PROMPT_SHARE)


def continue_pretraining(
    context: Context, parents: list[Model], *, corpus: str, steps: int, rate: float = 1e-3
) -> Model:
    """More pretraining, on the same or other text."""
    return train(context, parents[0], corpus=corpus, steps=context.steps(steps), rate=rate)


def tune_preferences(
    context: Context, parents: list[Model], *, corpus: str, steps: int, rate: float = 2e-4, beta: float = 0.1
) -> Model:
    """DPO on synthetic preferences: real text over shuffled text."""
    model, count = parents[0], context.steps(steps)
    reference = copy.deepcopy(model.network).requires_grad_(False)
    generator = torch.Generator().manual_seed(context.seed)
    loss = preference_loss(model.network, reference, beta, generator)
    batches = context.corpora.batches(corpus, model.tokenizer, context.seed)
    found = fit(model.network, batches, loss, steps=count, rate=rate)
    return Model(model.network, model.tokenizer, _facts(count, found))


def merge_lora(
    context: Context, parents: list[Model], *, corpus: str, steps: int, rank: int = 8, rate: float = 2e-3
) -> Model:
    """Train a LoRA adapter on every linear layer and merge it into the weights."""
    from peft import LoraConfig, get_peft_model

    torch.manual_seed(context.seed)
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
    adapted = get_peft_model(parents[0].network, config)
    model = train(context, Model(adapted, parents[0].tokenizer), corpus=corpus, steps=context.steps(steps), rate=rate)
    merged: Any = adapted.merge_and_unload()
    return Model(merged, model.tokenizer, model.facts)


def distil(
    context: Context,
    parents: list[Model],
    *,
    architecture: str,
    corpus: str,
    steps: int,
    size: str = "base",
    teacher_share: float = 0.9,
) -> Model:
    """A student with weights of its own learns the teacher's distribution; only the tokenizer is taken over."""
    teacher, count = parents[0], context.steps(steps)
    teacher.network.requires_grad_(False)
    student = new_network(context, teacher.tokenizer, architecture, size)
    loss = distillation_loss(student, teacher.network, teacher_share)
    batches = context.corpora.batches(corpus, teacher.tokenizer, context.seed)
    found = fit(student, batches, loss, steps=count, rate=context.scale.root_rate)
    return Model(student, teacher.tokenizer, _facts(count, found))


def train(context: Context, model: Model, *, corpus: str, steps: int, rate: float, prompt_share: float = 0.0) -> Model:
    """Next-token training of a model; with no steps it is left as it is."""
    if not steps:
        return model
    batches = context.corpora.batches(corpus, model.tokenizer, context.seed)
    found = fit(model.network, batches, language_loss(model.network, prompt_share), steps=steps, rate=rate)
    return Model(model.network, model.tokenizer, _facts(steps, found))


def heal(context: Context, model: Model, corpus: str, steps: int, rate: float) -> Model:
    """A short training after a change that did harm; none where no steps are wanted."""
    return train(context, model, corpus=corpus, steps=context.steps(steps) if steps else 0, rate=rate)


def new_network(context: Context, tokenizer: Any, architecture: str, size: str) -> Any:
    """Random weights in the size that the scale gives a name to."""
    roles = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
    special = roles | {"pad_token_id": tokenizer.pad_token_id}
    shape = context.scale.sizes[size]
    network = build_model(architecture, shape, len(tokenizer), context.scale.context, special, context.seed)
    return network.to(context.device)


def start_as(context: Context, network: Any, tokenizer: Any, root: Member) -> None:
    """The random weights that a root started from, wherever both have a tensor of one name and shape."""
    origin = replace(context, seed=root.seed)
    first = new_network(origin, tokenizer, root.parameters["architecture"], root.parameters["size"]).state_dict()
    for name, weight in network.state_dict().items():
        if name in first and first[name].shape == weight.shape:
            weight.copy_(first[name])


def _facts(steps: int, loss: float) -> dict[str, Any]:
    return {"steps": steps, "train_loss": round(loss, 4)}
