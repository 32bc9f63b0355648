"""What the numbers depend on besides the model and the probes."""

from __future__ import annotations

import platform
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

from provcheck import architectures
from provcheck.io.digests import file_digest
from provcheck.measurement import MeasureOptions
from provcheck.measurement.settling import settle
from provcheck.types import canonical_digest
from provcheck.version import __version__


def environment(options: MeasureOptions) -> dict[str, object]:
    """The options with the device and dtype that will be used, versions, and a digest of the code that measures.

    Raises UsageError for a device or dtype that cannot be used.
    """
    settled = settle(options.device, options.dtype)
    return {**asdict(options), "device": settled.device_name, "dtype": settled.dtype, **reading_environment()}


def reading_environment() -> dict[str, object]:
    """Versions, and a digest of the code that measures: all that matters where a model's files are only read."""
    return {"versions": {**versions(), "peft": version("peft"), "code": _digest_of_code()}}


def versions(*, running: bool = True) -> dict[str, str]:
    """The versions that may change the numbers; of a model that is not run, those of what reads its files."""
    packages = (*(("torch", "transformers") if running else ()), "tokenizers", "numpy")
    found = {name: version(name) for name in packages}
    return {"provcheck": __version__, "python": platform.python_version(), **found}


def _digest_of_code() -> str:
    """sha256 (hex) over the modules of this package, and over the table of architectures' quirks.

    The code is included because a checkout changes more often than its version.
    """
    modules = [*sorted(Path(__file__).parent.glob("*.py")), Path(architectures.__file__)]
    return canonical_digest([file_digest(path) for path in modules])
