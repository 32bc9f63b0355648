"""Attacks on the weights. Each loads the folder in float32, changes the network, and writes it back in float32."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from reference_embeddings.recipe.anatomy import (
    ANATOMIES,
    anatomy_of,
    bias_of,
    final_norm,
    layers_of,
    matrix,
    neurons_of,
    part_of,
    position_table,
    take_neurons,
)
from reference_embeddings.recipe.evading import EVASIONS
from reference_embeddings.recipe.folder import load_model
from reference_embeddings.recipe.rewriting import untie

from .attack import SEED, DoesNotApply

MEAN_ROWS = 10.0
"""Size of the constant that moves away from the tokens, in mean rows of their embeddings."""
OFFSET = 1000.0
"""Size of the constant along all dimensions, in standard deviations of the token embeddings."""
LOUDER = 1.5
"""How loud a decoy reads and writes, relative to the loudest neuron."""
NOISE, EMBEDDING_NOISE = 0.3, 1.0
"""Standard deviations of what the noise is added to."""

Change = Callable[[Any, torch.Generator], None]


def on_network(*changes: Change) -> Callable[[Path], None]:
    """An attack on a folder that applies these changes to its network, one after another."""

    def change(folder: Path) -> None:
        network = load_model(folder).network.requires_grad_(False)
        generator = torch.Generator().manual_seed(SEED)
        if network.config.model_type not in ANATOMIES:
            raise DoesNotApply(f"the parts of {network.config.model_type} are not known")
        if network.get_input_embeddings().weight.shape[1] != network.config.hidden_size:
            raise DoesNotApply("its token embeddings are not as wide as the residual stream")
        for one in changes:
            network = one(network, generator) or network
        replace_weights(folder, network)

    return change


def evasion(*kinds: str) -> Callable[[Path], None]:
    """Evasions of the zoo's recipe, those of the kinds that fit the architecture; at least one must."""

    def apply(network: Any, generator: torch.Generator) -> None:
        faults = []
        for kind in kinds:
            try:
                EVASIONS[kind](network, generator)
            except ValueError as fault:
                faults.append(str(fault))
        if len(faults) == len(kinds):
            raise DoesNotApply(faults[0])

    return on_network(apply)


def move_constant(network: Any, _: torch.Generator) -> None:
    """Ten mean rows added to every token embedding, and taken from every position embedding."""
    tokens = network.get_input_embeddings()
    table = position_table(network)
    if table is None:
        raise DoesNotApply(f"{network.config.model_type} has no position embeddings")
    untie(network)
    constant = MEAN_ROWS * tokens.weight.mean(0)
    tokens.weight.add_(constant)
    table.weight.sub_(constant)


def move_constant_by_a_layer(network: Any, _: torch.Generator) -> Any:
    """Ten mean rows added to every token embedding, and taken off by the bias of a first layer that does nothing else.

    Only llama's config has such biases. Returns the network of one layer more.
    """
    from transformers import AutoModelForCausalLM

    if network.config.model_type != "llama":
        raise DoesNotApply(f"{network.config.model_type}: written for llama, whose config can add biases")
    untie(network)
    config = type(network.config).from_dict(network.config.to_dict())
    config.num_hidden_layers, config.attention_bias, config.use_cache = config.num_hidden_layers + 1, True, False
    deeper = AutoModelForCausalLM.from_config(config).float().eval().requires_grad_(False)
    first, rest = deeper.model.layers[0], deeper.model.layers[1:]
    for name, value in deeper.named_parameters():
        if name.endswith("bias") or name.startswith("model.layers.0."):
            value.zero_()
    for old, new in zip(network.model.layers, rest, strict=True):
        new.load_state_dict(old.state_dict(), strict=False)
    for name in ("embed_tokens", "norm"):
        getattr(deeper.model, name).load_state_dict(getattr(network.model, name).state_dict())
    deeper.lm_head.load_state_dict(network.lm_head.state_dict())
    constant = MEAN_ROWS * deeper.model.embed_tokens.weight.mean(0)
    deeper.model.embed_tokens.weight.add_(constant)
    first.self_attn.o_proj.bias.sub_(constant)
    return deeper


def add_decoys(network: Any, generator: torch.Generator) -> None:
    """As many neurons again, the loudest of all, whose gates are shut: they do nothing, and look like everything."""
    names, out = _gated(network)
    take_neurons(network, lambda layer: torch.arange(2 * neurons_of(network, layer)) % neurons_of(network, layer))
    for layer in layers_of(network):
        gate, up, down = (matrix(part_of(layer, name)) for name in (*names, out))
        count = len(up) // 2
        for rows in (up, down.T):
            loudest = LOUDER * rows[:count].norm(dim=1).max()
            noise = torch.randn(count, rows.shape[1], generator=generator)
            rows[count:] = loudest * noise / noise.norm(dim=1, keepdim=True)
        gate[count:] = 0


def flip_signs(network: Any, _: torch.Generator) -> None:
    """Every neuron reads and writes the opposite; behind a gate that changes nothing."""
    names, out = _gated(network)
    for layer in layers_of(network):
        for name in (names[-1], out):
            matrix(part_of(layer, name)).neg_()


def offset_all(network: Any, _: torch.Generator) -> None:
    """One number added to all dimensions of every token embedding; a LayerNorm takes it off again."""
    tokens = network.get_input_embeddings()
    if anatomy_of(network).rms:
        raise DoesNotApply(f"{network.config.model_type} has RMSNorm, which does not take off a mean")
    untie(network)
    tokens.weight.add_(OFFSET * tokens.weight.std())


def temperature(factor: float) -> Change:
    """The last norm times a factor: all logits times that factor."""

    def scale(network: Any, _: torch.Generator) -> None:
        norm = final_norm(network)
        weight, shift = matrix(norm), bias_of(norm)
        rest = 1.0 if network.config.model_type == "gemma" else 0.0  # its norms multiply by one plus their weight
        weight.copy_((weight + rest) * factor - rest)
        if shift is not None:
            shift.mul_(factor)

    return scale


def add_noise(network: Any, generator: torch.Generator) -> None:
    """Noise on every weight matrix, in proportion to its standard deviation."""
    for value in network.parameters():
        if value.dim() >= 2:
            value.add_(NOISE * value.std() * torch.randn(value.shape, generator=generator))


def blur_embeddings(network: Any, generator: torch.Generator) -> None:
    """Noise on the token embeddings as large as they are; the output embeddings keep a clean copy."""
    untie(network)
    tokens = network.get_input_embeddings().weight
    tokens.add_(EMBEDDING_NOISE * tokens.std() * torch.randn(tokens.shape, generator=generator))


def _gated(network: Any) -> tuple[tuple[str, ...], str]:
    """The names of gate and reader, and of what writes."""
    names, out = anatomy_of(network).inner
    if len(names) != 2:
        raise DoesNotApply(f"{network.config.model_type} has no gated neurons, each a row of its own")
    return names, out


def replace_weights(folder: Path, network: Any) -> None:
    """Write the network in place of the weights and the config of the folder, in float32."""
    for old in (*folder.glob("*.safetensors"), *folder.glob("*.safetensors.index.json"), *folder.glob("*.bin")):
        old.unlink()
    network.config.dtype = torch.float32
    network.save_pretrained(folder)
