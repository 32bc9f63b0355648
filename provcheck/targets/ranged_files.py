"""Weight files on the Hub of which only what a signal asks for is brought here, in place of whole files.

What was fetched stays in the cache folder, so that an interrupted run goes on where it stopped; it is dropped after a
week without use (see `provcheck.cache`). With `--no-cache`, and where that folder cannot be written, it lies in a
temporary one.
"""

from __future__ import annotations

import re
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from provcheck.cache import FETCHED, cache_root
from provcheck.io.partial_file import PartialFile, Span, merge
from provcheck.io.safetensors import MAX_HEADER_BYTES
from provcheck.io.tensor_files import TensorFiles
from provcheck.targets.range_requests import RemoteFile
from provcheck.types import FileDigest, canonical_digest

GAP_BYTES = 1 << 16
"""Spans that are nearer to each other are fetched together: a request costs as much time. The first one has as many."""


class RangedFile:
    """One weight file of the Hub. `stated` is what the Hub says about it; its digest is not computed."""

    def __init__(self, remote: RemoteFile, name: str, where: list[object], *, keep: bool) -> None:
        key = canonical_digest([*where, name, remote.etag, remote.size])
        self._remote = remote
        self._here = (_kept(key, name, remote.size) if keep else None) or self._temporary(name, remote.size)
        self.path = self._here.path
        self.stated = FileDigest(name=name, bytes=remote.size, sha256=None, stated_etag=remote.etag)

    def _temporary(self, name: str, size: int) -> PartialFile:
        """In a folder that is removed with this object."""
        folder = tempfile.mkdtemp(prefix="provcheck-")
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        return PartialFile(Path(folder) / name, size)

    def need(self, spans: Iterable[Span]) -> None:
        """Fetch what is not here of these spans. Raises SubjectError or OutputError."""
        if missing := self._here.missing(merge(spans, GAP_BYTES)):
            self._remote.fetch(missing, self._here)

    def missing_bytes(self, spans: Iterable[Span]) -> int:
        """How much of these spans is not here."""
        return sum(end - begin for begin, end in self._here.missing(merge(spans, GAP_BYTES)))

    def need_header(self) -> None:
        """Fetch as many bytes as the file says its header has; whether that can be true is checked by reading it."""
        self.need([(0, min(GAP_BYTES, self._here.size))])
        with self.path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
        if 8 + length <= self._here.size and length <= MAX_HEADER_BYTES:
            self.need([(0, 8 + length)])


class RangedTensors(TensorFiles):
    """The tensors of files of which some are ranged; each is fetched when it is asked for."""

    def __init__(self, paths: Sequence[Path], ranged: Iterable[RangedFile]) -> None:
        super().__init__(paths)
        self._ranged = {file.path: file for file in ranged}
        self._say: Callable[[str], None] | None = None

    def tell(self, say: Callable[[str], None]) -> None:
        """Say from now on how much will be fetched before it is."""
        self._say = say

    def announce(self, names: Iterable[str]) -> None:
        """Say how much these tensors are, of all files; what is here already does not count."""
        spans: dict[Path, list[Span]] = {}
        for name in names:
            path, span = self.span(name)
            spans.setdefault(path, []).append(span)
        missing = sum(self._ranged[path].missing_bytes(found) for path, found in spans.items() if path in self._ranged)
        total = sum(file.stated.bytes for file in self._ranged.values())
        if self._say and missing:
            self._say(f"fetching {megabytes(missing)} of {megabytes(total)} from the Hub, and rows of the embeddings")

    def _need(self, path: Path, spans: Iterable[Span]) -> None:
        if path in self._ranged:
            self._ranged[path].need(spans)


def open_ranged(repo_id: str, commit: str, folder: Path, name: str, *, keep: bool) -> RangedFile | None:
    """The file with its header; None if it is in the Hub's cache, whose `folder` of the commit may lack a link to it.

    Raises what huggingface_hub raises, SubjectError or OutputError.
    """
    from huggingface_hub import constants

    if (folder / name).is_file():
        return None
    remote = RemoteFile(repo_id, commit, name)
    if re.fullmatch(r"[0-9a-f]{40,64}", remote.etag) and (folder.parent.parent / "blobs" / remote.etag).is_file():
        return None
    found = RangedFile(remote, name, [constants.ENDPOINT, repo_id], keep=keep)
    found.need_header()
    return found


def megabytes(count: int) -> str:
    """`13,477 MB`; a small number has digits after the point."""
    return f"{count / 1e6:,.0f} MB" if count >= 1e7 else f"{count / 1e6:.2f} MB"


def _kept(key: str, name: str, size: int) -> PartialFile | None:
    """The file in the cache; None where that cannot be written."""
    try:
        return PartialFile(cache_root() / FETCHED / key / name, size)
    except OSError:
        return None
