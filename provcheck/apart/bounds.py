"""What the process that measures gets: memory, processor time, and an environment without the user's secrets."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

GIB = 2**30
LIBRARIES = 8 * GIB
"""Address space for torch and transformers; they map about 5 GiB."""

FOR_A_CORE = GIB // 4
"""Address space that a thread's stack and heap reserve."""

COPIES = 4
"""Of the weights: the mapped file, the model in memory, perhaps in twice the size."""

HOUR = 3600
BYTES_A_SECOND = 20_000
"""Weights for which a second of processor time is added: a model of 7 billion parameters takes days on a CPU."""

SECONDS_TO_END = 5
"""Of processor time, from the signal that can be told from others to the end."""

MAX_FILE = 2 * GIB
"""Largest file that the process may write."""

KEPT = {"PATH", "LANG", "LANGUAGE", "TZ", "LD_LIBRARY_PATH", "SYSTEMROOT", "PYTHONHASHSEED", "PYTHONUTF8"}
KEPT_PREFIXES = ("LC_", "OMP_", "MKL_", "OPENBLAS_", "KMP_", "GOMP_", "CUDA_", "NVIDIA_", "HIP_", "ROCR_", "TORCH_")
"""What numbers and speed may depend on; everything else stays behind, tokens and proxies among it."""


@dataclass(frozen=True)
class Bounds:
    """Limits of one process; `address_space` is None where a GPU is used, whose driver maps terabytes."""

    address_space: int | None
    cpu_seconds: int


def bounds_for(weights: int, batches: int | None, device: str) -> Bounds:
    """Limits for a model with that many bytes of weights, and memory for batches as the user gave it, if at all."""
    batches = psutil.virtual_memory().available if batches is None else batches
    room = LIBRARIES + FOR_A_CORE * (os.cpu_count() or 1) + COPIES * weights + batches
    return Bounds(room if device == "cpu" else None, HOUR + weights // BYTES_A_SECOND)


def environment_in(folder: str) -> dict[str, str]:
    """The environment, with a home of its own in that folder, and nothing fetched."""
    kept = {name: value for name, value in os.environ.items() if name in KEPT or name.startswith(KEPT_PREFIXES)}
    paths = os.pathsep.join(str(Path(path).absolute()) for path in sys.path if path)
    own = dict.fromkeys(("HOME", "USERPROFILE", "TMPDIR", "TEMP", "TMP", "HF_HOME"), folder)
    offline = dict.fromkeys(("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY"), "1")
    return {**kept, **own, **offline, "PYTHONPATH": paths}


def apply(bounds: Bounds) -> None:
    """Bind this process for good. A limit that the system does not know, or that is lower already, stays as it is."""
    import resource

    limits: Mapping[str, int | None] = {
        "RLIMIT_AS": bounds.address_space,
        "RLIMIT_CPU": bounds.cpu_seconds,
        "RLIMIT_FSIZE": MAX_FILE,
        "RLIMIT_CORE": 0,
    }
    for name, limit in limits.items():
        kind = getattr(resource, name, None)
        if kind is None or limit is None:
            continue
        hard = resource.getrlimit(kind)[1]
        lowest = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (lowest, lowest + SECONDS_TO_END if name == "RLIMIT_CPU" else lowest))
