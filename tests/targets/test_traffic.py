"""What a weights-only audit of a model as large as Llama 7B would fetch: counted on shapes, without any data."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np
import pytest

from provcheck.io.partial_file import merge
from provcheck.signals.weights import mlps
from provcheck.signals.weights.anatomy import Anatomy, dissect
from provcheck.signals.weights.anchors import load_anchors
from provcheck.signals.weights.layouts import Names
from provcheck.signals.weights.sketching import chosen_blocks
from provcheck.signals.weights.stored import Stored
from provcheck.targets.ranged_files import GAP_BYTES
from provcheck.types import Floats, Ints, Tensors

WIDTH, INNER, LAYERS, VOCABULARY, BYTES = 4096, 11008, 32, 32_000, 2
CONFIG = {"model_type": "llama", "num_hidden_layers": LAYERS, "num_attention_heads": 32}

BLOCK = {
    "mlp.up_proj": (INNER, WIDTH),
    "mlp.gate_proj": (INNER, WIDTH),
    "mlp.down_proj": (WIDTH, INNER),
    **{f"self_attn.{letter}_proj": (WIDTH, WIDTH) for letter in "qkvo"},
    "input_layernorm": (WIDTH,),
    "post_attention_layernorm": (WIDTH,),
}
SHAPES = {
    "model.embed_tokens.weight": (VOCABULARY, WIDTH),
    "lm_head.weight": (VOCABULARY, WIDTH),
    "model.norm.weight": (WIDTH,),
    **{f"model.layers.{n}.{name}.weight": shape for n in range(LAYERS) for name, shape in BLOCK.items()},
}


class Counted(Tensors):
    """Tensors of shapes only: zeros that take no memory, and the bytes that would have been fetched, by name."""

    def __init__(self) -> None:
        self.fetched: Counter[str] = Counter()

    def __getitem__(self, name: str) -> Floats:
        self.fetched[name] = BYTES * int(np.prod(SHAPES[name]))  # the second time it is there
        return np.broadcast_to(np.float32(0), SHAPES[name])

    def __iter__(self) -> Iterator[str]:
        return iter(SHAPES)

    def __len__(self) -> int:
        return len(SHAPES)

    def shape(self, name: str) -> tuple[int, ...]:
        return SHAPES[name]

    def holds_floats(self, name: str) -> bool:
        return True

    def rows(self, name: str, places: Ints) -> Floats:
        size = BYTES * SHAPES[name][1]
        spans = merge([(int(row) * size, (int(row) + 1) * size) for row in places], GAP_BYTES)
        self.fetched[name] += sum(end - begin for begin, end in spans)
        return np.zeros((len(places), SHAPES[name][1]), dtype=np.float32)


def unscaled(_anatomy: Anatomy, rows: Floats, stored: Stored, norm: Names) -> Floats:
    """In place of `Anatomy._seen`: the norm is read, and multiplied with nothing."""
    if stored.find(norm):
        stored.read(norm)
    return rows


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """By the last part of the name, as `sketch` asks for it; no number is copied."""
    tensors = Counted()
    monkeypatch.setattr(Stored, "read", lambda stored, name: stored.tensors[stored.find(name) or ""])
    monkeypatch.setattr(Anatomy, "_seen", unscaled)
    monkeypatch.setattr(mlps, "_turned", lambda matrix, turn: matrix.swapaxes(-1, -2) if turn else matrix)
    anatomy = dissect(tensors, CONFIG)
    assert isinstance(anatomy, Anatomy)
    count = len(load_anchors())
    ids = np.unique(np.random.RandomState(0).randint(0, VOCABULARY, 2 * count))  # two tokens a word, far apart
    anatomy.input_rows(ids)
    anatomy.output_rows(ids)
    for number in chosen_blocks(anatomy.blocks):
        anatomy.mlp(int(number))
        anatomy.attention(int(number))
    by_kind: Counter[str] = Counter()
    for name, size in tensors.fetched.items():
        by_kind[name.removesuffix(".weight").split(".")[-1]] += size
    return by_kind


def test_the_traffic_of_a_7b_model(fetched: Counter[str]) -> None:
    """Eight whole blocks, each tensor once, and rows of the embeddings: a quarter of the model."""
    whole = sum(BYTES * int(np.prod(shape)) for shape in SHAPES.values())
    inner, square = 8 * BYTES * WIDTH * INNER, 8 * BYTES * WIDTH * WIDTH
    assert {name: fetched[name] for name in ("up_proj", "gate_proj", "down_proj")} == dict.fromkeys(
        ("up_proj", "gate_proj", "down_proj"), inner
    )
    assert [fetched[f"{letter}_proj"] for letter in "qkvo"] == [square] * 4
    rows = fetched["embed_tokens"] + fetched["lm_head"]
    assert rows < 150_000_000
    assert fetched.total() < 0.26 * whole
    assert whole == 13_476_831_232
