"""Digests of what lies beside the weights."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from provcheck.errors import BrokenModel
from provcheck.targets import FindOptions
from provcheck.targets.model_files import MAX_SMALL_BYTES
from provcheck.targets.resolution import resolve
from tests.targets.builders import adapter_files, model_files, write


def names(folder: Path, *, trust: bool = False) -> list[str]:
    return [file.name for file in resolve(str(folder), FindOptions(trust_remote_code=trust)).subject.files]


def test_what_is_read_is_digested_and_nothing_else(tmp_path: Path) -> None:
    others = {"train.log": "x", "optimizer.pt": b"x", "modeling_mine.py": "x = 1", "config.json.bak": "x"}
    folder = write(tmp_path / "m", model_files(**{"generation_config.json": {}, **others}))
    files = resolve(str(folder)).subject.files
    assert [file.name for file in files] == ["README.md", "config.json", "generation_config.json", "tokenizer.json"]
    for file in files:
        content = (folder / file.name).read_bytes()
        assert (file.bytes, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_code_is_digested_when_it_may_run(tmp_path: Path) -> None:
    folder = write(tmp_path / "m", model_files(**{"modeling_mine.py": "x = 1"}))
    assert "modeling_mine.py" not in names(folder)
    assert "modeling_mine.py" in names(folder, trust=True)


@pytest.mark.parametrize("name", ["README.md", "config.json", "tokenizer.json"])
def test_a_change_beside_the_weights_is_seen(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path / "m", model_files())
    before = resolve(str(folder)).subject
    write(folder, {name: (folder / name).read_bytes() + b"\n"})
    after = resolve(str(folder)).subject
    assert after.weights_digest == before.weights_digest
    assert {file.name for file in set(after.files) ^ set(before.files)} == {name}


def test_a_tokenizer_for_some_versions_of_transformers_is_digested(tmp_path: Path) -> None:
    """transformers reads it in place of tokenizer.json when tokenizer_config.json lists it."""
    folder = write(tmp_path / "m", model_files(**{"tokenizer.4.0.0.json": {}, "tokenizer.json.bak": "x"}))
    assert names(folder) == ["README.md", "config.json", "tokenizer.4.0.0.json", "tokenizer.json"]


def test_an_adapter_and_its_base_have_their_own(tmp_path: Path) -> None:
    base = write(tmp_path / "base", model_files())
    subject = resolve(str(write(tmp_path / "adapter", adapter_files("../base")))).subject
    assert [file.name for file in subject.files] == ["adapter_config.json"]
    assert subject.base is not None
    assert subject.base.files == resolve(str(base)).subject.files


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    folder = write(tmp_path / "m", model_files())
    os.truncate(folder / "README.md", MAX_SMALL_BYTES + 1)
    with pytest.raises(BrokenModel, match=r"README\.md is larger than 100 MB"):
        resolve(str(folder))
