"""Is a safetensors file whole? Read from its header alone, without loading a tensor.

The format (github.com/huggingface/safetensors): 8 bytes, little-endian: length N of the header; N bytes: a JSON object
of `name: {dtype, shape, data_offsets: [begin, end]}`; then the tensors' bytes, without gaps, up to the end of the file.
"""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NoReturn

from provcheck.errors import BrokenModel
from provcheck.subject.files import unreadable

if TYPE_CHECKING:
    from pathlib import Path

MAX_HEADER_BYTES, MAX_VALUES = 100_000_000, 10_000_000
"""The limit of the reference implementation, and what keeps such a header from filling the memory."""

DTYPE_BITS = {
    **dict.fromkeys(("F4",), 4),
    **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2", "F8_E8M0", "F8_E4M3FNUZ", "F8_E5M2FNUZ"), 8),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 16),
    **dict.fromkeys(("U32", "I32", "F32"), 32),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 64),
}

HINT = "The file is truncated or corrupt: fetch it again from where it came."
LFS_POINTER = b"version https://git-lfs"


def count_elements(path: Path) -> int:
    """Number of elements of all tensors in a safetensors file; BrokenModel if the file is not whole."""
    try:
        header, data_bytes = _read_header(path)
        spans = [_span(name, entry, data_bytes) for name, entry in header.items() if name != "__metadata__"]
        _check_contiguous([span[:2] for span in spans], data_bytes)
    except OSError as error:
        raise unreadable(path, error) from error
    except _Flaw as flaw:
        raise BrokenModel(f"{path.name}: {flaw}", flaw.hint) from flaw
    return sum(elements for _, _, elements in spans)


class _Flaw(Exception):
    """What is wrong with a header; the caller knows which file it is."""

    def __init__(self, message: str, hint: str = HINT) -> None:
        super().__init__(message)
        self.hint = hint


def _read_header(path: Path) -> tuple[dict[str, Any], int]:
    """The header and the number of data bytes behind it."""
    size = path.stat().st_size
    with path.open("rb") as file:
        prefix = file.read(8)
        length = int.from_bytes(prefix, "little")
        if len(prefix) == 8 and prefix == LFS_POINTER[:8] and file.read(15) == LFS_POINTER[8:]:
            raise _Flaw("is a git-lfs pointer, not the weights", "Run `git lfs pull` in the folder.")
        if len(prefix) < 8 or length > size - 8:
            raise _Flaw(f"the file ends inside its header ({size} bytes)")
        if length > MAX_HEADER_BYTES:
            raise _Flaw(f"its header claims {length} bytes, more than the format allows")
        file.seek(8)
        return _parse(file.read(length)), size - 8 - length


def _parse(raw: bytes) -> dict[str, Any]:
    if not raw.startswith(b"{"):
        raise _Flaw("its header is not a JSON object")
    if raw.count(b",") > MAX_VALUES:
        raise _Flaw("its header lists more tensors than any model has")
    try:
        header: dict[str, Any] = json.loads(raw.decode("utf-8"), object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        raise _Flaw("its header is not valid JSON") from error
    metadata = header.get("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _Flaw("its metadata is not a map of strings")
    return header


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Two readers could disagree on which of two equal names counts."""
    unique = dict(pairs)
    if len(unique) < len(pairs):
        raise _Flaw("its header names an entry twice")
    return unique


def _span(name: str, entry: object, data_bytes: int) -> tuple[int, int, int]:
    """Begin and end of a tensor in the data, and its number of elements."""
    label = f"tensor {name[:80]!a}"
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise _Flaw(f"{label} is not described by dtype, shape and data_offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in DTYPE_BITS:
        raise _Flaw(f"{label} has an unknown dtype {str(dtype)[:20]!a}")
    if not _is_sizes(shape) or not _is_sizes(offsets) or len(offsets) != 2:
        raise _Flaw(f"{label} has a malformed shape or data_offsets")
    begin, end = offsets
    if not begin <= end <= data_bytes:
        raise _Flaw(f"{label} reaches past the end of the file")
    elements = _product(shape, limit=2 * data_bytes, label=label)
    if elements * DTYPE_BITS[dtype] != 8 * (end - begin):
        _mismatch(label)
    return begin, end, elements


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
    raise _Flaw(f"{label} has another size than its dtype and shape ask for")


def _check_contiguous(spans: list[tuple[int, int]], data_bytes: int) -> None:
    ordered = [(0, 0), *sorted(spans), (data_bytes, data_bytes)]
    if any(before[1] != after[0] for before, after in pairwise(ordered)):
        raise _Flaw("its tensors do not fill the file without gaps or overlaps")
