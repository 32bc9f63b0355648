"""Finished parts of a long measurement, so that a run that was killed continues where it was."""

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

    Whoever makes a checkpoint vouches that it belongs to one model, probe set, device and dtype; a key only tells apart
    the stages and batches of one measurement. No call raises: a checkpoint that cannot keep an array (full disk)
    lets it go, and one that cannot read it has none.
    """

    def get(self, key: str) -> Floats | None:
        """The array that was put under the key, bit for bit; None where there is none."""

    def put(self, key: str, array: Floats) -> None:
        """Keep a one-dimensional float64 array; it is whole or not there, even when the process is killed."""

    def remove(self) -> None:
        """Let everything go; the measurement is finished, or not to be trusted."""


class NoCheckpoint:
    """The checkpoint that keeps nothing."""

    def get(self, key: str) -> Floats | None:
        """Nothing is kept."""

    def put(self, key: str, array: Floats) -> None:
        """Let it go."""

    def remove(self) -> None:
        """There is nothing."""


class FileCheckpoint:
    """A checkpoint in a folder: a file for each batch, which begins with its digest.

    `make_root` makes the folder that holds it; `cannot_keep` is told, once, why nothing is kept.
    """

    def __init__(self, folder: Path, make_root: Callable[[], None], cannot_keep: Callable[[Exception], None]) -> None:
        self.folder = folder
        self._make_root = make_root
        self._cannot_keep = cannot_keep
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
