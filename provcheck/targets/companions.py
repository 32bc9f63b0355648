"""The files beside the weights that matter for a measurement or a report: digests, and the kind of tokenizer."""

from __future__ import annotations

import re
from typing import Any

from provcheck.architectures import TOKENIZER_CLASSES
from provcheck.errors import BrokenModel, UnsupportedModel
from provcheck.targets.model_files import MAX_SMALL_BYTES, Place, digest, read_json
from provcheck.targets.token_growth import check_growth
from provcheck.types import FileDigest

KINDS = ("BPE", "Unigram", "WordPiece", "WordLevel")

TOKENIZER_FILES = frozenset(
    {
        "tokenizer.json",
        "tokenizer_config.json",
        "special_tokens_map.json",
        "added_tokens.json",
        "tokenizer.model",
        "spiece.model",
        "sentencepiece.bpe.model",
        "vocab.json",
        "merges.txt",
        "vocab.txt",
    }
)

SENTENCEPIECE = frozenset({"tokenizer.model", "spiece.model", "sentencepiece.bpe.model"})

NAMES = TOKENIZER_FILES | {
    "README.md",
    "config.json",
    "generation_config.json",
    "adapter_config.json",
    "model.safetensors.index.json",
    "pytorch_model.bin.index.json",
}
"""What provcheck or transformers reads; the same from the Hub, its cache and a folder, so that digests agree."""


def companions(place: Place, *, code: bool = False) -> tuple[FileDigest, ...]:
    """Digests of the companions that the place has, by name; `code` fetches and adds Python files that may be run."""
    modules = {name for name in place.names if code and _is_module(name)}
    if modules:
        place.fetch(modules)
    names = modules | (place.names & NAMES) | _tokenizers_for_versions(place)
    return tuple(digest(place.folder / name, limit=MAX_SMALL_BYTES) for name in sorted(names))


def _tokenizers_for_versions(place: Place) -> set[str]:
    """`tokenizer.VERSION.json`: transformers reads one of them in place of tokenizer.json where its config lists it."""
    named = {name for name in place.names if re.fullmatch(r"tokenizer\.[\w.-]+\.json", name)}
    return {name for name in named if (place.folder / name).is_file()}


def _is_module(name: str) -> bool:
    """A module that a config can name: transformers looks for it in the folder itself, not below it."""
    return name.endswith(".py") and "/" not in name and "\\" not in name


def tokenizer_kind(place: Place) -> str:
    """BPE, Unigram, WordPiece or WordLevel; UnsupportedModel where there is no tokenizer that can be used."""
    if (content := check_tokenizers(place)) is not None:
        return _declared_kind(content.get("model"))
    if kind := _kind_of_class(place) or _kind_of_files(place.names):
        return kind
    raise UnsupportedModel(
        f"{place.id} has no tokenizer: neither tokenizer.json nor vocabulary files that can be converted",
        "Copy the tokenizer files of the model into the folder.",
    )


def check_tokenizers(place: Place) -> dict[str, Any] | None:
    """tokenizer.json, if there is one; UnsupportedModel if it, or one for a version, makes too many tokens."""
    for name in sorted(_tokenizers_for_versions(place)):
        check_growth(name, read_json(place.folder / name, MAX_SMALL_BYTES))
    if "tokenizer.json" not in place.names:
        return None
    content = read_json(place.folder / "tokenizer.json", MAX_SMALL_BYTES)
    check_growth("tokenizer.json", content)
    return content


def _declared_kind(model: object) -> str:
    if not isinstance(model, dict):
        raise BrokenModel("tokenizer.json has no model section", "Fetch the file again from where it came.")
    kind = model.get("type") or _kind_of_fields(model)
    if kind not in KINDS:
        raise UnsupportedModel(f"tokenizer.json has a model of unknown type {str(kind)[:40]!a}")
    return str(kind)


def _kind_of_fields(model: dict[str, Any]) -> str:
    """Files written before 2021 carry no type."""
    if "merges" in model:
        return "BPE"
    if isinstance(model.get("vocab"), list):
        return "Unigram"
    return "WordPiece" if "max_input_chars_per_word" in model else "WordLevel"


def _kind_of_class(place: Place) -> str | None:
    if "tokenizer_config.json" not in place.names or not _kind_of_files(place.names):
        return None
    name = read_json(place.folder / "tokenizer_config.json").get("tokenizer_class")
    return TOKENIZER_CLASSES.get(str(name).removesuffix("Fast").removesuffix("Tokenizer"))


def _kind_of_files(names: frozenset[str]) -> str | None:
    if {"vocab.json", "merges.txt"} <= names:
        return "BPE"
    if names & SENTENCEPIECE:
        return "SentencePiece"
    return "WordPiece" if "vocab.txt" in names else None
