"""Random llamas in memory, large enough for ranks and grids to show, and what can be done to their weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from provcheck.changes import Opened
from provcheck.types import Floats, Ints, Tensors

WIDTH, NEURONS, BLOCKS, TOKENS, HEADS = 48, 96, 3, 120, 4
UP, DOWN, GATE = "mlp.up_proj.weight", "mlp.down_proj.weight", "mlp.gate_proj.weight"
ATTENTION = [f"self_attn.{letter}_proj.weight" for letter in "qkvo"]
MATRICES = [UP, DOWN, GATE, *ATTENTION]
EMBEDDING, FINAL = "model.embed_tokens.weight", "model.norm.weight"

Weights = dict[str, Floats]


class InMemory(Tensors):
    """Tensors in a dict."""

    def __init__(self, tensors: Mapping[str, Floats]) -> None:
        self._tensors = dict(tensors)

    def __getitem__(self, name: str) -> Floats:
        return self._tensors[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._tensors)

    def __len__(self) -> int:
        return len(self._tensors)

    def shape(self, name: str) -> tuple[int, ...]:
        return self._tensors[name].shape

    def holds_floats(self, name: str) -> bool:
        return True

    def rows(self, name: str, places: Ints) -> Floats:
        return self._tensors[name][places]


def llama(seed: int = 0) -> Weights:
    """Random weights in the precision of float16."""
    random = np.random.RandomState(seed)
    shapes = {UP: (NEURONS, WIDTH), GATE: (NEURONS, WIDTH), DOWN: (WIDTH, NEURONS)}
    shapes |= dict.fromkeys(ATTENTION, (WIDTH, WIDTH))
    found = {EMBEDDING: random.standard_normal((TOKENS, WIDTH)), FINAL: np.ones(WIDTH)}
    for block in range(BLOCKS):
        for kind, shape in shapes.items():
            found[name(block, kind)] = random.standard_normal(shape) / np.sqrt(shape[1])
        for norm in ("input_layernorm", "post_attention_layernorm"):
            found[name(block, f"{norm}.weight")] = 1 + random.standard_normal(WIDTH) / 10
    return half(found)


def half(weights: Mapping[str, Floats]) -> Weights:
    return {key: np.asarray(value).astype(np.float16).astype(np.float32) for key, value in weights.items()}


def name(block: int, kind: str) -> str:
    return f"model.layers.{block}.{kind}"


def opened(weights: Mapping[str, Floats], tokens: Mapping[str, int] | None = None) -> Opened:
    blocks = len({key.split(".")[2] for key in weights if key.startswith("model.layers.")})
    config = {"model_type": "llama", "num_hidden_layers": blocks, "num_attention_heads": HEADS}
    numbers = {f"t{number}": number for number in range(len(weights[EMBEDDING]))}
    return Opened(InMemory(weights), config, numbers if tokens is None else tokens)


def is_matrix(key: str) -> bool:
    return any(key.endswith(kind) for kind in MATRICES)


def with_layers(weights: Weights, layers: list[int]) -> Weights:
    """These blocks, in this order."""
    found = {key: value for key, value in weights.items() if not key.startswith("model.layers.")}
    for place, layer in enumerate(layers):
        start = name(layer, "")
        found |= {
            name(place, key.removeprefix(start)): value for key, value in weights.items() if key.startswith(start)
        }
    return found
