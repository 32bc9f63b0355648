"""What this machine can run, and what is missing."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from provcheck.apart.network import Barrier, find_barrier
from provcheck.cache import cache_root, cache_usage
from provcheck.errors import ProvcheckError
from provcheck.io import data
from provcheck.io.text import shown

PACKAGES = ("torch", "transformers", "tokenizers", "safetensors", "huggingface_hub", "peft", "accelerate", "scikit-bio")

OPTIONAL_PACKAGES = {"bitsandbytes": "models quantized to 8 or 4 bits", "gguf": "GGUF files"}


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report."""

    what: str
    ok: bool
    detail: str
    optional: bool = False


def examine() -> list[Finding]:
    """Look at Python, packages, processor, GPU, memory, disk, cache, and the files that ship with provcheck."""
    return [
        Finding("python", True, platform.python_version()),
        *(_package(name) for name in PACKAGES),
        *(_package(name, why) for name, why in OPTIONAL_PACKAGES.items()),
        Finding("processor", True, f"{os.cpu_count()} cores, {platform.machine()}"),
        _gpu(),
        _memory(),
        _isolation(),
        Finding("disk", True, f"{shutil.disk_usage(Path.cwd()).free / 1e9:.0f} GB free here"),
        _cache(cache_root()),
        *(_bank(name) for name in data.banks()),
        _shipped("probes", _probes),
        _shipped("policy", lambda: data.policy_file("default").name),
        _shipped("demo model", lambda: data.demo_folder().name),
    ]


def _package(name: str, why: str = "") -> Finding:
    optional = bool(why)
    try:
        return Finding(name, True, importlib.metadata.version(name), optional)
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, False, f"run `pip install {name}`" + (f" to measure {why}" if why else ""), optional)


def _gpu() -> Finding:
    import torch

    if not torch.cuda.is_available():
        return Finding("GPU", False, "none; models are measured on the CPU, large ones slowly", optional=True)
    free, total = torch.cuda.mem_get_info(0)
    several = f"{torch.cuda.device_count()} x " if torch.cuda.device_count() > 1 else ""
    detail = f"{several}{torch.cuda.get_device_name(0)}, {total / 1e9:.0f} GB, {_room(free)}"
    return Finding("GPU", True, detail, optional=True)


def _memory() -> Finding:
    import psutil

    memory = psutil.virtual_memory()
    return Finding("memory", True, f"{memory.total / 1e9:.0f} GB, {_room(memory.available)}")


def _isolation() -> Finding:
    """What keeps a model that is measured in a process of its own from the network."""
    barrier = find_barrier()
    if barrier is Barrier.NONE:
        detail = "models run in a process of their own, but with the network; install bubblewrap to take it away"
        return Finding("isolation", False, detail, optional=True)
    more = "; it writes nothing but results" if barrier is Barrier.BUBBLEWRAP else ""
    return Finding("isolation", True, f"models run in a process without a network, by {barrier.value}{more}")


def _room(free: int) -> str:
    """How many parameters fit into the free bytes: four bytes each in float32, two in bfloat16."""
    billions = free / 4e9
    return f"{free / 1e9:.0f} GB free: up to {billions:.1f}B parameters in float32, {2 * billions:.1f}B in bfloat16"


def _cache(root: Path) -> Finding:
    """Inspect the cache without creating it; keeping the first measurement does that."""
    there = next(path for path in (root.absolute(), *root.absolute().parents) if path.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        return Finding("cache", False, f"{shown(root)} cannot be written, so no measurement is kept", optional=True)
    usage = cache_usage(root)
    return Finding("cache", True, f"{shown(root)}, {usage.measurements} measurements, {usage.bytes / 1e6:.1f} MB")


def _bank(name: str) -> Finding:
    def check() -> str:
        from provcheck.bank import load_bank

        bank = load_bank(name)
        return f"{name}, {len(bank.references)} references, {bank.manifest.digest[:12]}"

    return _shipped("bank", check)


def _probes() -> str:
    from provcheck.probes import load_probes

    probes = load_probes()
    return f"{probes.name}, {len(probes.questions)} questions, {len(probes.texts)} texts, {probes.digest[:12]}"


def _shipped(what: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, check())
    except ProvcheckError as error:
        return Finding(what, False, error.message)
