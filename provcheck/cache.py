"""Measurements that were made before, and the finished batches of those that were cut off.

    ROOT/measurements/KEY.safetensors   a measurement file with its raw attributions
    ROOT/journals/KEY/BATCH             a finished batch of a measurement that is not finished

A key says what was measured and how, by digests; never by a name or a path. Whatever is read is checked against its own
digest, and measured again when it was changed. Whoever can write into the folder can still forge a measurement, digest
and all, so it is made for its user alone; `--no-cache` neither reads nor writes it. A cache that cannot be read or
written (full or read-only disk) never stops an audit.

Size: a measurement takes about 0.4 MB with the shipped probes; the most recently used stay, 1 GB in all. What is left
of a measurement that was never continued (0.3 MB) goes after a week.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import platformdirs

from provcheck.errors import MeasurementFileError, OutputError
from provcheck.observer import Observer
from provcheck.reading import shown
from provcheck.store import load_measurement, save_measurement, write_whole
from provcheck.types import ALGORITHM, Floats, Loadable, Measurement, ProbeSet, Subject

FOLDER_VARIABLE = "PROVCHECK_CACHE"
MAX_BYTES = 1_000_000_000
MAX_IDLE_SECONDS = 7 * 24 * 3600
"""Age of journals, and of files that a killed process was just writing, at which they are removed."""

NOT_READ = {"README.md", "generation_config.json"}
"""Files beside the weights that no number depends on."""

DIGEST_BYTES = 32


def cache_root() -> Path:
    """The cache folder: PROVCHECK_CACHE, or else the place that the system has for caches."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named).expanduser() if named else platformdirs.user_cache_path("provcheck")


def measurement_key(model: Loadable, probes: ProbeSet, circumstances: Mapping[str, object]) -> str | None:
    """sha256 (hex) over everything that the numbers depend on; `circumstances` are device, dtype, versions and so on.

    None, and nothing may be cached, where that is not known: code from a model's repository can load what it likes.
    """
    if _runs_code(model) or not model.subject.files:
        return None
    content = [ALGORITHM, probes.digest, _content(model.subject), dict(circumstances)]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _runs_code(model: Loadable) -> bool:
    """Whether code of the model's repository is allowed, and asked for; also where that cannot be read."""
    folders = [Path(folder) for folder in (model.folder, model.adapter_folder) if folder is not None]
    return model.trust_remote_code and any(
        _asks_for_code(folder / name) for folder in folders for name in ("config.json", "tokenizer_config.json")
    )


def _asks_for_code(config: Path) -> bool:
    try:
        return bool(json.loads(config.read_bytes()).get("auto_map"))
    except FileNotFoundError:
        return False
    except (OSError, ValueError, AttributeError, RecursionError):
        return True


def _content(subject: Subject) -> list[object]:
    """Digests of the files of a model, and for an adapter of the model under it."""
    weights = sorted((file.name, file.sha256) for file in subject.weights)
    files = sorted((file.name, file.sha256) for file in subject.files if file.name not in NOT_READ)
    return [weights, files, subject.base and _content(subject.base)]


@dataclass(frozen=True)
class Usage:
    """What the cache holds: finished measurements, and the bytes of all files."""

    measurements: int
    bytes: int


def cache_usage(root: Path) -> Usage:
    """Count what is there. Raises OSError."""
    files = [path for path in root.rglob("*") if path.is_file()]
    return Usage(sum(path.match("measurements/*.safetensors") for path in files), sum(_stat(path)[1] for path in files))


class MeasurementCache:
    """Measurements by key. Only `make_root` raises; `observe` is told, once, that nothing can be kept."""

    def __init__(self, root: Path, observe: Observer) -> None:
        self.root = root
        self._observe = observe
        self._told = False

    def find(self, key: str) -> Measurement | None:
        """The measurement of that key; None where there is none. One that was changed is removed."""
        path = self._entry(key)
        try:
            if not path.is_file():
                return None
            measurement = load_measurement(path)
        except (OSError, MeasurementFileError) as error:
            self._observe.note(f"the cached measurement is not used, since it cannot be trusted: {_reason(error)}")
            _remove(path)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # it was used, so it stays longer
        return measurement

    def store(self, key: str, measurement: Measurement) -> None:
        """Keep a finished measurement, remove its journal, and whatever is old or too much."""
        try:
            self.make_root()
            save_measurement(measurement, self._entry(key), raw=True)
        except (OSError, OutputError) as error:
            return self.cannot_keep(error)
        self.journal(key).remove()
        return self._prune()

    def journal(self, key: str) -> FileJournal:
        """The journal of the measurement with that key."""
        return FileJournal(self.root / "journals" / key, self)

    def cannot_keep(self, error: Exception) -> None:
        """Say once that nothing is kept, and why."""
        if not self._told:
            self._observe.note(f"the cache {shown(self.root)} cannot be written, so nothing is kept: {_reason(error)}")
        self._told = True

    def make_root(self) -> None:
        """Make the folder, for its user alone."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _entry(self, key: str) -> Path:
        return self.root / "measurements" / f"{key}.safetensors"

    def _prune(self) -> None:
        """Other processes may be doing the same at the same time."""
        total = 0
        for path in sorted(self.root.glob("measurements/*.safetensors"), key=_stat, reverse=True):
            total += _stat(path)[1]
            if total > MAX_BYTES:
                _remove(path)
        for path in (*self.root.glob("journals/*"), *self.root.glob("measurements/.*.tmp")):
            if time.time() - _stat(path)[0] > MAX_IDLE_SECONDS:
                _remove(path)


class FileJournal:
    """A journal (`provcheck.journal`) in a folder: for each batch a file, which begins with its digest."""

    def __init__(self, folder: Path, cache: MeasurementCache) -> None:
        self.folder = folder
        self._cache = cache
        self._writable = True

    def get(self, key: str) -> Floats | None:
        """The array that was put under the key; None where there is none, or not the whole of it."""
        try:
            content = (self.folder / key).read_bytes()
        except OSError:
            return None
        if content[:DIGEST_BYTES] != _digest(key, content[DIGEST_BYTES:]):
            return None
        return np.frombuffer(content, "<f8", offset=DIGEST_BYTES).astype(np.float64)

    def put(self, key: str, array: Floats) -> None:
        """Keep a (N,) float64 array, whole or not at all."""
        values = array.astype("<f8").tobytes()
        for last_try in (False, True):  # a process that is done with the same model may have just removed the folder
            try:
                if self._writable:
                    self._cache.make_root()
                    write_whole(self.folder / key, _digest(key, values) + values)
                return
            except (OSError, OutputError) as error:
                if last_try:
                    self._writable = False
                    self._cache.cannot_keep(error)

    def remove(self) -> None:
        """Remove the folder; what another process writes into it meanwhile stays."""
        _remove(self.folder)


def _digest(key: str, values: bytes) -> bytes:
    return hashlib.sha256(key.encode() + b"\0" + values).digest()


def _stat(path: Path) -> tuple[float, int]:
    """Time of last change in seconds, and size in bytes; zeros for what another process has just removed."""
    try:
        stat = path.stat()
    except OSError:
        return 0.0, 0
    return stat.st_mtime, stat.st_size


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def _reason(error: Exception) -> str:
    """Why, without a path of this machine."""
    cause = error.__cause__ if isinstance(error, OutputError) else error
    return getattr(cause, "strerror", None) or str(error)
