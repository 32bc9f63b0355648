"""Which kind of tokenizer a model has, read from its files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from provcheck.errors import BrokenModel, UnsupportedModel
from provcheck.subject.files import MAX_SMALL_BYTES, read_json

if TYPE_CHECKING:
    from provcheck.subject.places import Place

KINDS = ("BPE", "Unigram", "WordPiece", "WordLevel")

FILES = frozenset(
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

CLASSES = {
    **dict.fromkeys(("Llama", "CodeLlama", "Gemma", "GPT2", "Qwen2", "GPTNeoX", "CodeGen", "Roberta", "Bart"), "BPE"),
    **dict.fromkeys(("T5", "Albert", "XLNet", "XGLM", "Camembert", "XLMRoberta", "MBart", "Pegasus"), "Unigram"),
    **dict.fromkeys(("Bert", "DistilBert", "Electra", "RoFormer"), "WordPiece"),
}
"""Tokenizer classes of transformers, without `Tokenizer` and `Fast`, whose files are converted when they are loaded."""


def tokenizer_kind(place: Place) -> str:
    """BPE, Unigram, WordPiece or WordLevel; UnsupportedModel where there is no tokenizer that can be used."""
    if "tokenizer.json" in place.names:
        return _declared_kind(read_json(place.folder / "tokenizer.json", MAX_SMALL_BYTES).get("model"))
    if kind := _kind_of_class(place) or _kind_of_files(place.names):
        return kind
    raise UnsupportedModel(
        f"{place.id} has no tokenizer: neither tokenizer.json nor vocabulary files that can be converted",
        "Copy the tokenizer files of the model into the folder.",
    )


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
    return CLASSES.get(str(name).removesuffix("Fast").removesuffix("Tokenizer"))


def _kind_of_files(names: frozenset[str]) -> str | None:
    if {"vocab.json", "merges.txt"} <= names:
        return "BPE"
    if names & SENTENCEPIECE:
        return "SentencePiece"
    return "WordPiece" if "vocab.txt" in names else None
