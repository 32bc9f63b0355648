"""A config that states more than the weight files hold is refused before anything is built from it."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from provcheck.errors import BrokenModel
from provcheck.io.safetensors import Header, read_header
from provcheck.measurement.loader import load
from provcheck.targets.resolution import resolve
from provcheck.targets.sizes import SHARED_LAYERS, SMALL, Extent, check_sizes
from tests.tiny import ARCHITECTURES, save_tiny, tiny_model, tiny_tokenizer

MANY = 10**6


def with_config(folder: Path, **changes: Any) -> Path:
    save_tiny(folder)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps(config | changes), "utf-8")
    return folder


@pytest.mark.parametrize(
    "key",
    [
        "num_labels",
        "hidden_size",
        "vocab_size",
        "intermediate_size",
        "num_attention_heads",
        "num_local_experts",
    ],
)
def test_a_size_that_no_tensor_has(key: str, tmp_path: Path) -> None:
    started = time.process_time()
    with pytest.raises(BrokenModel, match=rf"states {key} 1,000,000, but the weight files hold no dimension above"):
        resolve(str(with_config(tmp_path / "model", **{key: MANY})))
    assert time.process_time() - started < 5


@pytest.mark.parametrize("nested", [False, True])
def test_layers_that_are_not_there(nested: bool, tmp_path: Path) -> None:
    change: dict[str, Any] = {"num_hidden_layers": MANY}
    folder = with_config(tmp_path / "model", **({"text_config": change} if nested else change))
    with pytest.raises(BrokenModel, match="states num_hidden_layers 1,000,000, but the weight files hold 2 layers"):
        resolve(str(folder))


@pytest.mark.parametrize(
    "changes",
    [
        {"model_type": "llama4", "architectures": ["Llama4ForConditionalGeneration"]},
        {"hidden_size": 8192},
        {"vocab_size": 60_000, "hidden_size": 4096},
        {"num_hidden_layers": 200},
    ],
    ids=["defaults", "hidden", "vocabulary", "layers"],
)
def test_more_parameters_than_are_stored(changes: dict[str, Any], tmp_path: Path) -> None:
    """Also where nothing in the config is large: the defaults of an architecture may be."""
    files = resolve(str(with_config(tmp_path / "model", **changes)))
    with pytest.raises(BrokenModel, match=r"describes \d+,[\d,]+ parameters, but the weight files hold \d+,\d"):
        load(files, device="cpu")


@pytest.mark.parametrize("kind", ARCHITECTURES)
def test_honest_models_are_not_refused(kind: str, tmp_path: Path) -> None:
    save_tiny(tmp_path / "model", kind)
    assert resolve(str(tmp_path / "model")).subject.parameters


def test_the_limit_is_that_of_the_stored_dimensions() -> None:
    """Eight numbers of 4 bits may be one of 32; small lists, and blocks that are used again, cost nothing."""
    wide = 100_000
    stored = Extent.of({"model.layers.3.mlp.qweight": (64, wide), "embed": (100, 64), "blocks.300.norm": (3,)})
    assert (stored, Extent.of({})) == (Extent(wide, 301), Extent(0, 1))
    packed = {"quantization_config": {"bits": 4}}
    for config in (
        {"vocab_size": wide},
        {"vocab_size": 8 * wide, **packed},
        {"num_hidden_layers": 301},
        {"n_embd": "x"},
    ):
        check_sizes("m", config, stored)
    check_sizes("m", {"vocab_size": SMALL, "num_hidden_layers": SHARED_LAYERS}, Extent(4, 1))
    for config in ({"vocab_size": wide + 1}, {"vocab_size": 8 * wide + 1, **packed}, {"num_hidden_layers": 302}):
        with pytest.raises(BrokenModel, match=r"states \w+ \d"):
            check_sizes("m", config, stored)


@pytest.mark.parametrize(
    "changes", [{"layer_types": ["full_attention"] * MANY}, {"rope_parameters": {"x": [0] * MANY}}]
)
def test_a_list_that_takes_seconds_to_check_is_refused_at_once(changes: dict[str, Any], tmp_path: Path) -> None:
    folder = with_config(tmp_path / "model", **changes)
    started = time.process_time()
    with pytest.raises(BrokenModel, match="holds 1,000,000 entries under"):
        resolve(str(folder))
    assert time.process_time() - started < 2


def test_every_header_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_model("llama").save_pretrained(tmp_path, max_shard_size="60KB")
    tiny_tokenizer().save_pretrained(tmp_path)
    read: list[str] = []

    def counted(path: Path) -> Header:
        read.append(path.name)
        return read_header(path)

    monkeypatch.setattr("provcheck.targets.weight_files.read_header", counted)
    resolve(str(tmp_path))
    assert len(read) > 2 and sorted(read) == sorted(path.name for path in tmp_path.glob("*.safetensors"))
