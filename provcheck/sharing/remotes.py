"""What a place of releases must do, and which kind of place an address names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

from provcheck.errors import BankError, UsageError
from provcheck.io.partial_file import PartialFile
from provcheck.io.text import clean
from provcheck.sharing.releases import CURRENT_FILE, MAX_RELEASE_BYTES, RELEASE_FILE, Release, parse_current
from provcheck.sharing.releases import parse_release as parse

HUB = "hf://"
WEB = ("https://", "http://")
ADDRESSES = "A place is a folder, hf://org/name, hf://datasets/org/name, or (to pull only) an https address."


class Remote(ABC):
    """One place. Names are those of files in it, with `/`; whatever it gives is untrusted."""

    address: str
    """As people call it."""

    @abstractmethod
    def read(self, name: str, limit: int) -> bytes | None:
        """A file of at most `limit` bytes, whole; None where there is none. Raises ProvcheckError."""

    @abstractmethod
    def fetch(self, name: str, into: PartialFile) -> None:
        """Write what is missing of a file. What arrived is kept, whatever happens. Raises ProvcheckError."""

    def publish(self, release: Release, files: Mapping[str, Path | bytes], current: bytes) -> None:
        """Put the files of a release there, and when all are there, let it be the current one.

        Called again after it was cut off, it goes on. Raises ProvcheckError.
        """
        raise UsageError(f"{self.address} can only be read", "Push to a folder or to hf://org/name.")


def open_remote(address: str) -> Remote:
    """The place that an address names; nothing is asked of it yet. Raises UsageError."""
    if address.startswith(HUB):
        from provcheck.sharing.hub_remote import HubRemote

        return HubRemote(address)
    if address.startswith(WEB):
        from provcheck.sharing.web_remote import WebRemote

        return WebRemote(address)
    if "://" in address:
        raise UsageError(f"{clean(address)} is no place that provcheck knows", ADDRESSES)
    from provcheck.sharing.folder_remote import FolderRemote

    return FolderRemote(Path(address))


def current_version(remote: Remote) -> str | None:
    """Digest of the bank of the current release; None where nothing was pushed yet. Raises ProvcheckError."""
    content = remote.read(CURRENT_FILE, MAX_RELEASE_BYTES)
    return None if content is None else parse_current(content, remote.address).version


def release_of(remote: Remote, version: str) -> Release | None:
    """The release of that bank; None where the place has none. Raises ProvcheckError."""
    content = remote.read(f"versions/{version}/{RELEASE_FILE}", MAX_RELEASE_BYTES)
    if content is None:
        return None
    release = parse(content, f"{version[:12]} of {remote.address}")
    if release.bank != version:
        raise BankError(f"{remote.address} holds another bank under {version[:12]} than it says")
    return release
