"""The parts of a model that the rival baselines compare: matrices that every architecture of the zoo has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zlib import crc32

import numpy as np
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from provcheck.types import Floats

from .anatomy import anatomy_of, layers_of, matrix, part_of

PROMPTS, PROMPT_CHARACTERS = 256, 40
SAMPLED_WEIGHTS = 4096

Tensor = torch.Tensor


@dataclass(frozen=True, eq=False)
class LayerParts:
    """One layer: every matrix maps as `matrix @ input`, in float32; d channels, n neurons, h times e head channels.

    Heads that share keys and values have copies of them. Experts count as one wide feed-forward block. `inputs` is what
    the feed-forward block reads, past its norm, at the last token of each prompt.
    """

    q: Floats  # (h e, d)
    k: Floats  # (h e, d)
    v: Floats  # (h e, d)
    o: Floats  # (d, h e)
    gate: Floats | None  # (n, d), None where the block is not gated
    up: Floats  # (n, d)
    down: Floats  # (d, n)
    inputs: Floats  # (prompts, d)


@dataclass(frozen=True, eq=False)
class Parts:
    """One model: layers, token embeddings (V, d) with the tokens' rows and counts in the texts, and sampled weights.

    `sampled` holds 4,096 weights of each matrix inside the layers by name and shape; equal keys mean equal places.
    """

    layers: tuple[LayerParts, ...]
    embeddings: Floats
    rows: Mapping[str, int]
    counts: Mapping[str, int]
    sampled: Mapping[tuple[str, tuple[int, ...]], Floats]


def read_parts(folder: Path, texts: Sequence[str]) -> Parts:
    """Load a model folder and take it apart; the texts give prompts and the tokens' frequencies."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    network = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    encoded = [tokenizer(prompt)["input_ids"] for prompt in prompts_of(texts)]
    seen = Counter(token for ids in tokenizer(list(texts))["input_ids"] for token in ids)
    rows = {token: row for token, row in tokenizer.get_vocab().items() if row < network.config.vocab_size}
    return take_apart(network, encoded, rows, {token: seen[row] for token, row in rows.items()})


def prompts_of(texts: Sequence[str]) -> list[str]:
    """256 prompts, evenly spaced over the texts: the whole words among the first 40 characters."""
    chosen = [texts[place * len(texts) // PROMPTS] for place in range(PROMPTS)]
    return [text[:PROMPT_CHARACTERS].rsplit(maxsplit=1)[0] for text in chosen]


def take_apart(
    network: Any, encoded: Sequence[Sequence[int]], rows: Mapping[str, int], counts: Mapping[str, int]
) -> Parts:
    """The parts of a loaded network; `encoded` are the prompts' tokens."""
    read = _inputs_read(network, encoded)
    layers = (_layer(network, layer, inputs) for layer, inputs in zip(layers_of(network), read, strict=True))
    embeddings = _array(network.get_input_embeddings().weight)
    return Parts(tuple(layers), embeddings, rows, counts, dict(_sampled(network)))


def _layer(network: Any, layer: Any, inputs: Tensor) -> LayerParts:
    anatomy = anatomy_of(network)
    q, k, v = (_array(one) for one in _queries_keys_values(network, layer))
    *gate, up = _into_block(layer, anatomy.inner[0])
    down = matrix(part_of(layer, anatomy.inner[1]))
    if down.dim() == 3:
        down = down.movedim(0, 1).flatten(1)
    output = matrix(part_of(layer, anatomy.writers[0]))
    gates = _array(gate[0]) if gate else None
    return LayerParts(q, k, v, _array(output), gates, _array(up), _array(down), _array(inputs))


def _queries_keys_values(network: Any, layer: Any) -> list[Tensor]:
    """Three matrices (h e, d), whether stored apart or fused: GPT-2 fuses in thirds, others head by head."""
    config = network.config
    heads, names = config.num_attention_heads, _attention_readers(network)
    parts = [matrix(part_of(layer, name)) for name in names]
    if len(parts) == 1:
        width = parts[0].shape[1]
        if config.model_type == "gpt2":
            return list(parts[0].reshape(3, -1, width))
        return list(parts[0].reshape(heads, 3, -1, width).movedim(1, 0).flatten(1, 2))
    return [_copied(part, heads, len(parts[0]) // heads) for part in parts]


def _attention_readers(network: Any) -> list[str]:
    return [name for names in anatomy_of(network).readers.values() for name in names if "att" in name]


def _copied(part: Tensor, heads: int, channels: int) -> Tensor:
    """Keys or values for every head, where several heads share them."""
    shared = heads * channels // len(part)
    return part.reshape(-1, channels, part.shape[1]).repeat_interleave(shared, 0).flatten(0, 1)


def _into_block(layer: Any, names: Sequence[str]) -> list[Tensor]:
    """Gate and up projection, or the only one; experts hold both in one tensor (experts, 2 n, d)."""
    parts = [matrix(part_of(layer, name)) for name in names]
    if parts[0].dim() == 3:
        return [half.flatten(0, 1) for half in parts[0].chunk(2, dim=1)]
    return parts


@torch.inference_mode()
def _inputs_read(network: Any, encoded: Sequence[Sequence[int]]) -> list[Tensor]:
    """For each layer (prompts, d): what its feed-forward block reads at the last token of each prompt."""
    found: list[Tensor] = []
    name = anatomy_of(network).inner[0][0]
    reader = name.removesuffix(".experts.gate_up_proj")  # experts are not called with all tokens, the block is
    hooks = [
        part_of(layer, reader).register_forward_pre_hook(lambda _, given: found.append(given[0]))
        for layer in layers_of(network)
    ]
    last = torch.tensor([len(ids) - 1 for ids in encoded])
    ids = torch.zeros(len(encoded), int(last.max()) + 1, dtype=torch.int64)
    for row, tokens in enumerate(encoded):
        ids[row, : len(tokens)] = torch.tensor(tokens)
    network(input_ids=ids, attention_mask=(torch.arange(ids.shape[1]) <= last[:, None]).long())
    for hook in hooks:
        hook.remove()
    return [one.reshape(*ids.shape, -1)[torch.arange(len(last)), last] for one in found]


def _sampled(network: Any) -> Iterator[tuple[tuple[str, tuple[int, ...]], Floats]]:
    inside = {id(value) for value in layers_of(network).parameters()}
    for name, value in network.named_parameters():
        if value.dim() >= 2 and id(value) in inside:
            places = np.random.default_rng(crc32(name.encode())).integers(value.numel(), size=SAMPLED_WEIGHTS)
            yield (name, tuple(value.shape)), _array(value).ravel()[places]


def _array(tensor: Tensor) -> Floats:
    return np.ascontiguousarray(tensor.detach().numpy())
