"""Stored models of every shape: as people save them, shuffled, post-norm, and as nobody should."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.activations import ACT2FN

from provcheck.io.tensor_files import TensorFiles
from provcheck.signals.weights.anatomy import Anatomy, Heads, dissect
from provcheck.signals.weights.families import LAYOUTS
from provcheck.types import Floats, Ints, NotMeasured, Tensors
from tests.signals.weights.black_box import IDS, Kind, make, random_model
from tests.signals.weights.kinds import KINDS

CONFIG = {"model_type": "llama", "num_hidden_layers": 2, "num_attention_heads": 2}
BLOCK = "model.layers.{}."
SHAPES = {
    "model.embed_tokens.weight": (11, 8),
    "model.norm.weight": (8,),
    "lm_head.weight": (11, 8),
    **{
        BLOCK.format(block) + name: shape
        for block in range(2)
        for name, shape in {
            "input_layernorm.weight": (8,),
            "post_attention_layernorm.weight": (8,),
            "mlp.up_proj.weight": (5, 8),
            "mlp.gate_proj.weight": (5, 8),
            "mlp.down_proj.weight": (8, 5),
            **{f"self_attn.{letter}_proj.weight": (8, 8) for letter in "qkvo"},
        }.items()
    },
}
UP, DOWN, QUERY = (f"{BLOCK.format(1)}{name}.weight" for name in ("mlp.up_proj", "mlp.down_proj", "self_attn.q_proj"))


class InMemory(Tensors):
    """Arrays; those of integers count as packed."""

    def __init__(self, arrays: Mapping[str, Floats]) -> None:
        self.arrays = dict(arrays)

    def __getitem__(self, name: str) -> Floats:
        return self.arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.arrays)

    def __len__(self) -> int:
        return len(self.arrays)

    def shape(self, name: str) -> tuple[int, ...]:
        return self.arrays[name].shape

    def holds_floats(self, name: str) -> bool:
        return self.arrays[name].dtype.kind == "f"

    def rows(self, name: str, places: Ints) -> Floats:
        return self.arrays[name][places]


def arrays() -> dict[str, Floats]:
    """A small llama."""
    stream = np.random.default_rng(0)
    return {name: stream.standard_normal(shape).astype(np.float32) for name, shape in SHAPES.items()}


def dissected(stored: Mapping[str, Floats], config: Mapping[str, Any] = CONFIG) -> Anatomy:
    found = dissect(InMemory(stored), config)
    assert isinstance(found, Anatomy), found
    return found


def test_every_layout_is_compared_with_a_running_model_or_named_here() -> None:
    unseen = set(LAYOUTS) - {kind.model_type for kind in KINDS} - {"openai-gpt"}
    remote = {"internlm", "internlm2", "minicpm", "deepseek", "xverse", "aquila", "Yi", "orion", "baichuan", "qwen"}
    with_images = {"gemma3", "gemma4", "llama4", "qwen3_5", "qwen3_5_moe", "phi4_multimodal"}
    assert unseen == remote | with_images | {"gpt-sw3", "dbrx", "minimax", "exaone"}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("model.", ""),
        ("model.", "model.language_model."),
        ("model.", "language_model.model."),
        ("lm_head", "model.lm_head"),
    ],
)
def test_prefixes_vary(old: str, new: str) -> None:
    renamed = {new + name.removeprefix(old) if name.startswith(old) else name: one for name, one in arrays().items()}
    assert same(dissected(renamed), dissected(arrays()))


def test_the_text_model_is_found_among_others() -> None:
    others = {f"vision.{name}": one for name, one in arrays().items()} | {"audio.embed_tokens.weight": np.zeros((3, 4))}
    assert same(dissected(arrays() | others), dissected(arrays()))


def test_layers_beyond_those_of_the_config_are_not_its_own() -> None:
    further = {name.replace("layers.1.", "layers.2."): one for name, one in arrays().items() if "layers.1." in name}
    assert dissected(arrays() | further).blocks == 2
    assert dissected(arrays(), {**CONFIG, "num_hidden_layers": None}).blocks == 2


def test_a_tied_model_has_one_embedding() -> None:
    tied = {name: one for name, one in arrays().items() if name != "lm_head.weight"}
    rows = dissected(tied).output_rows(np.arange(11))
    np.testing.assert_array_equal(rows, tied["model.embed_tokens.weight"] * tied["model.norm.weight"])


def same(one: Anatomy, two: Anatomy) -> bool:
    ids, blocks = np.array([3, 0, 3]), range(two.blocks)
    parts = [
        [*(vars(model.mlp(block)) for block in blocks), *(vars(model.attention(block)) for block in blocks)]
        for model in (one, two)
    ]
    equal = all(np.array_equal(first[key], second[key]) for first, second in zip(*parts, strict=True) for key in first)
    return equal and np.array_equal(one.input_rows(ids), two.input_rows(ids)) and one.blocks == two.blocks


@settings(max_examples=30, deadline=None)
@given(order=st.permutations(range(5)), heads=st.permutations(range(2)))
def test_shuffled_neurons_and_heads_are_shuffled_rows(order: list[int], heads: list[int]) -> None:
    stored = arrays()
    plain, old = dissected(stored).mlp(1), dissected(stored).attention(1)
    stored[UP], stored[DOWN] = stored[UP][order], stored[DOWN][:, order]
    gate, rows = UP.replace("up_", "gate_"), np.arange(8).reshape(2, 4)[heads].reshape(-1)
    stored[gate] = stored[gate][order]
    for letter in "qkv":
        name = QUERY.replace("q_proj", f"{letter}_proj")
        stored[name] = stored[name][rows]
    stored[QUERY.replace("q_proj", "o_proj")] = stored[QUERY.replace("q_proj", "o_proj")][:, rows]
    found, new = dissected(stored).mlp(1), dissected(stored).attention(1)
    for key, values in vars(plain).items():
        np.testing.assert_array_equal(vars(found)[key], values[order])
    assert isinstance(old, Heads) and isinstance(new, Heads)
    for key, values in vars(old).items():
        np.testing.assert_array_equal(vars(new)[key], values[heads])


@pytest.mark.parametrize(
    ("kind", "before", "mlp"),
    [
        (Kind("openai-gpt"), "ln_1", "mlp"),
        (Kind("opt", {"do_layer_norm_before": False, "word_embed_proj_dim": 16}), "self_attn_layer_norm", "fc2"),
    ],
    ids=str,
)
def test_a_norm_behind_the_sum_is_that_before_the_mlp(kind: Kind, before: str, mlp: str, tmp_path: Path) -> None:
    case = make(kind, tmp_path)
    seen: dict[str, Floats] = {}
    layer = case.layers[1]
    layer.get_submodule(before).register_forward_pre_hook(lambda _m, args: seen.update(x=rows(args[0])))
    layer.get_submodule(mlp).register_forward_hook(lambda _m, _args, output: seen.update(y=rows(output)))
    case.model(IDS)
    neurons = case.anatomy.mlp(1)
    act = ACT2FN["gelu_new" if kind.model_type == "openai-gpt" else "relu"]
    written = act(torch.from_numpy(case.core(seen["x"]) @ neurons.read.T)).numpy() @ neurons.write
    np.testing.assert_allclose(written, case.centred(seen["y"]), atol=1e-3)
    assert case.anatomy.attention(1) is None


def rows(stream: torch.Tensor) -> Floats:
    return stream.reshape(IDS.shape[1], -1).numpy()


def without(name: str) -> dict[str, Floats]:
    return {key: one for key, one in arrays().items() if key != name}


def reshaped(name: str, *shape: int) -> dict[str, Floats]:
    return arrays() | {name: np.zeros(shape, dtype=np.float32)}


@pytest.mark.parametrize(
    ("stored", "config", "reason"),
    [
        (arrays(), {"model_type": "alien\nmodel"}, "of the type alienmodel"),
        (arrays(), {"model_type": ["llama"]}, "of the type unknown"),
        (arrays(), {}, "of the type unknown"),
        ({}, CONFIG, "no input embedding"),
        ({"a." * 100_000 + name: one for name, one in arrays().items()}, CONFIG, "no input embedding"),
        (arrays(), {**CONFIG, "num_hidden_layers": 10**9}, "states 1,000,000,000 layers, and tensors of 2 are stored"),
        (without("model.embed_tokens.weight"), CONFIG, "no input embedding"),
        (without("model.norm.weight"), CONFIG, "no tensor 'model.norm' is stored"),
        (without(UP), CONFIG, "no MLP of layer 1"),
        (without(DOWN), CONFIG, "no tensor 'model.layers.1.mlp.down_proj' is stored"),
        (without(f"{BLOCK.format(0)}post_attention_layernorm.weight"), CONFIG, "no tensor"),
        (reshaped(UP, 5, 7), CONFIG, "do not fit each other"),
        (reshaped(UP, 4, 8), CONFIG, "do not fit each other"),
        (reshaped(UP, 5), CONFIG, "do not fit each other"),
        (reshaped(UP, 1, 5, 8), CONFIG, "do not fit each other"),
        (reshaped(UP), CONFIG, "do not fit each other"),
        (reshaped(UP, 0, 8), CONFIG, "is empty"),
        (reshaped(DOWN, 7, 5), CONFIG, "does not write to a stream 8 wide"),
        (reshaped(DOWN), CONFIG, "does not write"),
        (reshaped("model.embed_tokens.weight", 11), CONFIG, "has 1 axes, not 2"),
        (reshaped("lm_head.weight", 11, 9), CONFIG, "different width: 8 and 9"),
        (reshaped("model.norm.weight", 1), CONFIG, "has the shape (1,), not (8,)"),
        (arrays() | {UP: np.zeros((5, 8), dtype=np.int8)}, CONFIG, "holds no floating-point numbers"),
    ],
)
def test_what_does_not_fit_is_not_measured(stored: dict[str, Floats], config: dict[str, Any], reason: str) -> None:
    found = dissect(InMemory(stored), config)
    assert isinstance(found, NotMeasured) and reason in found.not_measured


@pytest.mark.parametrize("shape", [(8,), (7, 8), (8, 7), (6, 8), (), (24, 8)])
def test_attention_of_another_form_is_none(shape: tuple[int, ...]) -> None:
    assert dissected(reshaped(QUERY, *shape)).attention(1) is None
    assert dissected(arrays(), {**CONFIG, "num_attention_heads": 3}).attention(1) is None
    assert dissected(arrays(), {**CONFIG, "num_attention_heads": 10**9}).attention(1) is None
    assert dissected(arrays(), {**CONFIG, "num_attention_heads": "2"}).attention(1) is None
    assert dissected(without(f"{BLOCK.format(1)}input_layernorm.weight")).attention(1) is None


def test_experts_must_be_complete() -> None:
    config = {**CONFIG, "model_type": "qwen3_moe"}
    experts = {
        name.replace("mlp.", f"mlp.experts.{number}."): one + number
        for number in range(3)
        for name, one in arrays().items()
        if "mlp." in name
    }
    stored = {name: one for name, one in arrays().items() if "mlp." not in name} | experts
    pool = dissected(stored, config).mlp(0)
    assert pool.read.shape == (15, 8) and pool.gate is not None and pool.gate.shape == pool.write.shape == (15, 8)
    for gone in ("mlp.experts.1.up_proj", "mlp.experts.1.down_proj", "mlp.experts.0.down_proj", "mlp.experts.1."):
        broken = {name: one for name, one in stored.items() if gone not in name}
        found = dissect(InMemory(broken), config)
        assert isinstance(found, NotMeasured) and "are not complete" in found.not_measured
    alone = dissect(InMemory({name: one for name, one in stored.items() if "1.gate_proj" not in name}), config)
    assert isinstance(alone, NotMeasured) and "no tensor" in alone.not_measured


def test_gains_and_biases_inside_are_checked_too() -> None:
    pools = {name: np.stack([one] * 2) if "mlp." in name else one for name, one in arrays().items()}
    inner = {f"{BLOCK.format(block)}mlp.ffn_sub_norm.weight": np.ones(5) for block in range(2)}
    found = dissect(InMemory(pools | inner), {**CONFIG, "model_type": "bitnet"})
    assert isinstance(found, NotMeasured) and "has the shape (5,), not (2, 5)" in found.not_measured
    assert dissected(arrays() | inner, {**CONFIG, "model_type": "bitnet"}).mlp(0).write.shape == (5, 8)


def test_a_norm_behind_the_embedding_is_checked_whole() -> None:
    sizes = {"query_key_value": (24, 8), "dense": (8, 8), "dense_h_to_4h": (5, 8), "dense_4h_to_h": (8, 5)}
    stored = {"word_embeddings.weight": np.ones((11, 8)), "ln_f.weight": np.ones(8)}
    stored |= {f"h.0.mlp.{name}.weight": np.ones(shape) for name, shape in sizes.items()}
    stored |= {f"h.0.{name}.weight": np.ones(8) for name in ("input_layernorm", "post_attention_layernorm")}
    stored |= {f"word_embeddings_layernorm.{name}": np.ones(8) for name in ("weight", "bias")}
    config = {"model_type": "bloom", "n_head": 2}
    assert dissected(stored, config).input_rows(np.array([1])).shape == (1, 8)
    for name in ("weight", "bias"):
        found = dissect(InMemory(stored | {f"word_embeddings_layernorm.{name}": np.ones(7)}), config)
        assert isinstance(found, NotMeasured) and "not (8,)" in found.not_measured


NAMES = st.sampled_from(sorted(SHAPES))
ANY_SHAPE = st.lists(st.integers(0, 9), max_size=3)


@settings(max_examples=80, deadline=None)
@given(
    kind=st.sampled_from(sorted(LAYOUTS)),
    changes=st.dictionaries(NAMES, st.one_of(st.none(), ANY_SHAPE), max_size=4),
    heads=st.one_of(st.integers(-1, 9), st.text(max_size=2), st.none()),
)
def test_no_model_crashes_it(kind: str, changes: dict[str, list[int] | None], heads: object) -> None:
    stored = arrays()
    for name, shape in changes.items():
        if shape is None:
            stored.pop(name)
        else:
            stored[name] = np.ones(shape, dtype=np.float32)
    found = dissect(InMemory(stored), {"model_type": kind, "num_attention_heads": heads})
    if isinstance(found, NotMeasured):
        return
    for block in range(found.blocks):
        assert found.mlp(block).read.shape[1] == found.width
        found.attention(block)
    assert found.input_rows(np.array([0])).shape == found.output_rows(np.array([0])).shape == (1, found.width)


def test_one_block_is_read_at_a_time(tmp_path: Path) -> None:
    """At most a few copies of its matrices are in memory; of an embedding only the rows that are asked for."""
    sizes = {"hidden_size": 64, "intermediate_size": 1024, "num_hidden_layers": 3, "vocab_size": 20_000}
    random_model(Kind("llama", sizes)).bfloat16().save_pretrained(tmp_path)
    anatomy = dissect(TensorFiles([tmp_path / "model.safetensors"]), {"model_type": "llama", "num_attention_heads": 4})
    assert isinstance(anatomy, Anatomy) and anatomy.blocks == 3
    matrix = 64 * 1024 * 4
    tracemalloc.start()
    for block in range(3):
        anatomy.mlp(block)
    anatomy.input_rows(np.arange(100))
    anatomy.output_rows(np.arange(100))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 7 * matrix
