"""What a tokenizer.json may add to a text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

from provcheck.errors import UnsupportedModel
from provcheck.targets.resolution import resolve
from provcheck.targets.token_growth import MAX_ADDED, MAX_INSERTED, check_growth
from tests.hostile.strategies import changed
from tests.targets.builders import adapter_files, model_files, write

TEXT = {"Sequence": {"id": "A", "type_id": 0}}


def replace(length: int) -> dict[str, Any]:
    return {"normalizer": {"type": "Replace", "pattern": {"Regex": "."}, "content": "x" * length}}


def prepend(length: int) -> dict[str, Any]:
    return {"normalizer": {"type": "Prepend", "prepend": "x" * length}}


def template(pieces: int, ids: int = 1, texts: int = 1) -> dict[str, Any]:
    special = {"SpecialToken": {"id": "<s>", "type_id": 0}}
    tokens = {"<s>": {"id": "<s>", "ids": [1] * ids, "tokens": ["<s>"] * ids}}
    single = [*[special] * pieces, *[TEXT] * texts]
    return {"post_processor": {"type": "TemplateProcessing", "single": single, "special_tokens": tokens}}


def in_sequences(tokenizer: dict[str, Any], depth: int = 5000) -> dict[str, Any]:
    ((name, part),) = tokenizer.items()
    inside = {"normalizer": "normalizers", "post_processor": "processors"}[name]
    for _ in range(depth):
        part = {"type": "Sequence", inside: [part]}
    return {name: part}


TOO_MUCH = {
    "replace": (replace(2000), r"a normalizer of t\.json inserts 2,000 characters"),
    "just more": (replace(MAX_INSERTED + 1), "inserts 101 characters"),
    "prepend": (prepend(2000), "inserts 2,000 characters"),
    "template": (template(2000, 1000), r"the post_processor of t\.json adds 2,000,000 tokens"),
    "one long token": (template(1, MAX_ADDED + 1), "adds 1,001 tokens"),
    "many pieces": (template(MAX_ADDED + 1), "adds 1,001 tokens"),
    "text twice": (template(1, texts=2), "repeats the text"),
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_what_fills_the_memory_is_refused(name: str) -> None:
    tokenizer, message = TOO_MUCH[name]
    for one in (tokenizer, in_sequences(tokenizer)):
        with pytest.raises(UnsupportedModel, match=message) as caught:
            check_growth("t.json", one)
        assert "base model" in caught.value.hint


@pytest.mark.parametrize(
    "tokenizer", [{}, replace(MAX_INSERTED), prepend(1), template(2), template(1, MAX_ADDED), template(0, texts=0)]
)
def test_the_rest_is_not(tokenizer: dict[str, Any]) -> None:
    check_growth("t.json", tokenizer)
    if tokenizer:
        check_growth("t.json", in_sequences(tokenizer))


@given(tokenizer=changed({**replace(3), **template(2)}))
def test_any_values(tokenizer: Any) -> None:
    if isinstance(tokenizer, dict):
        try:
            check_growth("t.json", tokenizer)
        except UnsupportedModel as error:
            assert error.message


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer.4.0.0.json"])
def test_every_tokenizer_of_a_model_and_of_an_adapter_is_read(tmp_path: Path, name: str) -> None:
    """An adapter's is used in place of the base model's."""
    tokenizer = {"model": {"type": "BPE", "vocab": {}, "merges": []}, **replace(2000)}
    write(tmp_path / "base", model_files())
    for files in (model_files(**{name: tokenizer}), {**adapter_files("../base"), name: tokenizer}):
        folder = write(tmp_path / str(len(files)), files)
        with pytest.raises(UnsupportedModel, match="inserts 2,000 characters"):
            resolve(str(folder))
