"""Devices: their names and memory, the dtypes they compute in, and which of them a model's weights go to."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import torch
import torch.utils.deterministic

from provcheck.errors import TooLarge, UsageError
from provcheck.types import Subject

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
"""Read once, by the first matrix product on a GPU; without it products may differ in their last bits."""

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}

MARGIN = 0.85
"""Share of the free memory that is used when no budget is stated."""


SHARE_FOR_WEIGHTS = 0.8
"""Share of each GPU's free memory when a model is spread over several; the rest is for batches."""

SIGNS = ("out of memory", "not enough memory", "can't allocate memory", "alloc_failed")
"""How libraries say that there is not enough memory."""


def choose_device(device: str) -> torch.device:
    """`auto` is the first GPU, or else the CPU; raises UsageError for a device that is not there."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.zeros(1, device=chosen).item()  # `meta` holds no numbers
    except (RuntimeError, AssertionError, ImportError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"device '{device}' cannot be used: {reason}", "run `provcheck doctor`") from None
    return chosen


def count_gpus() -> int:
    """The GPUs that this process sees."""
    return torch.cuda.device_count()


def name_device(device: torch.device) -> str:
    """`cpu`, or the name of the GPU."""
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def choose_dtype(dtype: str, device: torch.device) -> torch.dtype:
    """`auto` is float32 on the CPU and bfloat16 on a GPU; raises UsageError for an unknown name."""
    if dtype == "auto":
        return torch.float32 if device.type == "cpu" else torch.bfloat16
    if dtype not in DTYPES:
        raise UsageError(f"unknown dtype '{dtype}'", f"use one of: auto, {', '.join(DTYPES)}")
    return DTYPES[dtype]


def name_dtype(dtype: torch.dtype) -> str:
    """`float32`."""
    return str(dtype).removeprefix("torch.")


def free_bytes(device: torch.device) -> int:
    """Share MARGIN of the memory that is free on the device, in coarse steps so that runs repeat."""
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return in_coarse_steps(MARGIN * (torch.cuda.mem_get_info(device)[0] + unused))
    return in_coarse_steps(MARGIN * min(psutil.virtual_memory().available, free_in_container()))


def in_coarse_steps(size: float) -> int:
    """Rounded down to 1, 1.25, 1.5 or 1.75 times a power of two."""
    step = 1 << max(0, int(size).bit_length() - 3)
    return int(size) // step * step


def free_in_container(group: Path = Path("/sys/fs/cgroup")) -> float:
    """What a container's limit leaves (cgroup v2); infinite where there is none."""
    try:
        return int((group / "memory.max").read_text()) - int((group / "memory.current").read_text())
    except (OSError, ValueError):  # no such file, or the limit is "max"
        return float("inf")


def is_out_of_memory(error: BaseException) -> bool:
    """Whether a device or the machine ran out of memory; libraries have many ways to say so."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    message = str(error).lower()
    return isinstance(error, RuntimeError) and any(sign in message for sign in SIGNS)


@contextmanager
def repeatable(device: torch.device) -> Iterator[None]:
    """Inside, a GPU uses deterministic kernels where there are any; a CPU is deterministic anyway.

    Attention's backward pass, for one, adds up in a varying order unless it is told not to.
    """
    if device.type != "cuda":
        yield
        return
    settings: Any = torch.utils.deterministic
    enabled = torch.are_deterministic_algorithms_enabled()
    warn_only = torch.is_deterministic_algorithms_warn_only_enabled()
    fill = settings.fill_uninitialized_memory
    torch.use_deterministic_algorithms(True, warn_only=True)
    settings.fill_uninitialized_memory = False
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*deterministic.*")
            yield
    finally:
        torch.use_deterministic_algorithms(enabled, warn_only=warn_only)
        settings.fill_uninitialized_memory = fill


def place_weights(subject: Subject, asked: str, chosen: torch.device, dtype: torch.dtype) -> dict[str, Any]:
    """Arguments of from_pretrained: the chosen device, or all GPUs if `auto` was asked for and one is too small.

    Raises TooLarge when the weights fit nowhere; loading them would get the process killed.
    """
    needed, free = weight_bytes(subject, dtype), free_bytes(chosen)
    if needed <= free / MARGIN:
        return {"device_map": {"": chosen}}
    if asked == "auto" and chosen.type == "cuda":
        gpus = [free_bytes(torch.device("cuda", number)) for number in range(torch.cuda.device_count())]
        if needed <= SHARE_FOR_WEIGHTS * sum(gpus):
            limits = {number: int(SHARE_FOR_WEIGHTS * size) for number, size in enumerate(gpus)}
            return {"device_map": "balanced", "max_memory": {**limits, "cpu": 0}}
        free = sum(gpus)
    raise TooLarge(
        f"the weights of '{subject.id}' need {_gib(needed)} in {name_dtype(dtype)}, and {_gib(free)} are free "
        f"on {chosen.type}",
        "use --dtype bfloat16 if that is not set yet, another --device, or a machine with more memory",
    )


def weight_bytes(subject: Subject, dtype: torch.dtype) -> int:
    """Size of the weights when they are loaded; where their number is not known, the size of their files."""
    model = subject.base or subject
    adapter = sum(file.bytes for file in subject.weights) if subject.base else 0
    if model.parameters is not None:
        return model.parameters * dtype.itemsize + adapter
    return sum(file.bytes for file in model.weights) + adapter


def _gib(size: float) -> str:
    return f"{size / 2**30:.1f} GiB"
