"""Measurement files: one safetensors file, arrays plus the facts as JSON in the header's metadata."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
from pydantic import ValidationError
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from provcheck.errors import MeasurementFileError, OutputError
from provcheck.reading import first_fault, is_file, reason
from provcheck.types import Floats, Measurement, MeasurementFacts, Subject

SCHEMA_VERSION = "2"
"""2: the digest covers subject and facts, not only the arrays.
1: able_paper, able_contrast (256,), their _blocks (B, 256) float32, loglik (N,) float64, able_words (W,) if raw.
"""

MAX_BYTES = 200_000_000
"""A measurement of the shipped probe set has less than 1 MB."""

MAX_ATTRIBUTION, MAX_NATS = 60_000.0, 1e9
"""Of a number in the blocks, which a bank keeps in half precision, and of a log-likelihood; far beyond any model's."""

ARRAYS = {"able_paper_blocks": 2, "able_contrast_blocks": 2, "loglik": 1}


def save_measurement(measurement: Measurement, path: Path, *, raw: bool = False) -> None:
    """Write a measurement, whole or not at all; `raw` adds the word attributions. Raises OutputError."""
    arrays = {
        "able_paper": measurement.paper,
        "able_contrast": measurement.contrast,
        "able_paper_blocks": measurement.paper_blocks,
        "able_contrast_blocks": measurement.contrast_blocks,
        "loglik": measurement.loglik_nats,
    }
    if raw and measurement.words is not None:
        arrays["able_words"] = measurement.words
    metadata = {
        "provcheck_schema": SCHEMA_VERSION,
        "subject": measurement.subject.model_dump_json(),
        "facts": measurement.facts.model_dump_json(),
    }
    write_whole(path, save(arrays, metadata={**metadata, "sha256": _digest(arrays, metadata)}))


def load_measurement(path: Path) -> Measurement:
    """Read a measurement file and check its digest.

    Raises MeasurementFileError when it is absent, broken, changed, or of another schema.
    """
    arrays, metadata = _read(path)
    if not _arrays_fit(arrays):
        raise MeasurementFileError(
            f"{path.name} lacks arrays that a measurement has, or holds NaN", "measure the model again"
        )
    if metadata.pop("sha256", None) != _digest(arrays, metadata):
        raise MeasurementFileError(f"{path.name} was changed after it was written", "measure the model again")
    try:
        subject = Subject.model_validate_json(metadata.get("subject", ""))
        facts = MeasurementFacts.model_validate_json(metadata.get("facts", ""))
    except ValidationError as error:
        raise MeasurementFileError(f"{path.name}: {first_fault(error)}", "measure the model again") from None
    return Measurement(
        subject=subject,
        facts=facts,
        paper_blocks=arrays["able_paper_blocks"],
        contrast_blocks=arrays["able_contrast_blocks"],
        loglik_nats=arrays["loglik"],
        words=arrays.get("able_words"),
    )


def measurement_digest(measurement: Measurement) -> str:
    """sha256 (hex) over what was measured: both views' blocks and the log-likelihoods, not how or when."""
    return arrays_digest(
        {
            "able_paper_blocks": measurement.paper_blocks,
            "able_contrast_blocks": measurement.contrast_blocks,
            "loglik": measurement.loglik_nats,
        }
    )


def is_measurement_file(name: str) -> bool:
    """Whether MODEL on the command line means a measurement file."""
    return name.endswith(".safetensors") and is_file(name)


def arrays_digest(arrays: dict[str, Floats]) -> str:
    """sha256 (hex) over names, shapes, types and bytes of arrays, in order of name."""
    sha = hashlib.sha256()
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name])
        sha.update(json.dumps([name, list(array.shape), array.dtype.str]).encode())
        sha.update(array.tobytes())
    return sha.hexdigest()


def _digest(arrays: dict[str, Floats], metadata: dict[str, str]) -> str:
    """sha256 (hex) over everything in a measurement file but the digest itself."""
    content = json.dumps([arrays_digest(arrays), metadata], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file whole or not at all. Raises OutputError."""
    if not path.name:
        raise OutputError(f"cannot write {path}: it is a folder", "name a file")
    temporary = path.with_name(f".{path.name}.{uuid4().hex[:16]}.tmp")  # a process id is not unique in containers
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {error.strerror}", "choose another place with --out or -o") from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _read(path: Path) -> tuple[dict[str, Any], dict[str, str]]:
    if not is_file(path):  # a pipe would never answer
        raise MeasurementFileError(f"measurement file not found: {path}")
    try:
        if path.stat().st_size > MAX_BYTES:
            raise _other(path)
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata() or {}
            if metadata.get("provcheck_schema") != SCHEMA_VERSION:
                raise _other(path)
            if not _is_laid_out_as_written(path):
                raise MeasurementFileError(f"{path.name} was changed after it was written", "measure the model again")
            return {name: file.get_tensor(name) for name in file.keys()}, metadata  # noqa: SIM118
    except (SafetensorError, OSError, ValueError, TypeError, AttributeError) as error:  # two: types numpy does not know
        raise MeasurementFileError(f"{path.name} is not a readable safetensors file: {reason(error)}") from None


def _is_laid_out_as_written(path: Path) -> bool:
    """Whether the header is compact JSON, filled up with spaces: the digest sees what it says, not how it is written.

    A safetensors file is 8 bytes, little-endian: length N of the header, a multiple of 8; N bytes of JSON; the arrays.
    """
    with path.open("rb") as file:
        header = file.read(int.from_bytes(file.read(8), "little"))
    compact = json.dumps(json.loads(header), ensure_ascii=False, separators=(",", ":")).encode()
    return header == compact.ljust(-len(compact) // 8 * -8)


def _other(path: Path) -> MeasurementFileError:
    """Perhaps the weights of a model."""
    return MeasurementFileError(
        f"{path.name} is not a measurement of this version of provcheck", "make it with `provcheck measure`"
    )


def _arrays_fit(arrays: dict[str, Any]) -> bool:
    """Whether the arrays of a measurement are there, hold numbers that models give, and fit each other."""
    if any(name not in arrays or arrays[name].ndim != ndim for name, ndim in ARRAYS.items()):
        return False
    paper, contrast, loglik = (arrays[name] for name in ARRAYS)
    if paper.shape != contrast.shape or any(array.dtype.kind != "f" for array in (paper, contrast, loglik)):
        return False
    return bool((np.abs([paper, contrast]) <= MAX_ATTRIBUTION).all() and not (np.abs(loglik) > MAX_NATS).any())
