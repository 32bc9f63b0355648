"""Mechanisms that change a network's shape: repeated layers, fewer neurons and channels, experts made of one block."""

from __future__ import annotations

import copy
from typing import Any

import torch

from .anatomy import anatomy_of, arrange_layers, layers_of, matrix, neurons_of, outer_tables, part_of, take_neurons
from .disturbing import noisy
from .folder import Context, Model
from .tuning import heal

EXPERTS = 4
ALIGNED = 4
"""Experts are multiplied in one call, which takes rows of whole 16 bytes: four float32 numbers."""

CARRIED = (
    *("vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "head_dim"),
    *("num_key_value_heads", "max_position_embeddings", "rms_norm_eps", "rope_parameters", "hidden_act", "use_cache"),
    *("bos_token_id", "eos_token_id", "pad_token_id", "tie_word_embeddings"),
)
"""What a mixtral takes over from the config of a llama or mistral."""


def repeat_layers(
    context: Context, parents: list[Model], *, layers: list[int], corpus: str, heal_steps: int, rate: float = 1e-3
) -> Model:
    """Depth up-scaling: the layers in the order given, some of them more than once, then trained a little."""
    arrange_layers(parents[0].network, layers)
    return heal(context, parents[0], corpus, heal_steps, rate)


def narrow(
    context: Context,
    parents: list[Model],
    *,
    neurons: float,
    corpus: str,
    heal_steps: int,
    channels: int = 0,
    rate: float = 1e-3,
) -> Model:
    """Width pruning: a share of the neurons and a number of residual channels, those of least norm, are dropped."""
    network = parents[0].network
    step = ALIGNED if hasattr(network.config, "num_local_experts") else 1
    take_neurons(network, lambda layer: _strongest(neuron_norms(network, layer), neurons, step))
    if channels:
        norms = channel_norms(network)
        network = take_channels(network, _strongest(norms, channels / len(norms)))
    return heal(context, Model(network, parents[0].tokenizer), corpus, heal_steps, rate)


def make_experts(
    context: Context, parents: list[Model], *, noise: float, corpus: str, heal_steps: int, rate: float = 5e-4
) -> Model:
    """A mixtral of a llama or mistral: every expert a noisy copy of the feed-forward block, under a random router."""
    from transformers import AutoModelForCausalLM, MixtralConfig

    dense, generator = parents[0].network, torch.Generator().manual_seed(context.seed)
    carried = {name: getattr(dense.config, name) for name in CARRIED}
    torch.manual_seed(context.seed)
    network = AutoModelForCausalLM.from_config(
        MixtralConfig(**carried, num_local_experts=EXPERTS, num_experts_per_tok=2, sliding_window=None),
        dtype=torch.float32,
    ).to(dense.device)
    network.load_state_dict(dense.state_dict(), strict=False)
    for layer, block in zip(layers_of(network), layers_of(dense), strict=True):
        _fill(part_of(layer, "mlp.experts"), part_of(block, "mlp"), noise, generator)
    return heal(context, Model(network, parents[0].tokenizer), corpus, heal_steps, rate)


def neuron_norms(network: Any, layer: Any) -> torch.Tensor:
    """(n,) norm of what each neuron reads times that of what it writes, over all experts together."""
    ins, out = anatomy_of(network).inner
    written, count = matrix(part_of(layer, out)), neurons_of(network, layer)
    squares = [matrix(part_of(layer, name)).square().sum(-1).reshape(-1, count).sum(0) for name in ins]
    return (torch.stack(squares).sum(0) * written.square().sum(-2).reshape(-1, count).sum(0)).sqrt()


def channel_norms(network: Any) -> torch.Tensor:
    """(d,) norm of all that is written to each channel of the residual stream: embeddings and every layer's outputs."""
    width = network.config.hidden_size
    tables = [table.square().sum(0) for table in outer_tables(network)]
    parts = [part_of(layer, name) for layer in layers_of(network) for name in anatomy_of(network).writers]
    written = [matrix(part).square().sum(-1).reshape(-1, width).sum(0) for part in parts]
    return torch.stack(tables + written).sum(0).sqrt()


def take_channels(network: Any, kept: torch.Tensor) -> Any:
    """A network with only these residual channels; heads keep their size.

    Raises ValueError where the config cannot say so.
    """
    from transformers import AutoModelForCausalLM

    config = copy.deepcopy(network.config)
    if not hasattr(config, "head_dim"):
        raise ValueError(f"{config.model_type}: its heads are as wide as its residual stream allows")
    config.head_dim = config.head_dim or config.hidden_size // config.num_attention_heads
    config.hidden_size = len(kept)
    made = AutoModelForCausalLM.from_config(config, dtype=torch.float32).to(network.device)
    old = network.state_dict()
    made.load_state_dict({name: _cut(old[name], weight.shape, kept) for name, weight in made.state_dict().items()})
    return made


def _cut(weight: torch.Tensor, shape: torch.Size, kept: torch.Tensor) -> torch.Tensor:
    for dimension, size in enumerate(shape):
        if weight.shape[dimension] != size:
            weight = weight.index_select(dimension, kept)
    return weight


def _strongest(norms: torch.Tensor, dropped: float, step: int = 1) -> torch.Tensor:
    """Indexes, in order, of all but the share with the least norm, rounded to a multiple of the step."""
    count = step * round(dropped * len(norms) / step)
    return norms.argsort(stable=True)[count:].sort().values


def _fill(experts: Any, block: Any, noise: float, generator: torch.Generator) -> None:
    both = torch.cat([block.gate_proj.weight.data, block.up_proj.weight.data])
    for expert in range(EXPERTS):
        experts.gate_up_proj.data[expert] = noisy(both, noise, generator)
        experts.down_proj.data[expert] = noisy(block.down_proj.weight.data, noise, generator)
