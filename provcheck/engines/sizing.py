"""How large a model is, before anything of it is read: what GPUs and cores are asked for by."""

from __future__ import annotations

from math import ceil
from pathlib import Path

WEIGHT_FILES = ("*.safetensors", "*.bin", "*.gguf")

SHARE_FOR_WEIGHTS = 0.8
"""Of a GPU's memory; the rest is for batches."""


def weight_bytes(path: str | None) -> int | None:
    """Size of the weight files in a folder, or of the file of that name; None where neither is to be seen here."""
    if path is None:
        return None
    place = Path(path)
    try:
        files = [found for pattern in WEIGHT_FILES for found in place.glob(pattern)] if place.is_dir() else [place]
        return sum(file.stat().st_size for file in files) or None
    except (OSError, ValueError):
        return None


def gpus_for(weights: int | None, gpu_bytes: int) -> int:
    """Whole GPUs for a model with that many bytes of weights; one where its size is not known.

    Two models never share one: how much memory is free decides how batches are cut, and that the last bits.
    """
    return max(1, ceil((weights or 0) / (SHARE_FOR_WEIGHTS * gpu_bytes)))
