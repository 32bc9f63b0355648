"""GGUF: one file that holds weights, config and tokenizer, as llama.cpp writes it.

The gguf library's reader creates an object for every value, so a header of a gigabyte would fill the memory: every
header is first walked without keeping anything.
The format (github.com/ggml-org/ggml, docs/gguf.md): magic, version, numbers of tensors and of keys; each key with type
and value; then name, shape, type and offset of each tensor. A string is its length and its bytes.
"""

from __future__ import annotations

import struct
from math import prod
from pathlib import Path
from typing import Any, BinaryIO

from provcheck.architectures import GGUF_TOKENIZERS
from provcheck.errors import BrokenModel, UnsupportedModel
from provcheck.io.text import clean
from provcheck.targets.model_files import Place

SUFFIX = ".gguf"
MAGIC = b"GGUF"
MAX_VALUES = 3_000_000
"""In a whole header; a tokenizer of 262,144 tokens has 1.3 million."""

MAX_TENSORS, MAX_DIMENSIONS, MAX_STRING_BYTES = 100_000, 8, 10_000_000

SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
"""Bytes of a value of each type but string and array."""

STRING, ARRAY = 8, 9


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
    if stated not in GGUF_TOKENIZERS:
        raise UnsupportedModel(
            f"{path.name} has no tokenizer that can be used ({stated or 'none stated'})",
            "Put the model's tokenizer.json beside it.",
        )
    return GGUF_TOKENIZERS[stated]


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


def check_header(path: Path) -> None:
    """Raises ValueError for a header that is not GGUF or longer than any model's, OSError if it cannot be read."""
    with path.open("rb") as file:
        if file.read(4) != MAGIC:
            raise ValueError("it does not begin with GGUF")
        version = file.read(4)
        _Header(file, "<" if version[:2] != b"\0\0" else ">").walk()


class _Header:
    """Walks a header; `order` is its byte order."""

    def __init__(self, file: BinaryIO, order: str) -> None:
        self._file = file
        self._order = order
        self._left = MAX_VALUES

    def walk(self) -> None:
        tensors, keys = self._number("Q"), self._number("Q")
        self._spend(keys)
        if tensors > MAX_TENSORS:
            raise ValueError(f"it lists {tensors:,} tensors")
        for _ in range(keys):
            self._string()
            self._value(self._number("I"))
        for _ in range(tensors):
            self._string()
            dimensions = self._number("I")
            if dimensions > MAX_DIMENSIONS:
                raise ValueError(f"it has a tensor of {dimensions:,} dimensions")
            self._skip(8 * dimensions + 12)

    def _value(self, kind: int) -> None:
        if kind == STRING:
            self._string()
        elif kind == ARRAY:
            self._array()
        elif kind in SIZES:
            self._skip(SIZES[kind])
        else:
            raise ValueError(f"it has a value of unknown type {kind}")

    def _array(self) -> None:
        kind, length = self._number("I"), self._number("Q")
        self._spend(length)
        if kind in SIZES:
            self._skip(SIZES[kind] * length)
        elif kind == STRING:
            for _ in range(length):
                self._string()
        else:
            raise ValueError("it has an array of arrays")

    def _string(self) -> None:
        length = self._number("Q")
        if length > MAX_STRING_BYTES:
            raise ValueError(f"it has a text of {length:,} bytes")
        self._skip(length)

    def _number(self, form: str) -> int:
        size = struct.calcsize(form)
        raw = self._file.read(size)
        if len(raw) < size:
            raise ValueError("it ends inside its header")
        return int(struct.unpack(self._order + form, raw)[0])

    def _spend(self, values: int) -> None:
        self._left -= values
        if self._left < 0:
            raise ValueError(f"its header holds more than {MAX_VALUES:,} values")

    def _skip(self, size: int) -> None:
        """Skip bytes; past the end of the file, reading the next number fails."""
        self._file.seek(size, 1)
