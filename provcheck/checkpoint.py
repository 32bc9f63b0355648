"""Finished parts of a long measurement, so that a killed run continues where it stopped."""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

from provcheck.errors import OutputError
from provcheck.io.writing import write_whole
from provcheck.types import Floats

DIGEST_BYTES = 32


class Checkpoint(Protocol):
    """Keeps arrays under keys. A key is a short name of letters, digits and hyphens: `attributions-3f2a...`.

    Its creator guarantees that a checkpoint belongs to one model, probe set, device and dtype; a key only distinguishes
    the stages and batches of one measurement. No call raises: an array that cannot be written (full disk) is dropped,
    and one that cannot be read counts as missing.
    """

    def get(self, key: str) -> Floats | None:
        """The array that was stored under the key, bit for bit, or None."""

    def put(self, key: str, array: Floats) -> None:
        """Store a one-dimensional float64 array, whole or not at all, even if the process is killed."""

    def remove(self) -> None:
        """Remove everything: the measurement is finished, or not to be trusted."""


class NoCheckpoint:
    """The checkpoint that keeps nothing."""

    def get(self, key: str) -> Floats | None:
        """Nothing is kept."""

    def put(self, key: str, array: Floats) -> None:
        """Discard it."""

    def remove(self) -> None:
        """Nothing to remove."""


class FileCheckpoint:
    """A checkpoint in a folder: one file per batch, which begins with its digest.

    `make_root` creates the cache folder around it; `cannot_keep` is called once, with the error, if writing fails.
    """

    def __init__(self, folder: Path, make_root: Callable[[], None], cannot_keep: Callable[[Exception], None]) -> None:
        self.folder = folder
        self._make_root = make_root
        self._cannot_keep = cannot_keep
        self._writable = True

    def get(self, key: str) -> Floats | None:
        """The array that was stored under the key; None if it is missing or incomplete."""
        try:
            content = (self.folder / key).read_bytes()
        except OSError:
            return None
        if content[:DIGEST_BYTES] != _digest(key, content[DIGEST_BYTES:]):
            return None
        return np.frombuffer(content, "<f8", offset=DIGEST_BYTES).astype(np.float64)

    def made(self) -> Path | None:
        """The folder, made for another process to write to; None if that fails."""
        try:
            self._make_root()
            self.folder.mkdir(parents=True, exist_ok=True)
        except (OSError, OutputError) as error:
            self._cannot_keep(error)
            return None
        return self.folder.resolve()

    def put(self, key: str, array: Floats) -> None:
        """Store an (N,) float64 array, whole or not at all."""
        values = array.astype("<f8").tobytes()
        for last_try in (False, True):  # another process, done with this model, may have just removed the folder
            try:
                if self._writable:
                    self._make_root()
                    write_whole(self.folder / key, _digest(key, values) + values)
                return
            except (OSError, OutputError) as error:
                if last_try:
                    self._writable = False
                    self._cannot_keep(error)

    def remove(self) -> None:
        """Remove the folder; what another process writes into it meanwhile stays."""
        remove(self.folder)


def remove(path: Path) -> None:
    """Remove a file or folder, if it is there and can be removed."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            path.unlink()


def _digest(key: str, values: bytes) -> bytes:
    return hashlib.sha256(key.encode() + b"\0" + values).digest()
