"""A store of measurements that several machines share: a folder or a place in the cloud, named by an fsspec URL.

    URL/measurements/KEY.safetensors   an entry as in the local cache, under the same key
    URL/README.txt                     written when a run begins, to find out whether the store can be used

It is the level behind the cache of each machine: `provcheck.cache` checks what comes from here as it checks its own
entries. What fails is tried again; what keeps failing is an OSError.
"""

from __future__ import annotations

import contextlib
import random
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from provcheck.errors import OutputError, UsageError
from provcheck.io.retries import Patience
from provcheck.io.text import clean, reason
from provcheck.io.writing import write_whole

T = TypeVar("T")

PATIENCE = Patience(tries=4)
"""Each pause is half to one and a half times as long: other workers may be waiting as well."""

FINAL = (FileNotFoundError, PermissionError, NotImplementedError)
"""What another try would not change."""

README = "README.txt"
CONTENT = b"Measurements of provcheck, named by what was measured and how. Whoever can write here can forge them.\n"

URLS = "write a folder, or a URL such as s3://bucket/folder, gs://bucket/folder or hf://datasets/org/name/folder"
INSTALL = "pip install it where provcheck runs, on every worker too"


class Unreachable(OSError):
    """What another try may change."""


class SharedStore:
    """The store at that URL. Raises UsageError where nothing here can use such URLs."""

    def __init__(self, url: str) -> None:
        from fsspec.implementations.local import LocalFileSystem

        self.name = clean(url) or "''"
        self._files, self._root = _opened(url, self.name)
        self.folder = Path(self._root) if isinstance(self._files, LocalFileSystem) else None
        """Where it lies, if that is a folder of this machine, or one that looks like it."""
        self.url = f"file://{self._root}" if self.folder else url
        """The same place, as it is called from any folder."""
        self._failing = False

    def check(self) -> None:
        """Write and read something. Raises OutputError."""
        try:
            self.write(README, CONTENT)
            if self.read(README, len(CONTENT)) != CONTENT:
                raise OSError("what was written does not come back")
        except OSError as error:
            message = f"the store {self.name} cannot be used, so nothing would be kept in it: {reason(error)}"
            raise OutputError(message, "check its address, the network, and that you may write there") from error

    def has(self, name: str) -> bool:
        """Whether there is such a file. Raises OSError."""
        with contextlib.suppress(FileNotFoundError):
            return bool(self._tried(lambda: self._files.info(self._path(name))))
        return False

    def read(self, name: str, limit: int) -> bytes | None:
        """The file, cut off one byte after `limit` bytes; None where there is none. Raises OSError."""
        with contextlib.suppress(FileNotFoundError):
            return self._tried(lambda: self._read(self._path(name), limit + 1))
        return None

    def write(self, name: str, content: bytes) -> None:
        """Write a file: whole or not at all in a folder, elsewhere as the service does. Raises OSError."""
        self._tried(lambda: self._write(self._path(name), content))

    def _path(self, name: str) -> str:
        return f"{self._root.rstrip('/')}/{name}"

    def _read(self, path: str, size: int) -> bytes:
        with self._files.open(path, "rb") as file:
            found: bytes = file.read(size)
        return found

    def _write(self, path: str, content: bytes) -> None:
        if self.folder:
            write_whole(Path(path), content)
        else:
            self._files.pipe_file(path, content)

    def _tried(self, work: Callable[[], T]) -> T:
        """What the work gives, tried again where it fails; once only, where the last thing asked for failed."""
        failed, once, self._failing = 0, self._failing, False
        while True:
            try:
                return _told(work)
            except Unreachable as fault:
                failed += 1
                pause = None if once else PATIENCE.pause(failed, fault)
                if pause is None:
                    self._failing = True
                    raise
                time.sleep(pause * random.uniform(0.5, 1.5))


def _opened(url: str, name: str) -> tuple[Any, str]:
    """What reads and writes there, and the place as it calls it."""
    from fsspec.core import url_to_fs

    if not url or "::" in url or re.match(r"[a-z0-9+]{2,}:(?!//)", url):
        raise UsageError(f"{name} is no place for a store", URLS)
    try:
        files, root = url_to_fs(url)
    except ImportError as error:
        raise UsageError(f"the store {name} needs a package that is not here: {reason(error)}", INSTALL) from None
    except Exception as error:
        raise UsageError(f"the store {name} cannot be opened: {reason(error)}", URLS) from None
    return files, str(root)


def _told(work: Callable[[], T]) -> T:
    """What the work gives. Every service has exceptions of its own, many of which are no OSError."""
    try:
        return work()
    except Exception as error:
        cause = error.__cause__ if isinstance(error, OutputError) and error.__cause__ else error
        if isinstance(cause, FileNotFoundError):
            raise cause from None
        kind = OSError if isinstance(cause, FINAL) else Unreachable
        raise kind(clean(getattr(cause, "strerror", None) or str(cause)) or type(cause).__name__) from error
