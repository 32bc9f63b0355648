"""A folder as a place of releases: on a share, a stick, or under a web server."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from provcheck.errors import BankError, OutputError
from provcheck.io.digests import file_digest
from provcheck.io.partial_file import CHUNK, PartialFile
from provcheck.io.text import reason, shown
from provcheck.io.untrusted import read_bounded
from provcheck.io.writing import write_whole
from provcheck.sharing.releases import CURRENT_FILE, Release
from provcheck.sharing.remotes import Remote


class FolderRemote(Remote):
    """The layout of `releases`; a release is staged as `versions/.DIGEST.part` and gets its name when it is whole."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.address = shown(folder)

    def read(self, name: str, limit: int) -> bytes | None:
        """The content of a plain file."""
        try:
            return read_bounded(self._folder / name, limit)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise BankError(f"{name} in {self.address} cannot be read: {reason(error)}") from None

    def fetch(self, name: str, into: PartialFile) -> None:
        """Copy what is missing; a file of another size is refused before."""
        path = self._folder / name
        try:
            if not path.is_file() or path.stat().st_size != into.size:
                raise BankError(f"{self.address} lacks {name}, or has it in another size than its release states")
            with path.open("rb") as file:
                for first, end in into.missing([(0, into.size)]):
                    file.seek(first)
                    for begin in range(first, end, CHUNK):
                        into.write(begin, file.read(min(CHUNK, end - begin)))
        except (OSError, ValueError) as error:  # it may shrink meanwhile
            raise BankError(f"{name} in {self.address} cannot be copied: {reason(error)}") from None

    def publish(self, release: Release, files: Mapping[str, Path | bytes], current: bytes) -> None:
        """Copy the files that the stage lacks, rename the stage, then write `current.json`."""
        whole = self._folder / release.place
        stage = whole.with_name(f".{whole.name}.part")
        try:
            if not whole.is_dir():
                stage.mkdir(parents=True, exist_ok=True)
                for name, source in files.items():
                    _put(source, stage / name)
                stage.rename(whole)
            else:  # pushed before; a signature may be new
                for name, source in files.items():
                    _put(source, whole / name)
        except OSError as error:
            raise OutputError(f"cannot write into {self.address}: {reason(error)}") from None
        write_whole(self._folder / CURRENT_FILE, current)


def _put(source: Path | bytes, target: Path) -> None:
    """Write a file, unless it is there as it should be."""
    if isinstance(source, bytes):
        write_whole(target, source)
    elif not target.is_file() or file_digest(target) != file_digest(source):
        part = target.with_name(f".{target.name}.part")
        shutil.copyfile(source, part)
        part.replace(target)
