"""Measurement files: one safetensors file, arrays plus the facts as JSON in the header's metadata."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from provcheck.errors import MeasurementFileError
from provcheck.io.digests import arrays_digest
from provcheck.io.safetensors import read_header
from provcheck.io.text import reason
from provcheck.io.untrusted import as_path, first_fault, is_file
from provcheck.io.writing import write_whole
from provcheck.signals import TABLE, Signal, find_signal
from provcheck.types import (
    Floats,
    Measurement,
    MeasurementFacts,
    NotMeasured,
    RunFacts,
    SignalFacts,
    Sketch,
    StrPath,
    Subject,
    canonical_digest,
)

SCHEMA_VERSION = "3"
"""3: facts are stated signal by signal; a file holds the arrays of the signals that were measured.
2: the digest covers subject and facts, not only the arrays.
1: first version.
"""

MAX_BYTES = 200_000_000
"""A measurement on the shipped probe set takes less than 1 MB."""

AGAIN = "measure the model again"


def save_measurement(measurement: Measurement, path: StrPath, *, raw: bool = False) -> None:
    """Write a measurement, whole or not at all; `raw` adds the signals' larger arrays. Raises OutputError."""
    write_whole(as_path(path), packed(measurement, raw=raw))


def packed(measurement: Measurement, *, raw: bool = False) -> bytes:
    """The content of a measurement file."""
    arrays: dict[str, Floats] = {}
    for name, sketch in measurement.sketches.items():
        arrays |= {**find_signal(name).exported(sketch), **sketch.arrays, **(sketch.raw if raw else {})}
    metadata = {
        "provcheck_schema": SCHEMA_VERSION,
        "subject": measurement.subject.model_dump_json(),
        "facts": measurement.facts.model_dump_json(),
    }
    content: bytes = save(arrays, metadata={**metadata, "sha256": _digest(arrays, metadata)})
    return content


def load_measurement(path: StrPath) -> Measurement:
    """Read a measurement file and check its digest.

    Raises MeasurementFileError when it is absent, broken, changed, or of another schema.
    """
    path = as_path(path)
    arrays, metadata = _read(path)
    if metadata.pop("sha256", None) != _digest(arrays, metadata):
        raise MeasurementFileError(f"{path.name} was changed after it was written", AGAIN)
    try:
        subject = Subject.model_validate_json(metadata.get("subject", ""))
        facts = MeasurementFacts.model_validate_json(metadata.get("facts", ""))
    except ValidationError as error:
        raise MeasurementFileError(f"{path.name}: {first_fault(error)}", AGAIN) from None
    signals = {name: _signal(path, name, facts, arrays) for name in dict.fromkeys((*TABLE, *facts.signals))}
    return Measurement(subject, RunFacts(**{name: getattr(facts, name) for name in RunFacts.model_fields}), signals)


def unpacked(content: bytes) -> Measurement:
    """The measurement in the content of a file, checked as `load_measurement` does. Raises MeasurementFileError."""
    with TemporaryDirectory(prefix="provcheck-") as folder:
        path = Path(folder) / "measurement.safetensors"
        path.write_bytes(content)
        return load_measurement(path)


def measurement_digest(measurement: Measurement) -> str:
    """sha256 (hex) over what was measured: the arrays of all signals, not how or when."""
    sketches = measurement.sketches.values()
    return arrays_digest({name: array for sketch in sketches for name, array in sketch.arrays.items()})


def is_measurement_file(name: str) -> bool:
    """Whether MODEL on the command line means a measurement file."""
    return name.endswith(".safetensors") and is_file(name)


def _signal(path: Path, name: str, facts: MeasurementFacts, arrays: Mapping[str, Floats]) -> Sketch | NotMeasured:
    """What the file holds of one signal."""
    stated = facts.signals.get(name)
    if not isinstance(stated, SignalFacts):
        return stated or NotMeasured(not_measured="the measurement file holds none")
    if name not in TABLE:
        return NotMeasured(not_measured="this version of provcheck does not know the signal")
    signal = find_signal(name)
    if stated.version != signal.version:
        reason = f"it was measured with {stated.version}, and this version of provcheck measures with {signal.version}"
        return NotMeasured(not_measured=reason)
    sketch = Sketch(stated, {one: arrays[one] for one in signal.arrays if one in arrays}, {})
    if not signal.check(sketch):
        raise MeasurementFileError(f"{path.name} lacks arrays that a measurement has, or holds NaN", AGAIN)
    return Sketch(stated, sketch.arrays, _raw(signal, sketch, arrays))


def _raw(signal: Signal, sketch: Sketch, arrays: Mapping[str, Floats]) -> dict[str, Floats]:
    """The larger arrays of a signal; their names begin with the signal's name."""
    known = signal.arrays.keys() | signal.exported(sketch).keys()
    return {name: array for name, array in arrays.items() if name.startswith(f"{signal.name}_") and name not in known}


def _digest(arrays: Mapping[str, Floats], metadata: Mapping[str, str]) -> str:
    """sha256 (hex) over everything in a measurement file but the digest itself."""
    return canonical_digest([arrays_digest(arrays), dict(metadata)])


def _read(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    if not is_file(path):  # reading a pipe would block
        raise MeasurementFileError(f"measurement file not found: {path}")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _other(path)
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("provcheck_schema") != SCHEMA_VERSION:
                raise _other(path)
            if not read_header(path).is_compact:  # the digest covers the header's content, not its layout
                raise MeasurementFileError(f"{path.name} was changed after it was written", AGAIN)
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError) as error:  # last two: unknown dtypes
        raise MeasurementFileError(f"{path.name} is not a readable safetensors file: {reason(error)}") from None


def _other(path: Path) -> MeasurementFileError:
    """The error for some other safetensors file, perhaps the weights of a model."""
    return MeasurementFileError(
        f"{path.name} is not a measurement of this version of provcheck", "make it with `provcheck measure`"
    )
