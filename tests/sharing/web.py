"""A web server that gives out a folder, as people put a bank on the web, and breaks off when a test says so."""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

from tests.targets.serving import running

Fault = Callable[[str], str]
"""What goes wrong with a request for this name: empty, or a word that `_Handler` knows."""


@dataclass
class Web:
    """The folder, and what is wrong with it. asked: paths with the range that was asked for; sent: bytes in all."""

    url: str
    folder: Path
    fault: Fault = lambda name: ""
    ranges: bool = True
    asked: list[tuple[str, str]] = field(default_factory=list)
    sent: int = 0


def at_random(seed: int, share: float) -> Fault:
    """A network that fails that share of all requests, in one way or another."""
    dice = random.Random(seed)
    ways = ["cut", "cut", "drop", "503", "reset", "429"]
    return lambda name: dice.choice(ways) if dice.random() < share else ""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """The other side may hang up at any time."""


@contextmanager
def serve(folder: Path) -> Iterator[Web]:
    server = _Server(("127.0.0.1", 0), _Handler)
    with running(server) as url:
        server.web = Web(url, folder)  # type: ignore[attr-defined]
        yield server.web  # type: ignore[attr-defined]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""

    def do_GET(self) -> None:
        web: Web = self.server.web  # type: ignore[attr-defined]
        name = unquote(urlsplit(self.path).path).strip("/")
        web.asked.append((name, self.headers.get("Range", "")))
        fault, path = web.fault(name), web.folder / name
        if fault in ("drop", "reset"):
            self.close_connection = True
            return None
        if fault.isdigit():
            return self._send(int(fault), b"busy", {"Retry-After": "0"})
        if fault.startswith("to "):
            return self._send(302, b"", {"Location": fault.removeprefix("to ")})
        if not path.is_file():
            return self._send(404, b"no such file")
        return self._answer(web, path.read_bytes(), fault)

    def _answer(self, web: Web, content: bytes, fault: str) -> None:
        match = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if match is None or not web.ranges:
            return self._send(200, content * (2 if fault == "long" else 1), cut=fault == "cut")
        begin, end = int(match[1]), min(int(match[2]) + 1, len(content))
        if begin >= len(content):
            return self._send(416, b"")
        stated = {"shift": begin + 1}.get(fault, begin)
        headers = {"Content-Range": f"bytes {stated}-{end - 1}/{len(content) + (fault == 'size')}"}
        if fault == "gzip":
            headers["Content-Encoding"] = "gzip"
        body = bytes(end - begin) if fault == "zeros" else content[begin:end] + (b"x" * 999 if fault == "long" else b"")
        return self._send(206, body, headers, cut=fault == "cut")

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None, *, cut: bool = False) -> None:
        web: Web = self.server.web  # type: ignore[attr-defined]
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        body = body[: (len(body) + 1) // 2] if cut else body
        web.sent += len(body)
        try:
            self.wfile.write(body)
        except OSError:
            self.close_connection = True  # the other side has read enough
        self.close_connection |= cut
