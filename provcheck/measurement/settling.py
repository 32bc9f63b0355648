"""Which device and dtype a measurement will use, without torch where that can be known: its import takes a second."""

from __future__ import annotations

import ctypes
from functools import cache
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import NamedTuple

CPU_DTYPES = {"auto": "float32", "float32": "float32", "bfloat16": "bfloat16", "float16": "float16"}

DRIVERS = ("libcuda.so.1", "nvcuda.dll")
"""NVIDIA's driver on Linux and on Windows; without it CUDA finds no GPU."""

DEVICES = ("/dev/nvidiactl", "/dev/nvhost-gpu", "/dev/dxg")
"""Where a GPU shows on Linux, on a Jetson and in WSL, wherever the driver lies."""


class Settled(NamedTuple):
    """A device as torch writes it, its name, and a dtype: `cuda:0`, `NVIDIA H100 80GB HBM3`, `bfloat16`."""

    device: str
    device_name: str
    dtype: str


def settle(device: str, dtype: str) -> Settled:
    """What a device and a dtype, which may be `auto`, mean here. Raises UsageError when they cannot be used."""
    if dtype in CPU_DTYPES and (device == "cpu" or (device == "auto" and not may_have_gpu())):
        return Settled("cpu", "cpu", CPU_DTYPES[dtype])
    from provcheck.measurement.devices import choose_device, choose_dtype, name_device, name_dtype

    chosen = choose_device(device)
    return Settled(str(chosen), name_device(chosen), name_dtype(choose_dtype(dtype, chosen)))


@cache
def may_have_gpu() -> bool:
    """Whether torch could find a GPU: it was built for one, and a driver is there. When in doubt, True."""
    cuda, hip = _built_for()
    return hip is not None or (cuda is not None and _shows_gpu())


def _built_for() -> tuple[object, object]:
    """The versions of CUDA and HIP that torch was built for, from the one file of it that imports nothing."""
    found = find_spec("torch")
    file = Path(str(found.origin)).with_name("version.py") if found and found.origin else None
    spec = spec_from_file_location("_version_of_torch", file) if file and file.is_file() else None
    if spec is None or spec.loader is None:
        return None, "unknown"
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return getattr(module, "cuda", None), getattr(module, "hip", None)


def _shows_gpu() -> bool:
    return any(Path(device).exists() for device in DEVICES) or any(map(_loads, DRIVERS))


def _loads(driver: str) -> bool:
    try:
        ctypes.CDLL(driver)
    except OSError:
        return False
    return True
