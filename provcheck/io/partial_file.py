"""A file of which only some spans are here: what was written once is found again, and checked, by a later run.

    FOLDER/NAME          as long as the whole file; what was not written is a hole, which takes no space on most disks
    FOLDER/NAME.spans    a line `BEGIN END SHA256` for each span that was written

A span counts only if its bytes have the digest that its line states, so a crash, a full disk or a changed file costs
fetching it again, never a wrong number. Whoever can write to the folder can forge both.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

Span = tuple[int, int]
"""Bytes from the first to before the second."""

LINE = re.compile(rb"(\d{1,18}) (\d{1,18}) ([0-9a-f]{64})")
CHUNK = 1 << 20


class PartialFile:
    """One such file, `size` bytes long; several threads may write to it, and other processes the same content.

    Raises OSError where the folder cannot be written.
    """

    def __init__(self, path: Path, size: int) -> None:
        self.path, self.size = path, size
        self._journal = path.with_name(f"{path.name}.spans")
        self._lock = threading.Lock()
        self._present: list[Span] = []
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.truncate(size)
        os.utime(path.parent)  # it is in use
        self._stated = list(self._read_journal())

    def missing(self, spans: Iterable[Span]) -> list[Span]:
        """The parts of these spans that are not here, in order."""
        wanted = merge(spans)
        with self._lock:
            self._verify(wanted)
            return [part for span in wanted for part in _without(span, self._present)]

    def write(self, begin: int, content: bytes) -> None:
        """Keep the bytes from `begin` on; they must lie within the file."""
        end = begin + len(content)
        if not 0 <= begin < end <= self.size:
            raise ValueError(f"bytes {begin} to {end} are outside a file of {self.size}")
        line = f"{begin} {end} {hashlib.sha256(content).hexdigest()}\n".encode()
        with self._lock:
            with self.path.open("r+b") as file:
                file.seek(begin)
                file.write(content)
            with self._journal.open("ab") as journal:
                journal.write(line)
            self._present = merge([*self._present, (begin, end)])

    def _read_journal(self) -> Iterator[tuple[int, int, str]]:
        lines = self._journal.read_bytes().splitlines() if self._journal.is_file() else []
        for match in filter(None, map(LINE.fullmatch, lines)):
            begin, end = int(match[1]), int(match[2])
            if begin < end <= self.size:
                yield begin, end, match[3].decode()

    def _verify(self, wanted: list[Span]) -> None:
        """Look at what an earlier run says it wrote, as far as it is wanted now."""
        asked = [one for one in self._stated if any(one[0] < end and begin < one[1] for begin, end in wanted)]
        if not asked:
            return
        self._stated = [one for one in self._stated if one not in asked]
        with self.path.open("rb") as file:
            whole = [(begin, end) for begin, end, sha256 in asked if _digest(file, begin, end) == sha256]
        self._present = merge([*self._present, *whole])


def merge(spans: Iterable[Span], gap: int = 0) -> list[Span]:
    """The spans in order, those that touch, or are at most `gap` bytes apart, as one."""
    merged: list[Span] = []
    for begin, end in sorted(spans):
        if begin >= end:
            continue
        if merged and begin <= merged[-1][1] + gap:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def _without(span: Span, present: list[Span]) -> Iterator[Span]:
    """The parts of a span outside those that are present, which are in order."""
    begin, end = span
    for first, last in present:
        if last > begin and first < end:
            if first > begin:
                yield begin, first
            begin = last
    if begin < end:
        yield begin, end


def _digest(file: IO[bytes], begin: int, end: int) -> str:
    file.seek(begin)
    sha256 = hashlib.sha256()
    while begin < end and (content := file.read(min(CHUNK, end - begin))):
        sha256.update(content)
        begin += len(content)
    return sha256.hexdigest()
