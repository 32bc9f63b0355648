"""A Hub of a few routes: what `model_info` and `snapshot_download` ask for, from models kept in memory.

What `create_repo` and `create_commit` send is taken in `tests.targets.fake_uploads`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import huggingface_hub.constants
import pytest

from tests.targets.fake_storage import Storage
from tests.targets.serving import running

COMMITS = ("a" * 40, "b" * 40)

Files = dict[str, bytes]


@dataclass
class Repository:
    """Files by commit, and which commit the branches name. `gated`: listed, but files are refused."""

    commits: dict[str, Files]
    branches: dict[str, str] = field(default_factory=lambda: {"main": COMMITS[0]})
    gated: bool = False
    private: bool = False


@dataclass
class FakeHub:
    """Repositories by id (of a data set, with `datasets/` before it), the requests that came in, and a status that
    answers everything if it is set.

    storage: where weight files lie, as those in LFS do; None: they are answered by the Hub itself. tokens: what came
    with each request.
    """

    url: str
    repositories: dict[str, Repository] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    broken: int | None = None
    storage: Storage | None = None
    tokens: list[str | None] = field(default_factory=list)
    faults: list[int] = field(default_factory=list)
    """Statuses that answer the next requests for files in the storage."""
    hostile: dict[str, str] = field(default_factory=dict)
    """Headers that replace those of answers to paths with `hostile_of` in them."""
    hostile_of: str = "/resolve/"
    oid: str | None = None
    """In place of the sha256 in lists of files."""
    body: Callable[[], Iterable[bytes]] | None = None
    """In place of the content of these answers."""
    uploaded: dict[str, bytes] = field(default_factory=dict)
    """What was stored for a commit, by sha256."""

    @property
    def downloaded(self) -> set[str]:
        """Names of the files that were fetched."""
        return {path.split("/")[-1] for path in self.requests if path.startswith("GET") and "/resolve/" in path}


@contextmanager
def serve(handler: type[BaseHTTPRequestHandler] | None = None) -> Iterator[FakeHub]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler or Handler)
    server.daemon_threads = True
    with running(server) as url:
        server.hub = FakeHub(url)  # type: ignore[attr-defined]
        yield server.hub  # type: ignore[attr-defined]


@contextmanager
def reachable(
    monkeypatch: pytest.MonkeyPatch, cache: Path, handler: type[BaseHTTPRequestHandler] | None = None
) -> Iterator[FakeHub]:
    """A Hub that huggingface_hub asks for the time being, with its local cache in that folder."""
    with serve(handler) as hub:
        use_endpoint(monkeypatch, hub.url)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
        yield hub
        huggingface_hub.close_session()


def use_endpoint(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", url)
    template = url + "/{repo_id}/resolve/{revision}/{filename}"
    monkeypatch.setattr(huggingface_hub.constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._route()

    def do_HEAD(self) -> None:
        self._route()

    def log_message(self, format: str, *args: object) -> None:
        """Stay quiet."""

    def _route(self) -> None:
        hub: FakeHub = self.server.hub  # type: ignore[attr-defined]
        path = unquote(urlsplit(self.path).path).strip("/")
        hub.requests.append(f"{self.command} {path}")
        hub.tokens.append(self.headers.get("Authorization"))
        if hub.broken:
            return self._send(hub.broken, b"{}")
        repo_id, route, rest = in_parts(path)
        repository = hub.repositories.get(repo_id)
        if repository is None:
            return self._send(401 if path.startswith("api") else 404, b"", {"X-Error-Code": "RepoNotFound"})
        return self._answer(repository, repo_id, route, rest)

    def _content(self, hub: FakeHub, name: str, content: bytes, commit: str) -> None:
        """A file, or the address of one in the storage."""
        if hub.storage is None or not name.endswith(".safetensors"):
            return self._send(200, content, {"X-Repo-Commit": commit, "ETag": f'"{_sha(content)}"'})
        if hub.faults:
            return self._send(hub.faults.pop(0), b"", {"Retry-After": "0"})
        linked = {"X-Linked-ETag": f'"{_sha256(content)}"', "X-Linked-Size": str(len(content))}
        address = hub.storage.address_of(content)
        return self._send(302, b"", {"X-Repo-Commit": commit, "Location": address, **linked})

    def _answer(self, repository: Repository, repo_id: str, route: str, rest: str) -> None:
        hub: FakeHub = self.server.hub  # type: ignore[attr-defined]
        revision, _, name = (rest, "", "") if route == "revision" else rest.partition("/")
        commit = repository.branches.get(revision, revision)
        files = repository.commits.get(commit)
        if files is None:
            return self._send(404, b"", {"X-Error-Code": "RevisionNotFound"})
        if repository.gated and route != "revision":
            return self._send(403, b"", {"X-Error-Code": "GatedRepo"})
        if route == "revision":
            info = {"id": repo_id, "sha": commit, "siblings": [{"rfilename": file} for file in files]}
            return self._send(200, json.dumps(info).encode())
        if route == "tree":
            return self._send(
                200, json.dumps([_entry(*item, hub.storage is not None, hub.oid) for item in files.items()]).encode()
            )
        if name not in files:
            return self._send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
        return self._content(hub, name, files[name], commit)

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        hub: FakeHub = self.server.hub  # type: ignore[attr-defined]
        replaced, other = (hub.hostile, hub.body) if hub.hostile_of in self.path else ({}, None)
        length = {"Content-Length": str(len(body))} if other is None or self.command == "HEAD" else {}
        for key, value in {**length, **(headers or {}), **replaced}.items():
            self.send_header(key, value)
        self.close_connection |= other is not None  # it has no length
        self.end_headers()
        if self.command != "HEAD":
            self._write([body] if other is None else other())

    def _write(self, body: Iterable[bytes]) -> None:
        try:
            for chunk in body:
                self.wfile.write(chunk)
        except OSError:
            self.close_connection = True  # the other side has read enough


def in_parts(path: str) -> tuple[str, str, str]:
    """The repository, the route, and what follows."""
    parts = path.removeprefix("api/").removeprefix("models/").split("/")
    length = 3 if parts[0] == "datasets" else 2
    return "/".join(parts[:length]), parts[length], "/".join(parts[length + 1 :])


def _entry(name: str, content: bytes, lfs: bool, oid: str | None) -> dict[str, object]:
    entry = {"type": "file", "path": name, "size": len(content), "oid": _sha(content)}
    large = {"lfs": {"oid": oid or _sha256(content), "size": len(content), "pointerSize": 130}}
    return entry | (large if lfs and name.endswith(".safetensors") else {})


def _sha(content: bytes) -> str:
    return _sha256(content)[:40]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
