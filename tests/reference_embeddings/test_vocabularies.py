"""Tokenizers: the same on every run, correct offsets, any text, and AutoTokenizer reads back what was written."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from reference_embeddings.recipe.architectures import ARCHITECTURES, build_model
from reference_embeddings.recipe.corpus import Corpora
from reference_embeddings.recipe.plan import Recipe, Size, load_recipe
from reference_embeddings.recipe.vocabularies import train_tokenizer, wrap

NAMES = list(load_recipe().tokenizers)
TEXT = "Hello  wörld <0x41>!\n\n中文 العربية 😀 con tract [CLS] ##a <s> x"
LOSSLESS = [name for name in NAMES if not name.startswith("wordpiece")]


@pytest.fixture(scope="module")
def tokenizers(recipe: Recipe, corpora: Corpora) -> dict[str, Any]:
    return {name: wrap(train_tokenizer(kind, corpora, 1)) for name, kind in recipe.tokenizers.items()}


@pytest.mark.parametrize("name", NAMES)
def test_training_again_gives_the_same(name: str, tokenizers: dict[str, Any], recipe: Recipe, corpora: Corpora) -> None:
    again = wrap(train_tokenizer(recipe.tokenizers[name], corpora, 1))
    assert again.backend_tokenizer.to_str() == tokenizers[name].backend_tokenizer.to_str()


@pytest.mark.parametrize("name", NAMES)
def test_offsets_are_in_order_and_cover_every_letter(name: str, tokenizers: dict[str, Any]) -> None:
    offsets = tokenizers[name](TEXT, return_offsets_mapping=True)["offset_mapping"]
    covered = {place for start, end in offsets for place in range(start, end)}
    assert all(place in covered for place, letter in enumerate(TEXT) if not letter.isspace())
    starts = [start for start, end in offsets if end > start]
    assert starts == sorted(starts)


@pytest.mark.parametrize("name", LOSSLESS)
def test_text_comes_back_and_letters_beyond_ascii_stand_alone(name: str, tokenizers: dict[str, Any]) -> None:
    tokenizer = tokenizers[name]
    encoded = tokenizer("中文 x", return_offsets_mapping=True, add_special_tokens=False)
    assert tokenizer.decode(encoded["input_ids"]).strip() == "中文 x"
    assert (0, 2) not in encoded["offset_mapping"]
    assert tokenizer.unk_token_id not in encoded["input_ids"]


@pytest.mark.parametrize("name", NAMES)
def test_a_text_starts_with_the_special_token_or_none(name: str, tokenizers: dict[str, Any], recipe: Recipe) -> None:
    tokenizer = tokenizers[name]
    assert tokenizer("")["input_ids"] == ([tokenizer.bos_token_id] if recipe.tokenizers[name].bos else [])


@pytest.mark.parametrize(("name", "architecture"), product(NAMES, ARCHITECTURES))
def test_auto_tokenizer_reads_the_same(
    name: str, architecture: str, tokenizers: dict[str, Any], tmp_path: Path
) -> None:
    """Some architectures bring a tokenizer class of their own that ignores the file; those are of no use here."""
    tokenizer = tokenizers[name]
    network = build_model(architecture, Size(width=16, layers=1, heads=2), 64, 64, {"pad_token_id": None}, 0)
    network.config.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    assert AutoTokenizer.from_pretrained(tmp_path)(TEXT)["input_ids"] == tokenizer(TEXT)["input_ids"]
