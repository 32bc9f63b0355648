"""Earlier measurements with their trees and maps, and the finished batches of interrupted ones.

    ROOT/measurements/KEY.safetensors   a measurement file of one signal, with its raw arrays
    ROOT/placed/KEY.json                a tree or a map (see `provcheck.lineage.keeping`)
    ROOT/checkpoints/KEY/BATCH          a finished batch of an unfinished measurement
    ROOT/fetched/KEY/FILE               parts of a weight file on the Hub (see `provcheck.io.partial_file`)

A key states what was measured and how, by digests; never by a name or a path. Each signal has an entry of its own, so
that a new signal, or a new version of one, leaves the other entries valid. An entry is checked against its own digest
when it is read; if it was changed, the model is measured or placed again. Anyone who can write to the folder can still
forge an entry, digest and all, so only its user gets access; `--no-cache` neither reads nor writes it, nor does the
verification of a report. A cache that cannot be read or written (full or read-only disk) never stops an audit.

Behind it there may be a store that several machines share (see `provcheck.shared_store`), with the same entries under
the same keys, and checked in the same way. What is not here is looked for there; what was measured, or is only here,
is put there. A store that fails never stops a measurement.

Size: a measurement takes about 0.4 MB with the shipped probes; the most recently used are kept, 1 GB in all. Trees and
maps of a large bank take 50 kB; of these 50 MB are kept. The
batches of a measurement that was never resumed (0.3 MB) are removed after a week, and so are parts of weight files that
were not used for as long; of these 20 GB are kept at most, the last used.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from types import ModuleType
from typing import TypeVar

import platformdirs

from provcheck import probes as probes_module
from provcheck.checkpoint import FileCheckpoint, remove
from provcheck.errors import MeasurementFileError, OutputError
from provcheck.io import safetensors
from provcheck.io.digests import file_digest
from provcheck.io.text import shown
from provcheck.io.untrusted import parse_json, read_bounded
from provcheck.io.writing import json_text, write_whole
from provcheck.observer import Observer
from provcheck.shared_store import SharedStore
from provcheck.signals import Signal
from provcheck.store import MAX_BYTES as LARGEST_FILE
from provcheck.store import load_measurement, packed, unpacked
from provcheck.types import Measurement, ProbeSet, Record, canonical_digest, measurement, subject

R = TypeVar("R", bound=Record)

FOLDER_VARIABLE = "PROVCHECK_CACHE"
MAX_BYTES = 1_000_000_000
PLACED, MAX_PLACED_BYTES, LARGEST_RECORD = "placed", 50_000_000, 5_000_000
FETCHED, MAX_FETCHED_BYTES = "fetched", 20_000_000_000
MAX_IDLE_SECONDS = 7 * 24 * 3600
"""Age at which checkpoints, and half-written files of killed processes, are removed."""

SHAPING = (measurement, subject, probes_module, safetensors)
"""Modules that shape the numbers of every signal. Code that runs a model is part of the target's environment."""


def cache_root() -> Path:
    """The cache folder: PROVCHECK_CACHE, or else the system's folder for caches."""
    named = os.environ.get(FOLDER_VARIABLE)
    return Path(named).expanduser() if named else platformdirs.user_cache_path("provcheck")


def measurement_key(signal: Signal, probes: ProbeSet, identity: list[object], environment: Mapping[str, object]) -> str:
    """sha256 (hex) over everything that the numbers of a signal depend on; the last two arguments are the target's."""
    return canonical_digest(
        [signal.version, signal.material(probes), identity, dict(environment), _digest_of_code(signal)]
    )


def _digest_of_code(signal: Signal) -> str:
    """sha256 (hex) over the signal's folder, or its file, and over the modules that shape all signals' numbers."""
    own = _file_of(sys.modules[type(signal).__module__])
    files = sorted(own.parent.glob("*.py")) if own.name == "__init__.py" else [own]
    return canonical_digest([file_digest(path) for path in (*files, *map(_file_of, SHAPING))])


def _file_of(module: ModuleType) -> Path:
    return Path(str(module.__file__))


@dataclass(frozen=True)
class Usage:
    """What the cache holds: finished measurements of one signal each, and the bytes of all files."""

    measurements: int
    bytes: int


def cache_usage(root: Path) -> Usage:
    """Count what is there. Raises OSError."""
    files = [path for path in root.rglob("*") if path.is_file()]
    return Usage(sum(path.match("measurements/*.safetensors") for path in files), sum(map(_bytes_on_disk, files)))


class MeasurementCache:
    """Measurements by key. Only `make_root` raises; `observe` gets one note when nothing can be kept, here or there."""

    def __init__(self, root: Path, observe: Observer, shared: SharedStore | None = None) -> None:
        self.root = root
        self._observe = observe
        self._shared = shared
        self._told: set[str] = set()

    def find(self, key: str) -> Measurement | None:
        """The measurement under that key, or None. An entry that was changed is removed."""
        path = self._entry(key)
        try:
            if not path.is_file():
                return self._fetch(path)
            found = load_measurement(path)
        except (OSError, MeasurementFileError) as error:
            self._distrust(path, "measurement", _reason(error))
            return self._fetch(path)
        _touch(path)
        if self._shared:
            self._share(path, packed(found, raw=True), anew=False)
        return found

    def store(self, key: str, found: Measurement) -> bool:
        """Keep a finished measurement, and remove what is too old or exceeds the limit; False if it cannot be kept."""
        path, content = self._entry(key), packed(found, raw=True)
        kept = self._keep(path, content)
        return self._share(path, content) or kept

    def _keep(self, path: Path, content: bytes) -> bool:
        """Whether it could be kept here."""
        try:
            self.make_root()
            write_whole(path, content)
        except (OSError, OutputError) as error:
            self.cannot_keep(error)
            return False
        self._prune()
        return True

    def _share(self, path: Path, content: bytes, *, anew: bool = True) -> bool:
        """Whether it could be put into the store, or unless it is `anew` is there already."""
        if self._shared is None:
            return False
        try:
            if anew or not self._shared.has(_name(path)):
                self._shared.write(_name(path), content)
        except OSError as error:
            self._tell(f"the store {self._shared.name} cannot be written, so what is measured is kept here only", error)
            return False
        return True

    def _fetch(self, path: Path) -> Measurement | None:
        """The entry from the store, which is kept here then; None if there is none, or none that can be trusted."""
        if self._shared is None:
            return None
        try:
            content = self._shared.read(_name(path), LARGEST_FILE)
            found = None if content is None else unpacked(content)
        except MeasurementFileError as error:
            self._observe.note(f"a measurement in the store {self._shared.name} is not used: {_reason(error)}")
            return None
        except OSError as error:
            self._tell(f"the store {self._shared.name} cannot be read, so what it may hold is measured anew", error)
            return None
        if content and found:
            self._keep(path, content)
        return found

    def find_record(self, key: str, kind: type[R]) -> R | None:
        """The tree or map under that key, or None. An entry that was changed, or is another's, is removed."""
        path = self.root / PLACED / f"{key}.json"
        try:
            if not path.is_file():
                return None
            entry = parse_json(read_bounded(path, LARGEST_RECORD))
            found = kind.model_validate(entry["record"])
            fits = entry["digest"] == canonical_digest([key, entry["record"]])
        except (OSError, ValueError, TypeError, KeyError):
            fits = False
        if not fits:
            self._distrust(path, "tree or map", "it was changed, or cannot be read")
            return None
        _touch(path)
        return found

    def keep_record(self, key: str, found: Record) -> None:
        """Keep a tree or a map, if that is possible, and remove what was not used for longest beyond the limit."""
        record = found.model_dump(mode="json")
        entry = {"digest": canonical_digest([key, record]), "record": record}
        with contextlib.suppress(OSError, OutputError):
            self.make_root()
            write_whole(self.root / PLACED / f"{key}.json", json_text(entry).encode())
        _keep_newest(self.root.glob(f"{PLACED}/*.json"), MAX_PLACED_BYTES)

    def checkpoint(self, key: str) -> FileCheckpoint:
        """The checkpoint of the measurement with that key."""
        return FileCheckpoint(self.root / "checkpoints" / key, self.make_root, self.cannot_keep)

    def cannot_keep(self, error: Exception) -> None:
        """Say once that nothing is kept, and why."""
        self._tell(f"the cache {shown(self.root)} cannot be written, so nothing is kept", error)

    def make_root(self) -> None:
        """Make the folder, accessible only to its user."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)

    def _tell(self, what: str, error: Exception) -> None:
        """Say it, if it was not said before."""
        if what not in self._told:
            self._observe.note(f"{what}: {_reason(error)}")
        self._told.add(what)

    def _distrust(self, path: Path, what: str, reason: str) -> None:
        """Say that an entry is not used, and why, and remove it."""
        self._observe.note(f"the cached {what} is not used, since it cannot be trusted: {reason}")
        remove(path)

    def _entry(self, key: str) -> Path:
        return self.root / "measurements" / f"{key}.safetensors"

    def _prune(self) -> None:
        """Remove what exceeds the limits. Other processes may be doing the same."""
        fetched = f"{FETCHED}/*"
        _keep_newest(self.root.glob("measurements/*.safetensors"), MAX_BYTES)
        _keep_newest(self.root.glob(fetched), MAX_FETCHED_BYTES)
        idle = (fetched, "checkpoints/*", "measurements/.*.tmp", f"{PLACED}/.*.tmp")
        for path in chain.from_iterable(map(self.root.glob, idle)):
            if time.time() - _stat(path)[0] > MAX_IDLE_SECONDS:
                remove(path)


@dataclass(frozen=True)
class Entries:
    """What a cache holds for one target measured in one way: an entry for each signal, and a checkpoint.

    `environment`: what a signal's numbers depend on besides the target and the probes.
    """

    cache: MeasurementCache
    identity: list[object]
    environment: Callable[[Signal], Mapping[str, object]]
    probes: ProbeSet

    def find(self, signals: Iterable[Signal]) -> dict[str, Measurement]:
        """The existing entries of these signals, by name."""
        entries = ((signal.name, self.cache.find(self._key(signal))) for signal in signals)
        return {name: entry for name, entry in entries if entry is not None and name in entry.sketches}

    def keep(self, signal: Signal, found: Measurement) -> bool:
        """Keep one signal's measurement. False if it cannot be written; one without numbers counts as kept."""
        return signal.name not in found.sketches or self.cache.store(self._key(signal), found)

    def checkpoint(self, signal: Signal) -> FileCheckpoint:
        """One for all signals that run the model, since they may ask it for the same numbers."""
        return self.cache.checkpoint(
            canonical_digest([self.identity, dict(self.environment(signal)), self.probes.digest])
        )

    def _key(self, signal: Signal) -> str:
        return measurement_key(signal, self.probes, self.identity, self.environment(signal))


def _name(path: Path) -> str:
    """What the entry of the cache is called in a store."""
    return f"{path.parent.name}/{path.name}"


def _keep_newest(paths: Iterable[Path], limit: int) -> None:
    """Remove the oldest files or folders beyond that many bytes."""
    total = 0
    for path in sorted(paths, key=_stat, reverse=True):
        total += _bytes_on_disk(path)
        if total > limit:
            remove(path)


def _bytes_on_disk(path: Path) -> int:
    """Of a file, or the files of a folder; the holes of one that was fetched in part take none."""
    if path.is_dir():
        return sum(map(_bytes_on_disk, path.iterdir()))
    try:
        stat = path.stat()
    except OSError:
        return 0
    return min(stat.st_size, 512 * getattr(stat, "st_blocks", stat.st_size))


def _stat(path: Path) -> tuple[float, int]:
    """Time of last change in seconds, and size in bytes; zeros for a file that another process has just removed."""
    try:
        stat = path.stat()
    except OSError:
        return 0.0, 0
    return stat.st_mtime, stat.st_size


def _touch(path: Path) -> None:
    """It was used, so it stays longer."""
    with contextlib.suppress(OSError):
        os.utime(path)


def _reason(error: Exception) -> str:
    """The reason, without paths of this machine."""
    cause = error.__cause__ if isinstance(error, OutputError) else error
    return getattr(cause, "strerror", None) or str(error)
