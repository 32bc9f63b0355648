"""Evasions: what one would do to a model's weights to hide where they come from, with the function kept to the bit of
rounding that a rewrite costs, or tuned afterwards.

Some are the rewrites of `rewriting.py` under another name; those here are further ones.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import torch
from tokenizers import Tokenizer

from .anatomy import anatomy_of, layers_of, matrix, neurons_of, part_of, position_table, take_neurons
from .folder import Context, Model
from .rewriting import CHECK_LENGTH, REWRITES, TOLERANCE, logits, reorder_outputs, untie
from .tuning import fine_tune
from .vocabularies import wrap

VOCABULARY = "permute-vocabulary"
SHIFT = 2.0
"""Size of the constant that moves from positions to tokens, relative to the spread of the token embeddings."""


def evade(context: Context, parents: list[Model], *, kinds: list[str]) -> Model:
    """Apply the evasions one after another, and check that the logits are what they were, entry by entry.

    Raises ValueError where one does not fit the architecture, ArithmeticError where the function changed.
    """
    network, tokenizer = parents[0].network, parents[0].tokenizer
    generator = torch.Generator().manual_seed(context.seed)
    ids = torch.randint(network.config.vocab_size, (2, CHECK_LENGTH), generator=generator).to(network.device)
    before = logits(network, ids)
    moved = torch.arange(network.config.vocab_size, device=network.device)
    for kind in kinds:
        if kind == VOCABULARY:
            order = vocabulary_order(tokenizer, generator).to(network.device)
            tokenizer, moved = permute_vocabulary(network, tokenizer, order), order[moved]
        else:
            EVASIONS[kind](network, generator)
    change = float((logits(network, moved[ids])[..., moved] - before).abs().max())
    if change > TOLERANCE:
        raise ArithmeticError(f"{', '.join(kinds)} changed the logits by {change:.2g}")
    return Model(network, tokenizer, {"largest_logit_change": float(f"{change:.3g}")})


def evade_and_fine_tune(
    context: Context, parents: list[Model], *, kinds: list[str], corpus: str, steps: int, rate: float = 5e-4
) -> Model:
    """Evasions, then fine-tuning in the new form."""
    return fine_tune(context, [evade(context, parents, kinds=kinds)], corpus=corpus, steps=steps, rate=rate)


def duplicate_neurons(network: Any, generator: torch.Generator) -> None:
    """Every neuron twice, each with half of its output."""
    _duplicate(network, torch.arange)


def duplicate_some_neurons(network: Any, generator: torch.Generator) -> None:
    """Half of the neurons twice, chosen anew in each layer."""
    _duplicate(network, lambda count: torch.randperm(count, generator=generator)[: count // 2])


def reorder_heads(network: Any, generator: torch.Generator) -> None:
    """Another order of the attention heads: of keys and values, and of the queries that share one."""
    config, found = network.config, anatomy_of(network).heads
    if found is None:
        raise ValueError(f"{config.model_type}: its heads cannot change places")
    heads = config.num_attention_heads
    keys = getattr(config, "num_key_value_heads", None) or heads
    width = getattr(config, "head_dim", None) or config.hidden_size // heads
    for layer in layers_of(network):
        groups = torch.randperm(keys, generator=generator)
        queries = torch.cat([g * (heads // keys) + torch.randperm(heads // keys, generator=generator) for g in groups])
        for name, order in zip(found[0], (queries, groups, groups), strict=False):
            reorder_outputs(part_of(layer, name), _rows(order, width * anatomy_of(network).head_parts))
        target = matrix(part_of(layer, found[1]))
        target.copy_(target[..., _rows(queries, width)])


def shift_embeddings(network: Any, generator: torch.Generator) -> None:
    """A constant moved from positions to tokens; the output embeddings get a matrix of their own."""
    tokens = network.get_input_embeddings()
    table = position_table(network)
    if table is None:
        raise ValueError(f"{network.config.model_type} has no position embeddings")
    untie(network)
    constant = (
        SHIFT * tokens.weight.data.std() * torch.randn(tokens.weight.shape[1], generator=generator).to(network.device)
    )
    tokens.weight.data.add_(constant)
    table.weight.data.sub_(constant)


EVASIONS: dict[str, Callable[[Any, torch.Generator], None]] = {
    **REWRITES,
    "duplicate-neurons": duplicate_neurons,
    "duplicate-some-neurons": duplicate_some_neurons,
    "reorder-heads": reorder_heads,
    "shift-embeddings": shift_embeddings,
}
"""By kind; `permute-vocabulary`, which also makes a tokenizer, is the one kind more."""


def vocabulary_order(tokenizer: Any, generator: torch.Generator) -> torch.Tensor:
    """(V,) a new number for every entry; entries added to the vocabulary later keep theirs."""
    order = torch.arange(len(tokenizer))
    own = torch.tensor(sorted(tokenizer.backend_tokenizer.get_vocab(with_added_tokens=False).values()))
    order[own] = own[torch.randperm(len(own), generator=generator)]
    return order


def permute_vocabulary(network: Any, tokenizer: Any, order: torch.Tensor) -> Any:
    """Entry n becomes entry `order[n]`, in both embeddings and the config; returns the tokenizer that says so."""
    tokens, head = network.get_input_embeddings(), network.get_output_embeddings()
    tables = [tokens.weight, getattr(head, "bias", None), None if head.weight is tokens.weight else head.weight]
    for table in (table.data for table in tables if table is not None):
        table[order] = table.clone()
    for holder in (network.config, network.generation_config):
        for role in ("bos_token_id", "eos_token_id", "pad_token_id"):
            if getattr(holder, role, None) is not None:
                setattr(holder, role, int(order[getattr(holder, role)]))
    if tokens.padding_idx is not None:
        tokens.padding_idx = int(order[tokens.padding_idx])
    return wrap(Tokenizer.from_str(json.dumps(_renumbered(tokenizer, order.tolist()))))


def _renumbered(tokenizer: Any, order: list[int]) -> dict[str, Any]:
    """The content of tokenizer.json with other numbers: vocabulary, added entries, what stands before a text."""
    state: dict[str, Any] = json.loads(tokenizer.backend_tokenizer.to_str())
    model = state["model"]
    if isinstance(model["vocab"], dict):
        model["vocab"] = {word: order[number] for word, number in model["vocab"].items()}
    else:
        place = {new: old for old, new in enumerate(order)}
        model["vocab"] = [model["vocab"][place[number]] for number in range(len(model["vocab"]))]
        model["unk_id"] = order[model["unk_id"]]
    for entry in state["added_tokens"]:
        entry["id"] = order[entry["id"]]
    state["added_tokens"].sort(key=lambda entry: entry["id"])
    for special in (state["post_processor"] or {}).get("special_tokens", {}).values():
        special["ids"] = [order[number] for number in special["ids"]]
    return state


def _duplicate(network: Any, choose: Callable[[int], torch.Tensor]) -> None:
    out = anatomy_of(network).inner[1]
    chosen = {layer: choose(neurons_of(network, layer)) for layer in layers_of(network)}
    take_neurons(network, lambda layer: torch.cat([torch.arange(neurons_of(network, layer)), chosen[layer]]))
    for layer, twice in chosen.items():
        target = matrix(part_of(layer, out))
        count = target.shape[-1] - len(twice)
        target[..., torch.cat([twice, torch.arange(count, target.shape[-1])])] /= 2


def _rows(order: torch.Tensor, width: int) -> torch.Tensor:
    """Rows of blocks of `width` rows in another order."""
    return (order[:, None] * width + torch.arange(width)).flatten()
