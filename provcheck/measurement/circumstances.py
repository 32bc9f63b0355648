"""What a measurement depends on beside the model and the probes."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from provcheck.measurement import MeasureOptions, versions
from provcheck.measurement.devices import choose_device, choose_dtype, name_device


def circumstances(options: MeasureOptions) -> dict[str, object]:
    """The options with device and dtype as they will be, the versions, and a digest of the code that measures.

    The code is there because a checkout changes more often than its version. Raises UsageError for a device or dtype
    that cannot be used.
    """
    device = choose_device(options.device)
    dtype = str(choose_dtype(options.dtype, device)).removeprefix("torch.")
    used = {**versions(), "peft": version("peft"), "code": _digest_of_code()}
    return {**asdict(options), "device": name_device(device), "dtype": dtype, "versions": used}


def _digest_of_code() -> str:
    """sha256 (hex) over the modules of this package."""
    modules = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in modules)).hexdigest()
