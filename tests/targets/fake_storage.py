"""The other host that the Hub sends downloads of large files to: ranges, ETags, addresses that expire, and faults."""

from __future__ import annotations

import hashlib
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from tests.targets.serving import running


@dataclass
class Storage:
    """Files by sha256. Each GET takes one of the `faults` off the list, the first first.

    oldest: addresses given out before this one have expired. sent: bytes of all answers.
    """

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    always: str = ""
    requests: list[dict[str, str]] = field(default_factory=list)
    issued: int = 0
    oldest: int = 0
    sent: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def address_of(self, content: bytes) -> str:
        """A fresh address."""
        sha256 = hashlib.sha256(content).hexdigest()
        self.files[sha256] = content
        self.issued += 1
        return f"{self.url}/{sha256}?signed={self.issued}"

    @property
    def ranges(self) -> list[tuple[int, int]]:
        """The spans that were asked for."""
        asked = (re.fullmatch(r"bytes=(\d+)-(\d+)", one.get("range", "")) for one in self.requests)
        return [(int(match[1]), int(match[2]) + 1) for match in asked if match]


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """The other side may hang up at any time."""


@contextmanager
def serve_storage() -> Iterator[Storage]:
    server = _Server(("127.0.0.1", 0), _Handler)
    with running(server) as url:
        server.storage = Storage(url)  # type: ignore[attr-defined]
        yield server.storage  # type: ignore[attr-defined]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""

    def do_GET(self) -> None:
        storage: Storage = self.server.storage  # type: ignore[attr-defined]
        path = urlsplit(self.path)
        with storage.lock:
            storage.requests.append({name.lower(): value for name, value in self.headers.items()})
            fault = storage.faults.pop(0) if storage.faults else storage.always
        content = storage.files.get(path.path.strip("/"))
        if int(parse_qs(path.query)["signed"][0]) < storage.oldest:
            return self._send(403, b"expired")
        if content is None:
            return self._send(404, b"")
        return self._answer(storage, content, fault)

    def _answer(self, storage: Storage, content: bytes, fault: str) -> None:
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if fault.isdigit():
            return self._send(int(fault), b"busy")
        if fault.startswith("wait"):
            return self._send(429, b"busy", {"Retry-After": fault.removeprefix("wait")})
        if fault == "drop":
            self.close_connection = True
            return None
        etag = '"another"' if fault == "etag" else '"of-the-storage"'
        if match is None or fault == "whole":
            storage.sent += len(content)
            return self._send(200, content, {"ETag": etag})
        begin, end = int(match[1]), min(int(match[2]) + 1, len(content))
        shift = 1 if fault == "shift" else 0
        size = len(content) + (1 if fault == "size" else 0)
        headers = {"ETag": etag, "Content-Range": f"bytes {begin + shift}-{end - 1}/{size}"}
        if fault == "gzip":
            headers["Content-Encoding"] = "gzip"
        body = content[begin:end]
        if fault == "long":
            body += b"x" * 1000
        return self._send(206, body, headers, cut=fault == "cut")

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None, *, cut: bool = False) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        storage: Storage = self.server.storage  # type: ignore[attr-defined]
        body = body[: (len(body) + 1) // 2] if cut else body
        with storage.lock:
            storage.sent += len(body) if status == 206 else 0
        try:
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # the other side has read enough
        if cut:
            self.close_connection = True
