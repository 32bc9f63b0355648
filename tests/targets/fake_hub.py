"""A Hub of a few routes: what `model_info` and `snapshot_download` ask for, from models kept in memory."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

COMMITS = ("a" * 40, "b" * 40)

Files = dict[str, bytes]


@dataclass
class Repository:
    """Files by commit, and which commit the branches name. `gated`: listed, but files are refused."""

    commits: dict[str, Files]
    branches: dict[str, str] = field(default_factory=lambda: {"main": COMMITS[0]})
    gated: bool = False


@dataclass
class FakeHub:
    """Repositories by id, the requests that came in, and a status that answers everything if it is set."""

    url: str
    repositories: dict[str, Repository] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    broken: int | None = None

    @property
    def downloaded(self) -> set[str]:
        """Names of the files that were fetched."""
        return {path.split("/")[-1] for path in self.requests if path.startswith("GET") and "/resolve/" in path}


@contextmanager
def serve() -> Iterator[FakeHub]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    hub = FakeHub(f"http://127.0.0.1:{server.server_port}")
    server.hub = hub  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield hub
    server.shutdown()
    server.server_close()
    thread.join()


class _Handler(BaseHTTPRequestHandler):
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
        if hub.broken:
            return self._send(hub.broken, b"{}")
        parts = path.removeprefix("api/models/").split("/")
        repository = hub.repositories.get("/".join(parts[:2]))
        if repository is None:
            return self._send(401 if path.startswith("api") else 404, b"", {"X-Error-Code": "RepoNotFound"})
        return self._answer(repository, "/".join(parts[:2]), parts[2], "/".join(parts[3:]))

    def _answer(self, repository: Repository, repo_id: str, route: str, rest: str) -> None:
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
            return self._send(200, json.dumps([_entry(*item) for item in files.items()]).encode())
        if name not in files:
            return self._send(404, b"", {"X-Error-Code": "EntryNotFound", "X-Repo-Commit": commit})
        return self._send(200, files[name], {"X-Repo-Commit": commit, "ETag": f'"{_sha(files[name])}"'})

    def _send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for key, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)


def _entry(name: str, content: bytes) -> dict[str, object]:
    return {"type": "file", "path": name, "size": len(content), "oid": _sha(content)}


def _sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:40]
