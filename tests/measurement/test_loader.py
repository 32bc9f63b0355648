"""Loading: devices, dtypes, and models that cannot be used."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import ByT5Tokenizer

from provcheck.errors import BrokenModel, UnsupportedModel, UsageError
from provcheck.measurement.devices import choose_device, choose_dtype
from provcheck.measurement.loader import load
from provcheck.targets.resolution import resolve
from provcheck.types import ModelFiles
from tests.tiny import save_tiny


@pytest.fixture
def copy(tiny_folder: Path, tmp_path: Path) -> ModelFiles:
    """The tiny model in a folder that a test may break after it was resolved."""
    folder = Path(shutil.copytree(tiny_folder, tmp_path / "copy"))
    return resolve(str(folder))


def test_a_folder_is_loaded_frozen_and_in_evaluation_mode(tiny_folder: Path) -> None:
    loaded = load(resolve(str(tiny_folder)), device="cpu")
    assert not loaded.model.training
    assert not any(parameter.requires_grad for parameter in loaded.model.parameters())
    assert loaded.tokenizer.is_fast
    assert (loaded.device_name, loaded.dtype) == ("cpu", torch.float32)


@pytest.mark.parametrize("device", ["nonsense", "cpu:x", "", "cuda:99", "meta:-3"])
def test_an_unusable_device_is_a_usage_error(device: str) -> None:
    with pytest.raises(UsageError, match="cannot be used") as caught:
        choose_device(device)
    assert "provcheck doctor" in caught.value.hint


def test_auto_is_float32_on_the_cpu_and_bfloat16_on_a_gpu() -> None:
    assert choose_dtype("auto", torch.device("cpu")) is torch.float32
    assert choose_dtype("auto", torch.device("cuda")) is torch.bfloat16
    assert choose_dtype("float16", torch.device("cpu")) is torch.float16
    with pytest.raises(UsageError, match="float99") as caught:
        choose_dtype("float99", torch.device("cpu"))
    assert "bfloat16" in caught.value.hint


def test_a_missing_tensor_is_told(copy: ModelFiles) -> None:
    _change(copy, lambda tensors: tensors.pop("model.layers.1.mlp.up_proj.weight"))
    with pytest.raises(BrokenModel, match=r"do not fit its config\.json.*up_proj"):
        load(copy)


def test_a_tensor_of_another_shape_is_told(copy: ModelFiles) -> None:
    _change(copy, lambda tensors: tensors.update({"model.norm.weight": torch.ones(31)}))
    with pytest.raises(BrokenModel) as caught:
        load(copy)
    assert copy.folder not in caught.value.message


def test_a_truncated_weight_file_is_told(copy: ModelFiles) -> None:
    file = Path(copy.folder) / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(BrokenModel, match="cannot be loaded"):
        load(copy)


@pytest.mark.parametrize("dropout", [0.1, 1.0])
def test_a_random_tokenizer_is_unsupported(copy: ModelFiles, dropout: float) -> None:
    _set_dropout(copy, dropout)
    with pytest.raises(UnsupportedModel, match=r"at random .*no measurement would repeat") as caught:
        load(copy)
    assert "model.dropout to null" in caught.value.hint


@pytest.mark.parametrize("dropout", [None, 0.0])
def test_a_dropout_of_nothing_is_none(copy: ModelFiles, dropout: float | None) -> None:
    _set_dropout(copy, dropout)
    assert load(copy, device="cpu").tokenizer("harbour").input_ids


def test_a_slow_tokenizer_is_unsupported(copy: ModelFiles) -> None:
    _remove_tokenizer(copy)
    ByT5Tokenizer().save_pretrained(copy.folder)
    with pytest.raises(UnsupportedModel, match="no character offsets") as caught:
        load(copy)
    assert "tokenizer.json" in caught.value.hint


def test_a_broken_tokenizer_is_unsupported(copy: ModelFiles) -> None:
    (Path(copy.folder) / "tokenizer.json").write_text("{")
    with pytest.raises(UnsupportedModel, match="tokenizer"):
        load(copy)


def test_a_model_without_tokenizer_is_unsupported(copy: ModelFiles) -> None:
    _remove_tokenizer(copy)
    with pytest.raises(UnsupportedModel, match="no tokenizer"):
        load(copy)


def test_an_adapter_that_does_not_fit_is_told(copy: ModelFiles, tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"peft_type": "LORA", "target_modules": ["q_proj"], "r": 2}')
    with pytest.raises(BrokenModel, match="adapter does not fit"):
        load(replace(copy, adapter_folder=str(tmp_path)))


def test_tied_embeddings_are_not_missing_tensors(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "tied", tie_word_embeddings=True)
    assert load(resolve(str(folder))).model.config.tie_word_embeddings


def _change(loadable: ModelFiles, change: object) -> None:
    file = Path(loadable.folder) / "model.safetensors"
    tensors = load_file(file)
    assert callable(change)
    change(tensors)
    save_file(tensors, file, metadata={"format": "pt"})


def _set_dropout(files: ModelFiles, dropout: float | None) -> None:
    path = Path(files.folder) / "tokenizer.json"
    content = json.loads(path.read_text("utf-8"))
    content["model"]["dropout"] = dropout
    path.write_text(json.dumps(content), "utf-8")


def _remove_tokenizer(loadable: ModelFiles) -> None:
    for file in Path(loadable.folder).glob("*token*"):
        file.unlink()
