"""GGUF files: what is stated about whole ones, and one clear sentence for each that cannot be used."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import pytest

from provcheck.errors import BrokenModel, SubjectError, SubjectNotFound, UnsupportedModel
from provcheck.targets.resolution import resolve
from tests.targets.builders import model_files, tensors, write
from tests.tiny import CONTEXT, VOCABULARY, tiny_model, tiny_tokenizer
from tests.tiny_gguf import SIZES, save_gguf


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "tiny").mkdir()
    save_gguf(tmp_path / "tiny" / "tiny-q8_0.gguf")
    return tmp_path / "tiny"


def test_states_what_the_file_holds(folder: Path) -> None:
    subject = resolve(str(folder)).subject
    assert (subject.id, subject.weight_format, subject.model_type) == ("tiny", "gguf", "llama")
    assert (subject.context_length, subject.vocabulary_size, subject.tokenizer) == (CONTEXT, VOCABULARY, "BPE")
    assert subject.parameters == sum(parameter.numel() for parameter in tiny_model("llama", **SIZES).parameters())
    (weights,) = subject.weights
    assert weights.name == "tiny-q8_0.gguf"
    assert weights.sha256 == hashlib.sha256((folder / weights.name).read_bytes()).hexdigest()


def test_a_tokenizer_beside_it_counts(folder: Path) -> None:
    tiny_tokenizer("wordpiece").save_pretrained(folder)
    assert resolve(str(folder)).subject.tokenizer == "WordPiece"


def test_safetensors_go_first(folder: Path) -> None:
    write(folder, model_files())
    assert resolve(str(folder)).subject.weight_format == "safetensors"


def test_several_files_are_ambiguous(folder: Path) -> None:
    save_gguf(folder / "tiny-f32.gguf", "F32")
    with pytest.raises(UnsupportedModel, match=r"holds 2 GGUF files, such as 'tiny-f32\.gguf'") as caught:
        resolve(str(folder))
    assert "folder of its own" in caught.value.hint


def test_the_file_itself_is_no_folder(folder: Path) -> None:
    with pytest.raises(SubjectNotFound, match="is a file, not a folder") as caught:
        resolve(str(folder / "tiny-q8_0.gguf"))
    assert "GGUF" in caught.value.hint


def test_what_transformers_cannot_load_is_unsupported(tmp_path: Path) -> None:
    save_gguf(tmp_path / "new.gguf", architecture="from-the-future")
    with pytest.raises(UnsupportedModel, match=r"transformers cannot load 'new\.gguf': .*from-the-future") as caught:
        resolve(str(tmp_path))
    assert "safetensors" in caught.value.hint


def test_without_the_package_the_way_out_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "gguf", None)
    with pytest.raises(UnsupportedModel, match="the package that reads them is missing") as caught:
        resolve(str(folder))
    assert "pip install gguf" in caught.value.hint


@pytest.mark.parametrize("share", [0.0, 0.001, 0.1, 0.5, 0.99])
def test_truncated_files_are_told(folder: Path, share: float) -> None:
    file = folder / "tiny-q8_0.gguf"
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(BrokenModel, match=r"tiny-q8_0\.gguf is no whole GGUF file"):
        resolve(str(folder))


@pytest.mark.parametrize(
    "content", [b"GGUF", b"GGUF" + b"\xff" * 60, b"no", tensors(a=(3,)), b"GGUF\3\0\0\0" + b"\xff" * 16]
)
def test_other_content_is_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.gguf").write_bytes(content)
    with pytest.raises(SubjectError) as caught:
        resolve(str(tmp_path))
    assert caught.value.message.isprintable()
    assert str(tmp_path) not in caught.value.message


def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "m.gguf")
    with pytest.raises(SubjectError):
        resolve(str(tmp_path))
