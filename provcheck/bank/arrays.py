"""The arrays of a bank, from one read of their file: the bytes whose digest was checked are the bytes that are used.

safetensors' own reader maps the file and copies each array out of it, which for 10,000 references took between 0.5 and
2 seconds on top of the digest, and the file could change in between.
"""

from __future__ import annotations

import hashlib
import json
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from provcheck.types import Floats

MAX_BYTES = 8_000_000_000
"""Arrays of 150,000 references."""

MAX_HEADER_BYTES, MAX_DIMENSIONS = 100_000, 3

DTYPES = {"F16": np.float16, "F32": np.float32, "F64": np.float64}


def read_arrays(path: Path, sha256: str) -> dict[str, Floats] | None:
    """The arrays of a safetensors file, read-only; None where its digest is another one.

    Raises OSError, or ValueError when it is too large or not a whole file of floats.
    """
    size = path.stat().st_size
    if size > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES // 1_000_000_000} GB")
    try:
        content = np.fromfile(path, dtype=np.uint8, count=size)
    except MemoryError:
        raise ValueError("too large for the memory of this machine") from None
    if hashlib.sha256(content.data).hexdigest() != sha256:
        return None
    content.flags.writeable = False
    try:
        return _arrays(content)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError("not a whole safetensors file of floats") from None


def _arrays(content: np.ndarray) -> dict[str, Floats]:
    """8 bytes, little-endian: length N of the header; N bytes: JSON; the arrays, at their offsets from there."""
    start = 8 + int.from_bytes(content[:8].tobytes(), "little")
    if start > MAX_HEADER_BYTES:
        raise ValueError
    header = json.loads(content[8:start].tobytes())
    return {name: _array(content[start:], entry) for name, entry in header.items() if name != "__metadata__"}


def _array(data: np.ndarray, entry: dict[str, Any]) -> Floats:
    dtype, shape, (begin, end) = np.dtype(DTYPES[entry["dtype"]]), entry["shape"], entry["data_offsets"]
    if len(shape) > MAX_DIMENSIONS or min(shape) < 0 or not 0 <= begin <= end <= len(data):
        raise ValueError
    if prod(shape) * dtype.itemsize != end - begin:
        raise ValueError
    return np.asarray(data[begin:end].view(dtype).reshape(shape))


def all_finite(blocks: Floats) -> bool:
    """Whether no number is NaN or infinite.

    Of half precision the bits are looked at, five times as fast: from 0x7c00 on, not counting the sign, no number is
    finite. Read as signed integers those without a sign are the largest, as unsigned ones those with it.
    """
    if blocks.dtype != np.float16 or not blocks.size:
        return bool(np.isfinite(blocks).all())
    return bool(blocks.view(np.int16).max() < 0x7C00 and blocks.view(np.uint16).max() < 0xFC00)
