"""Where the parts of a network lie, architecture by architecture, as the rewrites need them."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from transformers.pytorch_utils import Conv1D


@dataclass(frozen=True)
class Anatomy:
    """Names inside one layer: what each norm feeds, what writes to the residual stream, which maps are a pair.

    `inner_size` is the config's word for the number of neurons, empty where it has none. `heads`: what writes to heads
    (queries, keys and values, or one map for all) and what reads them; None where heads cannot change places. A map for
    all holds first all queries, or, with 3 `head_parts`, the queries, keys and values of one head together.
    """

    readers: dict[str, tuple[str, ...]]
    writers: tuple[str, ...]
    inner: tuple[tuple[str, ...], str]
    value: tuple[str, str] | None = None
    rms: bool = False
    scalable: str = ""
    inner_size: str = "intermediate_size"
    heads: tuple[tuple[str, ...], str] | None = None
    head_parts: int = 1


_QKV = ("self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj")
_LLAMA = Anatomy(
    readers={"input_layernorm": _QKV, "post_attention_layernorm": ("mlp.gate_proj", "mlp.up_proj")},
    writers=("self_attn.o_proj", "mlp.down_proj"),
    inner=(("mlp.gate_proj", "mlp.up_proj"), "mlp.down_proj"),
    value=("self_attn.v_proj", "self_attn.o_proj"),
    rms=True,
    scalable="mlp.up_proj",
    heads=(_QKV, "self_attn.o_proj"),
)
_STABLELM = replace(_LLAMA, rms=False)
_MIXTRAL = Anatomy(
    readers={"input_layernorm": _QKV, "post_attention_layernorm": ("mlp.gate", "mlp.experts.gate_up_proj")},
    writers=("self_attn.o_proj", "mlp.experts.down_proj"),
    inner=(("mlp.experts.gate_up_proj",), "mlp.experts.down_proj"),
    value=("self_attn.v_proj", "self_attn.o_proj"),
    rms=True,
    scalable="mlp.experts.gate_up_proj",
    heads=(_QKV, "self_attn.o_proj"),
)
_GPT2 = Anatomy(
    readers={"ln_1": ("attn.c_attn",), "ln_2": ("mlp.c_fc",)},
    writers=("attn.c_proj", "mlp.c_proj"),
    inner=(("mlp.c_fc",), "mlp.c_proj"),
    inner_size="n_inner",
    heads=(("attn.c_attn",), "attn.c_proj"),
)
_NEOX = Anatomy(
    readers={"input_layernorm": ("attention.query_key_value",), "post_attention_layernorm": ("mlp.dense_h_to_4h",)},
    writers=("attention.dense", "mlp.dense_4h_to_h"),
    inner=(("mlp.dense_h_to_4h",), "mlp.dense_4h_to_h"),
    heads=(("attention.query_key_value",), "attention.dense"),
    head_parts=3,
)
_BLOOM = Anatomy(
    readers={
        "input_layernorm": ("self_attention.query_key_value",),
        "post_attention_layernorm": ("mlp.dense_h_to_4h",),
    },
    writers=("self_attention.dense", "mlp.dense_4h_to_h"),
    inner=(("mlp.dense_h_to_4h",), "mlp.dense_4h_to_h"),
    inner_size="",
)
_PHI = Anatomy(
    readers={"input_layernorm": (*_QKV, "mlp.fc1")},
    writers=("self_attn.dense", "mlp.fc2"),
    inner=(("mlp.fc1",), "mlp.fc2"),
    value=("self_attn.v_proj", "self_attn.dense"),
    heads=(_QKV, "self_attn.dense"),
)
_OPT = Anatomy(
    readers={"self_attn_layer_norm": _QKV, "final_layer_norm": ("fc1",)},
    writers=("self_attn.out_proj", "fc2"),
    inner=(("fc1",), "fc2"),
    value=("self_attn.v_proj", "self_attn.out_proj"),
    scalable="fc1",
    inner_size="ffn_dim",
    heads=(_QKV, "self_attn.out_proj"),
)
ANATOMIES = {
    **dict.fromkeys(("llama", "mistral", "gemma"), _LLAMA),
    "stablelm": _STABLELM,
    "mixtral": _MIXTRAL,
    "gpt2": _GPT2,
    "gpt_neox": _NEOX,
    "bloom": _BLOOM,
    "phi": _PHI,
    "opt": _OPT,
}


def anatomy_of(network: Any) -> Anatomy:
    """The anatomy of a network's architecture."""
    return ANATOMIES[network.config.model_type]


def body_of(network: Any) -> Any:
    """The part with the embeddings, the layers and the last norm."""
    body = getattr(network, network.base_model_prefix)
    return getattr(body, "decoder", body)


def layers_of(network: Any) -> nn.ModuleList:
    """The stack of transformer layers."""
    stack: nn.ModuleList = next(part for name, part in body_of(network).named_children() if name in ("layers", "h"))
    return stack


def position_table(network: Any) -> nn.Embedding | None:
    """The table of position embeddings, where there is one."""
    tokens = network.get_input_embeddings()
    tables = (part for part in body_of(network).children() if isinstance(part, nn.Embedding) and part is not tokens)
    return next(tables, None)


def arrange_layers(network: Any, numbers: Sequence[int]) -> None:
    """The layers of these numbers in this order, in place of all; one named again is a copy with weights of its own."""
    stack, config = layers_of(network), network.config
    new = [copy.deepcopy(stack[n]) if n in numbers[:place] else stack[n] for place, n in enumerate(numbers)]
    for number, layer in enumerate(new):
        for part in layer.modules():
            if hasattr(part, "layer_idx"):
                part.layer_idx = number  # type: ignore[assignment]
    del stack[:]
    stack.extend(new)
    config.num_hidden_layers = len(new)
    if getattr(config, "layer_types", None):
        config.layer_types = [config.layer_types[n] for n in numbers]


def take_neurons(network: Any, choose: Callable[[nn.Module], torch.Tensor]) -> None:
    """Feed-forward blocks of the neurons that `choose(layer)` names by (n,) indexes, as often as it names them.

    Raises ValueError where the architecture fixes their number.
    """
    anatomy = anatomy_of(network)
    if not anatomy.inner_size:
        raise ValueError(f"{network.config.model_type}: the size of its feed-forward block is fixed")
    for layer in layers_of(network):
        index, out = choose(layer), part_of(layer, anatomy.inner[1])
        before = matrix(out)
        for name in anatomy.inner[0]:
            _take_outputs(part_of(layer, name), index, before.shape[-1])
        _set_matrix(out, before[..., index])
        setattr(network.config, anatomy.inner_size, len(index))


def neurons_of(network: Any, layer: nn.Module) -> int:
    """How many neurons the feed-forward block of a layer has."""
    return int(matrix(part_of(layer, anatomy_of(network).inner[1])).shape[-1])


def linear_weights(network: Any) -> list[nn.Parameter]:
    """Every weight matrix inside the layers: linear maps and experts, no embeddings, norms or biases."""
    return [value for value in layers_of(network).parameters() if value.dim() >= 2]


def part_of(layer: nn.Module, name: str) -> Any:
    """The module or parameter at a dotted name."""
    found: Any = layer
    for step in name.split("."):
        found = getattr(found, step)
    return found


def matrix(part: Any) -> torch.Tensor:
    """The weight as (..., outputs, inputs), whichever way it is stored; a view, so changes in place go through."""
    if isinstance(part, nn.Parameter):
        return part.data
    weight: torch.Tensor = part.weight.data
    return weight.T if isinstance(part, Conv1D) else weight


def bias_of(part: Any) -> torch.Tensor | None:
    """The bias of a part, where it has one."""
    bias = getattr(part, "bias", None)
    return None if bias is None else bias.data


def _take_outputs(part: Any, index: torch.Tensor, count: int) -> None:
    """Outputs by index, in each of the blocks of `count` outputs that a part may hold."""
    weight, bias = matrix(part), bias_of(part)
    full = torch.cat([index + start for start in range(0, weight.shape[-2], count)])
    _set_matrix(part, weight[..., full, :])
    if bias is not None:
        part.bias.data = bias[full]


def _set_matrix(part: Any, weight: torch.Tensor) -> None:
    """Another weight (..., outputs, inputs), of any shape."""
    if isinstance(part, nn.Parameter):
        part.data = weight
    elif isinstance(part, Conv1D):
        part.weight.data, (part.nf, part.nx) = weight.T.contiguous(), weight.shape
    else:
        part.weight.data, (part.out_features, part.in_features) = weight, weight.shape


def final_norm(network: Any) -> nn.Module:
    """The norm before the output embeddings."""
    names = ("norm", "ln_f", "final_layer_norm", "final_layernorm")
    norm: nn.Module = next(part for name, part in body_of(network).named_children() if name in names)
    return norm


def outer_tables(network: Any) -> Iterator[torch.Tensor]:
    """Tables of rows as wide as the residual stream: token embeddings, positions, and an output matrix of its own."""
    for part in body_of(network).children():
        if isinstance(part, nn.Embedding):
            yield part.weight.data
    head = network.get_output_embeddings().weight
    if head is not network.get_input_embeddings().weight:
        yield head.data


def outer_norms(network: Any) -> list[nn.Module]:
    """Norms outside the layers: the last one, and the one that bloom puts on its embeddings."""
    first = getattr(body_of(network), "word_embeddings_layernorm", None)
    return [norm for norm in (first, final_norm(network)) if norm is not None]
