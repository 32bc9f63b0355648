"""Folders of models from strangers: a subject, or a sentence; nothing is run and nothing outside is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provcheck.targets import FindOptions
from provcheck.targets.resolution import resolve
from provcheck.types import ModelFiles
from tests.hostile.strategies import FEW, changed, damaged, dump, value_or_error
from tests.rendering.hostile import names
from tests.targets.builders import adapter_files, model_files, pack, write
from tests.tiny_gguf import save_gguf

INDEX = "model.safetensors.index.json"
TOKENIZER = {"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}, "added_tokens": []}
JSON_FILES: dict[str, Any] = {
    "config.json": model_files()["config.json"],
    "tokenizer.json": TOKENIZER,
    "tokenizer_config.json": {"tokenizer_class": "LlamaTokenizer", "auto_map": None},
    "generation_config.json": {"eos_token_id": 2},
    INDEX: {"metadata": {"total_size": 40}, "weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}},
}


def look_at(folder: Path, *, trust: bool = False) -> None:
    """A subject whose record can be written, whatever it says."""
    found = value_or_error(lambda: resolve(str(folder), FindOptions(allow_pickle=trust, trust_remote_code=trust)))
    if isinstance(found, ModelFiles):
        found.subject.model_dump_json()
        assert found.subject.id.isprintable()


@FEW
@given(data=st.data())
def test_any_values_in_json(tmp_path: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(JSON_FILES)))
    folder = write(tmp_path / "m", model_files(**{**JSON_FILES, name: dump(data.draw(changed(JSON_FILES[name])))}))
    if name == INDEX:
        (folder / "model.safetensors").rename(folder / "model-2.safetensors")
    look_at(folder, trust=data.draw(st.booleans()))


@FEW
@given(data=st.data())
def test_any_bytes_in_json(tmp_path: Path, data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(JSON_FILES)))
    content = data.draw(damaged(json.dumps(JSON_FILES[name]).encode()))
    look_at(write(tmp_path / "m", model_files(**{**JSON_FILES, name: content})))


@FEW
@given(data=st.data())
def test_any_header_of_the_weights(tmp_path: Path, data: st.DataObject) -> None:
    header = {
        "__metadata__": {"format": "pt"},
        "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
        "b": {"dtype": "BF16", "shape": [], "data_offsets": [24, 26]},
    }
    content = pack(dump(data.draw(changed(header))), b"\0" * 26)
    look_at(write(tmp_path / "m", model_files(**{"model.safetensors": content})))


@FEW
@given(data=st.data())
def test_any_bytes_in_the_weights(tmp_path: Path, data: st.DataObject) -> None:
    content = data.draw(damaged(model_files()["model.safetensors"]))  # type: ignore[arg-type]
    look_at(write(tmp_path / "m", model_files(**{"model.safetensors": content})))


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_gguf(tmp_path_factory.mktemp("ggufs") / "tiny.gguf", "F32")


@FEW
@given(data=st.data())
def test_any_bytes_in_a_gguf_file(gguf: Path, tmp_path: Path, data: st.DataObject) -> None:
    content = gguf.read_bytes()
    place = data.draw(st.sampled_from((0, 20, 400, 1500)))
    spoiled = content[:place] + data.draw(damaged(content[place : place + 60])) + content[place + 60 :]
    look_at(write(tmp_path / "m", {"tiny.gguf": spoiled}))


@FEW
@given(data=st.data())
def test_any_adapter(tmp_path: Path, data: st.DataObject) -> None:
    write(tmp_path / "base", model_files())
    files = adapter_files("../base")
    files["adapter_config.json"] = dump(data.draw(changed(files["adapter_config.json"])))
    look_at(write(tmp_path / "adapter", files))


@FEW
@given(license=names, base=names, body=st.binary(max_size=50))
def test_any_card(tmp_path: Path, license: str, base: str, body: bytes) -> None:
    front = json.dumps({"license": license, "base_model": [base, license]})
    folder = write(tmp_path / "m", model_files(**{"README.md": b"---\n" + front.encode() + b"\n---\n" + body}))
    look_at(folder)
    folder = write(tmp_path / "m", {"README.md": f"---\nlicense: {license}\n---\n".encode() + body})
    look_at(folder)


@pytest.mark.parametrize(
    "name", ["../outside.safetensors", "/etc/hostname", "sub/x.safetensors", "model.safetensors\0", "..", "", "."]
)
def test_no_shard_outside_of_the_folder(tmp_path: Path, name: str) -> None:
    (tmp_path / "outside.safetensors").write_bytes(model_files()["model.safetensors"])  # type: ignore[arg-type]
    files = model_files(**{INDEX: {"weight_map": {"a": name}}})
    del files["model.safetensors"]
    assert not isinstance(value_or_error(lambda: resolve(str(write(tmp_path / "m", files)))), ModelFiles)
