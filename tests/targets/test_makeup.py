"""What may be odd about the files of a model is measured from config, headers and a few tensors; nothing is judged."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from provcheck.disguise.own_signs import own_signs
from provcheck.targets.resolution import resolve
from provcheck.types import Floats, Makeup
from tests.targets.builders import adapter_files, model_files, write
from tests.tiny import save_tiny
from tests.tiny_gguf import save_gguf

Tensors = dict[str, Floats]


def makeup_of(folder: Path) -> Makeup:
    found = resolve(str(folder)).subject.makeup
    assert found is not None
    return found


def signs_of(folder: Path) -> set[str]:
    return {sign.name for sign in own_signs(makeup_of(folder).looks)}


def configure(folder: Path, **changes: Any) -> Path:
    config = json.loads((folder / "config.json").read_text("utf-8"))
    (folder / "config.json").write_text(json.dumps(config | changes), "utf-8")
    return folder


def rewrite(folder: Path, **changes: Any) -> Path:
    """The folder with these tensors changed, each by a function."""
    path = folder / "model.safetensors"
    tensors: Tensors = load_file(path)
    for ending, change in changes.items():
        name = next(one for one in tensors if one.endswith(ending.replace("__", ".")))
        tensors[name] = np.ascontiguousarray(change(tensors[name]))
    save_file(tensors, path, metadata={"format": "pt"})
    return folder


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "opt", "bloom", "gpt_neox", "mamba"])
def test_an_honest_model_has_no_sign_and_every_look_is_taken(architecture: str, tmp_path: Path) -> None:
    found = makeup_of(save_tiny(tmp_path / "model", architecture))
    assert not own_signs(found.looks)
    unread = {"empty-layers"} if architecture == "mamba" else set()
    assert found.not_looked_at.keys() <= unread
    assert found.stated["layers"] == 2


def test_fewer_layers_stated_than_stored(tmp_path: Path) -> None:
    assert signs_of(configure(save_tiny(tmp_path / "model"), num_hidden_layers=1)) == {"layers-unused"}


def test_layers_that_predict_further_tokens_are_stated_apart(tmp_path: Path) -> None:
    folder = configure(save_tiny(tmp_path / "model"), num_hidden_layers=1, num_nextn_predict_layers=1)
    assert not signs_of(folder)


def test_a_constant_on_all_embeddings(tmp_path: Path) -> None:
    tokens = rewrite(save_tiny(tmp_path / "tokens"), embed_tokens__weight=lambda rows: rows + 10 * rows.std())
    positions = rewrite(save_tiny(tmp_path / "positions", "gpt2"), wpe__weight=lambda rows: rows + 10 * rows.std())
    assert signs_of(tokens) == {"tokens-off-centre"}
    assert signs_of(positions) == {"positions-off-centre"}


def test_a_context_below_the_position_table(tmp_path: Path) -> None:
    assert signs_of(configure(save_tiny(tmp_path / "model", "gpt2"), n_positions=16)) == {"positions-cut"}


def test_rows_and_ids_that_do_not_meet(tmp_path: Path) -> None:
    many = save_tiny(tmp_path / "many", vocab_size=4096)
    few = rewrite(save_tiny(tmp_path / "few"), embed_tokens__weight=lambda rows: rows[:100])
    padded = save_tiny(tmp_path / "padded", vocab_size=640)
    assert signs_of(many) == {"rows-unused"}
    assert signs_of(few) == {"ids-without-row"}
    assert not signs_of(padded)


def test_a_layer_that_writes_nothing(tmp_path: Path) -> None:
    empty = {"layers.0.self_attn.o_proj.weight": np.zeros_like, "layers.0.mlp.down_proj.weight": np.zeros_like}
    found = makeup_of(rewrite(save_tiny(tmp_path / "model"), **empty)).looks["empty-layers"]
    assert found == {"layers": 2, "empty": 1, "first": 0}
    half = makeup_of(rewrite(save_tiny(tmp_path / "half"), **dict([next(iter(empty.items()))])))
    assert half.looks["empty-layers"]["empty"] == 0


def test_missing_merges(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "model")
    path = folder / "tokenizer.json"
    tokenizer = json.loads(path.read_text("utf-8"))
    tokenizer["model"]["merges"] = tokenizer["model"]["merges"][::2]
    path.write_text(json.dumps(tokenizer), "utf-8")
    assert signs_of(folder) == {"merges-missing"}
    path.write_text(json.dumps(tokenizer | {"model": tokenizer["model"] | {"ignore_merges": True}}), "utf-8")
    assert not signs_of(folder)


def test_settings_have_our_names(tmp_path: Path) -> None:
    scaled = {"rope_theta": 5000, "rope_scaling": {"type": "linear"}}
    old = makeup_of(write(tmp_path / "old", model_files(config=scaled)))
    new = makeup_of(write(tmp_path / "new", model_files(config={"rope_parameters": {"rope_theta": 5000.0}})))
    assert old.stated["rope_theta"] == new.stated["rope_theta"] == 5000
    assert (old.stated["rope_scaling"], new.stated["rope_scaling"]) == ('{"type": "linear"}', "default")


def test_what_cannot_be_looked_at_has_a_reason(tmp_path: Path) -> None:
    found = makeup_of(write(tmp_path / "model", model_files())).not_looked_at
    assert found["layers"] == "config.json states no number of layers"
    assert "no input embedding" in found["token-rows"]
    unknown = makeup_of(
        write(tmp_path / "unknown", model_files(config={"model_type": "gpt_neox_japanese"}))
    ).not_looked_at
    assert unknown.keys() == found.keys()
    vocabulary = {"model": {"type": "BPE", "vocab": {"a": "b"}, "merges": [1]}}
    strange = makeup_of(write(tmp_path / "strange", model_files(**{"tokenizer.json": vocabulary}))).not_looked_at
    assert strange["merges"] == "ids in tokenizer.json are not numbers"


@pytest.mark.parametrize("merges", [["a"], [None, 3, {}], [["a", "b", "c"]], "ab"])
def test_strange_merges_make_nothing(merges: object, tmp_path: Path) -> None:
    tokenizer = {"model": {"type": "BPE", "vocab": {"a": 0, "ab": 1}, "merges": merges}}
    makeup_of(write(tmp_path / "model", model_files(**{"tokenizer.json": tokenizer})))


def test_a_large_embedding_is_read_in_part(tmp_path: Path) -> None:
    folder = save_tiny(tmp_path / "model")
    rewrite(folder, embed_tokens__weight=lambda rows: np.resize(rows, (400_000, rows.shape[1])))
    started = time.process_time()
    looks = makeup_of(folder).looks
    assert time.process_time() - started < 2
    assert looks["token-rows"]["rows"] == 400_000
    assert looks["token-embeddings"]["rows"] == 4096


def test_a_gguf_file_is_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    found = makeup_of(save_gguf(tmp_path / "model" / "model.gguf").parent)
    assert not found.looks and not found.stated
    assert set(found.not_looked_at.values()) == {"the model is in a GGUF file"}


def test_an_adapter_has_the_makeup_of_the_model_under_it(tmp_path: Path) -> None:
    save_tiny(tmp_path / "base")
    files = adapter_files("../base")
    subject = resolve(str(write(tmp_path / "adapter", files))).subject
    assert subject.makeup is None
    assert subject.all_makeup == makeup_of(tmp_path / "base")
    assert subject.settings["layers"] == 2
