"""What an open model gives without being run: tensors, config and tokens, however its weights are stored."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from provcheck.checkpoint import NoCheckpoint
from provcheck.errors import UnsupportedModel
from provcheck.measurement import MeasureOptions
from provcheck.observer import Silent
from provcheck.targets import FindOptions, OpenTarget, find_target
from provcheck.types import Capability, Floats
from tests.measurement.test_formats import bitsandbytes, lora
from tests.tiny import save_tiny, tiny_model, tiny_tokenizer
from tests.tiny_gguf import SIZES, save_gguf

UP, QUERY = "model.layers.1.mlp.up_proj.weight", "model.layers.1.self_attn.q_proj.weight"
TEXTS = ["The harbour pilot", " waited", "", "until the fog had lifted, then brought the freighter in"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A llama wide enough for the blocks of quantization."""
    return save_tiny(tmp_path_factory.mktemp("access") / "full", "llama", **SIZES)


@pytest.fixture(scope="module")
def stored(folder: Path) -> dict[str, Floats]:
    return {name: tensor.numpy() for name, tensor in load_file(folder / "model.safetensors").items()}


def opened(folder: Path, **allowed: Any) -> OpenTarget:
    target = find_target(str(folder), FindOptions(**allowed))
    assert target.lacks(Capability.WEIGHTS) is None
    return target.open(MeasureOptions("cpu"), Silent(), NoCheckpoint())


def share_changed(found: Floats, stored: Floats) -> float:
    assert found.dtype == np.float32
    return float(np.linalg.norm(found - stored) / np.linalg.norm(stored))


def test_an_adapter_gives_the_merged_weights(folder: Path, stored: dict[str, Floats], tmp_path: Path) -> None:
    access = opened(lora(folder, tmp_path / "adapter", folder))
    tensors, changes = access.tensors(), load_file(tmp_path / "adapter" / "adapter_model.safetensors")
    assert set(stored) <= set(tensors)
    name = f"base_model.model.{UP.removesuffix('.weight')}.lora"
    change = changes[f"{name}_B.weight"] @ changes[f"{name}_A.weight"]
    scale = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())["lora_alpha"] / 2
    np.testing.assert_allclose(tensors[UP], stored[UP] + scale * change.numpy(), atol=1e-5)
    np.testing.assert_array_equal(tensors["model.norm.weight"], stored["model.norm.weight"])
    assert access.config()["model_type"] == "llama"
    assert access.token_ids(["fog"]) == [tiny_tokenizer()("fog", add_special_tokens=False)["input_ids"]]


@pytest.mark.parametrize(("bits", "near"), [(8, 0.02), (4, 0.15)])
def test_quantized_weights_are_floats_again(
    bits: int, near: float, folder: Path, stored: dict[str, Floats], tmp_path: Path
) -> None:
    access = opened(bitsandbytes(folder, tmp_path / "quantized", bits))
    access.log_likelihoods(["The harbour pilot waited"])
    tensors = access.tensors()
    assert tensors.shape(UP) == stored[UP].shape and tensors.holds_floats(UP)
    assert 0 < share_changed(tensors[UP], stored[UP]) < near
    np.testing.assert_array_equal(tensors.rows(UP, np.array([3, 1])), tensors[UP][[3, 1]])


def test_an_adapter_on_a_quantized_base_is_merged_into_floats(
    folder: Path, stored: dict[str, Floats], tmp_path: Path
) -> None:
    plain = opened(lora(folder, tmp_path / "plain", folder)).tensors()
    base = bitsandbytes(folder, tmp_path / "base", 4)
    tensors = opened(lora(folder, tmp_path / "adapter", base)).tensors()
    assert set(stored) <= set(tensors)
    assert share_changed(tensors[UP], plain[UP]) < share_changed(tensors[UP], stored[UP])


def test_a_gguf_file_gives_weights_config_and_tokens(stored: dict[str, Floats], tmp_path: Path) -> None:
    save_gguf(tmp_path / "tiny.gguf", "F32")
    access = opened(tmp_path)
    tensors = access.tensors()
    for name in (UP, QUERY, "model.embed_tokens.weight"):
        np.testing.assert_allclose(tensors[name], stored[name], rtol=1e-6)
    assert access.config()["num_attention_heads"] == SIZES["num_attention_heads"]
    assert access.token_ids(["fog"]) == [tiny_tokenizer()("fog", add_special_tokens=False)["input_ids"]]


def test_a_pickle_gives_weights_where_it_may_be_opened(stored: dict[str, Floats], folder: Path, tmp_path: Path) -> None:
    model = tiny_model("llama", **SIZES)
    torch.save(model.state_dict(), tmp_path / "pytorch_model.bin")
    model.config.save_pretrained(tmp_path)
    tiny_tokenizer().save_pretrained(tmp_path)
    np.testing.assert_array_equal(opened(tmp_path, allow_pickle=True).tensors()[UP], stored[UP])


def test_float8_checkpoints_are_read_from_their_files(folder: Path, stored: dict[str, Floats], tmp_path: Path) -> None:
    """As DeepSeek publishes them."""
    tensors = load_file(folder / "model.safetensors")
    scale = tensors[UP].abs().max() / 448
    tensors |= {UP: (tensors[UP] / scale).to(torch.float8_e4m3fn), f"{UP}_scale_inv": scale.reshape(1, 1)}
    tiny_tokenizer().save_pretrained(tmp_path)
    save_file(tensors, tmp_path / "model.safetensors", metadata={"format": "pt"})
    config = json.loads((folder / "config.json").read_text()) | {"quantization_config": {"quant_method": "fp8"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    assert 0 < share_changed(opened(tmp_path).tensors()[UP], stored[UP]) < 0.05


@pytest.mark.parametrize("kind", ["byte-bpe", "unigram", "wordpiece"])
def test_tokens_are_those_of_transformers_without_special_ones(kind: Any, tmp_path: Path) -> None:
    folder = save_tiny(tmp_path, "llama", kind)
    expected = tiny_tokenizer(kind)(TEXTS, add_special_tokens=False)["input_ids"]
    assert opened(folder).token_ids(TEXTS) == expected
    assert opened(folder).token_ids([]) == []


def test_a_tokenizer_that_cuts_and_pads_does_neither(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path)
    content = json.loads((folder / "tokenizer.json").read_text())
    content["truncation"] = {"max_length": 2, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}
    (folder / "tokenizer.json").write_text(json.dumps(content))
    assert opened(folder).token_ids(TEXTS) == tiny_tokenizer()(TEXTS, add_special_tokens=False)["input_ids"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"dropout": 0.5}, "drops merges at random"),
        ({"vocab": {}}, "cannot be loaded"),
        ({"type": "Alien"}, "cannot be"),
    ],
)
def test_a_broken_tokenizer_is_one_sentence(change: dict[str, Any], reason: str, tmp_path: Path) -> None:
    folder = save_tiny(tmp_path)
    access = opened(folder)
    content = json.loads((folder / "tokenizer.json").read_text())
    (folder / "tokenizer.json").write_text(json.dumps({**content, "model": {**content["model"], **change}}))
    with pytest.raises(UnsupportedModel, match=reason):
        access.token_ids(["fog"])


def test_neither_torch_nor_transformers_is_imported(tmp_path: Path) -> None:
    """By what reads tensors, config and tokens of a plain model."""
    folder = save_tiny(tmp_path)
    program = f"""
import sys
from pathlib import Path
from provcheck.checkpoint import NoCheckpoint
from provcheck.measurement import MeasureOptions
from provcheck.observer import Silent
from provcheck.targets.local import LocalTarget
from provcheck.types import ModelFiles, Subject
weights = [dict(name="model.safetensors", bytes=1, sha256="")]
subject = Subject(id="tiny", source="folder", weights_digest=None, weights=weights)
target = LocalTarget(ModelFiles(subject, {str(folder)!r}))
access = target.open(MeasureOptions(), Silent(), NoCheckpoint())
assert access.tensors()["model.norm.weight"].any() and access.config()["model_type"] and access.token_ids(["fog"])[0]
assert not {{"torch", "transformers"}} & set(sys.modules)
"""
    subprocess.run([sys.executable, "-c", program], check=True)
