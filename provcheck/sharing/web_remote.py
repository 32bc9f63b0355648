"""An https address as a place of releases, to read from: any web server that gives out a folder that was pushed to."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlsplit

from provcheck.endpoints.address import LOCAL
from provcheck.errors import UsageError
from provcheck.io.partial_file import PartialFile
from provcheck.io.text import clean
from provcheck.sharing.downloads import download, read_url
from provcheck.sharing.remotes import Remote


class WebRemote(Remote):
    """The files lie under the address; http is for this machine only."""

    def __init__(self, address: str) -> None:
        try:
            parts = urlsplit(address)
            host = parts.hostname
        except ValueError:
            host = None
        self.address = clean(address) or ""
        if not host or parts.query or parts.fragment:
            raise UsageError(f"{self.address} is no address of a folder", "Give one like https://host/banks/name.")
        if parts.scheme != "https" and host not in LOCAL:
            raise UsageError(f"{self.address} is not https", "Anybody on the way could change what http brings.")
        self._base = address.rstrip("/")

    def read(self, name: str, limit: int) -> bytes | None:
        """By one request, tried again where it may help."""
        return read_url(self._url(name), self._headers(), limit, self._what(name))

    def fetch(self, name: str, into: PartialFile) -> None:
        """By range requests for what is missing."""
        download(self._url(name), self._headers(), into, self._what(name))

    def _url(self, name: str) -> str:
        return f"{self._base}/{quote(name)}"

    def _headers(self) -> Mapping[str, str]:
        return {}

    def _what(self, name: str) -> str:
        return f"{name} of {self.address}"
