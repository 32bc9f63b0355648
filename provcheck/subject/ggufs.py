"""GGUF: one file that holds weights, config and tokenizer, as llama.cpp writes it."""

from __future__ import annotations

from math import prod
from typing import TYPE_CHECKING, Any

from provcheck.errors import BrokenModel, UnsupportedModel
from provcheck.reading import clean
from provcheck.subject.gguf_headers import check_header

if TYPE_CHECKING:
    from pathlib import Path

    from provcheck.subject.places import Place

SUFFIX = ".gguf"

KINDS = {"gpt2": "BPE", "llama": "SentencePiece", "bert": "WordPiece", "t5": "Unigram"}
"""llama.cpp's names of tokenizers."""


def choose_gguf(place: Place) -> str | None:
    """The one GGUF file of a place, None where there is none; UnsupportedModel where there are several."""
    names = sorted(name for name in place.names if name.lower().endswith(SUFFIX) and "/" not in name)
    if len(names) > 1:
        raise UnsupportedModel(
            f"{place.id} holds {len(names)} GGUF files, such as {names[0][:80]!a}, and it is not clear which is meant",
            "Put the one that you mean into a folder of its own; merge a split one with llama-gguf-split first.",
        )
    return names[0] if names else None


def count_elements(path: Path) -> int:
    """Number of elements of all tensors; BrokenModel if the file is not whole."""
    return sum(prod(int(size) for size in tensor.shape) for tensor in _reader(path).tensors)


def tokenizer_kind(path: Path) -> str:
    """Kind of the tokenizer in the file."""
    field = _reader(path).fields.get("tokenizer.ggml.model")
    stated = clean(field.contents()) if field else None
    if stated not in KINDS:
        raise UnsupportedModel(
            f"{path.name} has no tokenizer that can be used ({stated or 'none stated'})",
            "Put the model's tokenizer.json beside it.",
        )
    return KINDS[stated]


def _reader(path: Path) -> Any:
    """The library's reader of that file, which maps it into memory and loads no tensor."""
    try:
        from gguf import GGUFReader
    except ImportError:
        raise UnsupportedModel(
            f"{path.name} is a GGUF file, and the package that reads them is missing", "Run `pip install gguf`."
        ) from None
    try:
        check_header(path)
        return GGUFReader(path)
    except Exception as error:
        raise BrokenModel(
            f"{path.name} is no whole GGUF file: {clean(str(error)) or type(error).__name__}",
            "Fetch it again from where it came.",
        ) from None
