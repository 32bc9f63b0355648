"""The one parser of safetensors headers, and files of arrays read through it.

The format (github.com/huggingface/safetensors): 8 bytes, little-endian: length N of the header; N bytes: a JSON object
of `name: {dtype, shape, data_offsets: [begin, end]}`; then the tensors' bytes, without gaps, up to the end of the file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from provcheck.types import Floats

MAX_HEADER_BYTES, MAX_VALUES = 100_000_000, 10_000_000
"""The limit of the reference implementation, and what keeps such a header from filling the memory."""

MAX_ARRAYS_BYTES = 8_000_000_000
"""Limit for a file that is read whole: the arrays of 150,000 references."""

MAX_DIMENSIONS = 8

DTYPE_BITS = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 16),
    **dict.fromkeys(("U32", "I32", "F32"), 32),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 64),
}

FLOATS = {"F16": np.float16, "F32": np.float32, "F64": np.float64}
INTEGERS = {"U8": np.uint8, "I32": np.int32}
"""What a signal may keep besides floats: packed bits, and places."""

Bytes = NDArray[np.uint8]


def _e4m3() -> Floats:
    """(256,) float32: sign, 4 bits of exponent (bias 7), 3 of fraction; no infinities, 0x7f and 0xff are NaN."""
    code = np.arange(128)
    exponent, fraction = code >> 3, code & 7
    values = np.where(exponent > 0, (8 + fraction) * 2.0 ** (exponent - 10), fraction * 2.0**-9)
    values[127] = np.nan
    return np.concatenate([values, -values]).astype(np.float32)


E4M3 = _e4m3()
READABLE = {*FLOATS, "BF16", "F8_E4M3", "F8_E5M2"}
"""Types that `as_floats` can read."""

HINT = "The file is truncated or corrupt: fetch it again from where it came."
LFS_POINTER = b"version https://git-lfs"


class HeaderFault(ValueError):
    """What is wrong with a header; the caller knows which file it is."""

    def __init__(self, message: str, hint: str = HINT) -> None:
        super().__init__(message)
        self.hint = hint


@dataclass(frozen=True)
class Entry:
    """One tensor as the header describes it; `begin` and `end` count from the first byte after the header."""

    dtype: str
    shape: tuple[int, ...]
    begin: int
    end: int
    elements: int


@dataclass(frozen=True)
class Header:
    """A checked header: `start` is the first byte after it, `text` the JSON as it is in the file."""

    entries: Mapping[str, Entry]
    metadata: Mapping[str, str]
    start: int
    text: bytes

    @property
    def is_compact(self) -> bool:
        """Whether it is laid out as the library writes it: compact JSON, filled up with spaces to a multiple of 8."""
        compact = json.dumps(json.loads(self.text), ensure_ascii=False, separators=(",", ":")).encode()
        return self.text == compact.ljust(-len(compact) // 8 * -8)


def read_header(path: Path) -> Header:
    """The header of a whole safetensors file. Raises HeaderFault or OSError; no tensor is read."""
    size = path.stat().st_size
    with path.open("rb") as file:
        prefix = file.read(8)
        length = int.from_bytes(prefix, "little")
        if len(prefix) == 8 and prefix == LFS_POINTER[:8] and file.read(15) == LFS_POINTER[8:]:
            raise HeaderFault("is a git-lfs pointer, not the weights", "Run `git lfs pull` in the folder.")
        _check_length(length, len(prefix), size)
        file.seek(8)
        return parse_header(file.read(length), size - 8 - length)


def parse_header(text: bytes, data_bytes: int) -> Header:
    """The header in a JSON text, followed by `data_bytes` bytes of data. Raises HeaderFault."""
    found = _parse(text)
    entries = {name: _entry(name, one, data_bytes) for name, one in found.items() if name != "__metadata__"}
    _check_contiguous([(one.begin, one.end) for one in entries.values()], data_bytes)
    return Header(entries, found.get("__metadata__", {}), 8 + len(text), text)


def read_arrays(path: Path, sha256: str) -> dict[str, Floats] | None:
    """All arrays of a file of signals, read-only; None if its digest differs.

    One read: the bytes whose digest was checked are the bytes that are used. Raises OSError, or ValueError when the
    file is too large, truncated, or holds other numbers than signals keep.
    """
    size = path.stat().st_size
    if size > MAX_ARRAYS_BYTES:
        raise ValueError(f"larger than {MAX_ARRAYS_BYTES // 1_000_000_000} GB")
    try:
        content = np.fromfile(path, dtype=np.uint8, count=size)
    except MemoryError:
        raise ValueError("too large for the memory of this machine") from None
    if hashlib.sha256(content.data).hexdigest() != sha256:
        return None
    content.flags.writeable = False
    length = int.from_bytes(content[:8].tobytes(), "little")
    _check_length(length, min(8, size), size)
    header = parse_header(content[8 : 8 + length].tobytes(), size - 8 - length)
    data = content[header.start :]
    return {name: _kept(data[one.begin : one.end], one.dtype, one.shape) for name, one in header.entries.items()}


def as_floats(raw: Bytes, dtype: str, shape: tuple[int, ...]) -> Floats:
    """Bytes of a tensor as numpy's floats; those that numpy lacks become float32 without loss. Raises ValueError."""
    if dtype in FLOATS:
        return np.asarray(raw.view(FLOATS[dtype]).reshape(shape))
    if dtype == "F8_E4M3":
        return E4M3[raw].reshape(shape)
    wide = {"BF16": (np.uint16, np.uint32, 16, np.float32), "F8_E5M2": (np.uint8, np.uint16, 8, np.float16)}.get(dtype)
    if wide is None:
        raise ValueError(f"{dtype} is no type of floats")
    stored, filled, bits, floats = wide  # both are the upper half of a wider type
    values = (np.ascontiguousarray(raw).view(stored).astype(filled) << bits).view(floats)
    return np.asarray(values.reshape(shape), dtype=np.float32)


def all_finite(values: Floats) -> bool:
    """Whether no number is NaN or infinite.

    In half precision the bits are compared, five times as fast: from 0x7c00 on, ignoring the sign bit, no number is
    finite. As signed integers the positive ones of these are the largest, as unsigned integers the negative ones.
    """
    if values.dtype != np.float16 or not values.size:
        return bool(np.isfinite(values).all())
    return bool(values.view(np.int16).max() < 0x7C00 and values.view(np.uint16).max() < 0xFC00)


def _kept(raw: Bytes, dtype: str, shape: tuple[int, ...]) -> Floats:
    """An array of a signal: floats, or integers as they are."""
    return np.asarray(raw.view(INTEGERS[dtype]).reshape(shape)) if dtype in INTEGERS else as_floats(raw, dtype, shape)


def _check_length(length: int, prefix: int, size: int) -> None:
    if prefix < 8 or length > size - 8:
        raise HeaderFault(f"the file ends inside its header ({size} bytes)")
    if length > MAX_HEADER_BYTES:
        raise HeaderFault(f"its header claims {length} bytes, more than the format allows")


def _parse(raw: bytes) -> dict[str, Any]:
    if not raw.startswith(b"{"):
        raise HeaderFault("its header is not a JSON object")
    if raw.count(b",") > MAX_VALUES:
        raise HeaderFault("its header lists more tensors than any model has")
    try:
        header: dict[str, Any] = json.loads(raw.decode("utf-8"), object_pairs_hook=_without_duplicates)
    except HeaderFault:
        raise
    except (ValueError, RecursionError) as error:
        raise HeaderFault("its header is not valid JSON") from error
    metadata = header.get("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise HeaderFault("its metadata is not a map of strings")
    return header


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse duplicate names: two readers could disagree on which one counts."""
    unique = dict(pairs)
    if len(unique) < len(pairs):
        raise HeaderFault("its header names an entry twice")
    return unique


def _entry(name: str, entry: object, data_bytes: int) -> Entry:
    label = f"tensor {name[:80]!a}"
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise HeaderFault(f"{label} is not described by dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPE_BITS:
        raise HeaderFault(f"{label} has an unknown dtype {str(dtype)[:20]!a}")
    if not _is_sizes(shape) or not _is_sizes(offsets) or len(offsets) != 2:
        raise HeaderFault(f"{label} has a malformed shape or data_offsets")
    begin, end = offsets
    if not begin <= end <= data_bytes:
        raise HeaderFault(f"{label} reaches past the end of the file")
    elements = _product(shape, limit=2 * data_bytes, label=label)
    if elements * DTYPE_BITS[dtype] != 8 * (end - begin):
        _mismatch(label)
    return Entry(dtype, tuple(shape), begin, end, elements)


def _is_sizes(value: object) -> bool:
    return isinstance(value, list) and all(type(item) is int and item >= 0 for item in value)


def _product(shape: list[int], *, limit: int, label: str) -> int:
    """Product of the shape; stops early, because hostile dimensions could make a number of millions of digits."""
    if 0 in shape:
        return 0
    product = 1
    for size in shape:
        product *= size
        if product > limit:
            _mismatch(label)
    return product


def _mismatch(label: str) -> NoReturn:
    raise HeaderFault(f"{label} has another size than its dtype and shape ask for")


def _check_contiguous(spans: list[tuple[int, int]], data_bytes: int) -> None:
    ordered = [(0, 0), *sorted(spans), (data_bytes, data_bytes)]
    if any(before[1] != after[0] for before, after in pairwise(ordered)):
        raise HeaderFault("its tensors do not fill the file without gaps or overlaps")
