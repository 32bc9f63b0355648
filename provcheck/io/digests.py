"""sha256 of files and arrays."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from provcheck.types import Floats


def file_digest(path: Path) -> str:
    """sha256 (hex) of a file, read in chunks."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def arrays_digest(arrays: Mapping[str, Floats]) -> str:
    """sha256 (hex) over names, shapes, types and bytes of arrays, in order of name."""
    sha = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        sha.update(json.dumps([name, list(array.shape), array.dtype.str]).encode())
        sha.update(array.tobytes())
    return sha.hexdigest()
