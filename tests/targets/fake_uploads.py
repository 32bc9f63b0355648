"""A Hub that is written to: new repositories, files stored ahead of a commit, commits on top of a parent."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

from tests.targets.fake_hub import FakeHub, Handler, Repository, in_parts

LARGE = ".safetensors"
"""Names of files that are stored ahead of a commit end like this."""


@dataclass
class Breaks:
    """The routes whose next requests are cut off, with how many."""

    left: dict[str, int] = field(default_factory=dict)

    def now(self, route: str) -> bool:
        if not self.left.get(route):
            return False
        self.left[route] -= 1
        return True


class Uploads(Handler, BaseHTTPRequestHandler):
    """`breaks`: what is cut off."""

    breaks: ClassVar = Breaks()

    def do_POST(self) -> None:
        self._take()

    def do_PUT(self) -> None:
        self._take()

    def _take(self) -> None:
        hub: FakeHub = self.server.hub  # type: ignore[attr-defined]
        path = unquote(urlsplit(self.path).path).strip("/")
        hub.requests.append(f"{self.command} {path}")
        body = self._body()
        known = {"api/repos/create": "create"} | dict.fromkeys([path] if path.startswith("store/") else [], "store")
        route = known.get(path) or in_parts(path)[1]
        if hub.broken:
            return self._send(hub.broken, b"{}")
        if self.breaks.now(route):
            self.close_connection = True
            return None
        answer = {
            "store": self._store,
            "create": self._create,
            "preupload": self._preupload,
            "info": self._batch,
            "commit": self._commit,
        }[route]
        return answer(hub, path, body)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length", 0)))
        content = b""
        while size := int(self.rfile.readline(), 16):
            content += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return content

    def _json(self, value: Any) -> None:
        self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

    def _store(self, hub: FakeHub, path: str, body: bytes) -> None:
        assert path == f"store/{hashlib.sha256(body).hexdigest()}"
        hub.uploaded[hashlib.sha256(body).hexdigest()] = body
        self._send(200, b"")

    def _create(self, hub: FakeHub, path: str, body: bytes) -> None:
        asked = json.loads(body)
        kind = "datasets/" if asked["type"] == "dataset" else ""
        first = "c" * 40
        hub.repositories[f"{kind}{asked['organization']}/{asked['name']}"] = Repository(
            {first: {".gitattributes": b""}}, {"main": first}, private=asked["visibility"] == "private"
        )
        self._json({"url": f"{hub.url}/{kind}{asked['organization']}/{asked['name']}"})

    def _preupload(self, hub: FakeHub, path: str, body: bytes) -> None:
        names = [file["path"] for file in json.loads(body)["files"]]
        modes = {name: "lfs" if name.endswith(LARGE) else "regular" for name in names}
        self._json({"files": [{"path": name, "uploadMode": modes[name], "shouldIgnore": False} for name in names]})

    def _batch(self, hub: FakeHub, path: str, body: bytes) -> None:
        found = []
        for file in json.loads(body)["objects"]:
            upload = {"upload": {"href": f"{hub.url}/store/{file['oid']}"}}
            found.append(file if file["oid"] in hub.uploaded else file | {"actions": upload})
        self._json({"transfer": "basic", "objects": found})

    def _commit(self, hub: FakeHub, path: str, body: bytes) -> None:
        repo_id, _, branch = in_parts(path)
        repository = hub.repositories[repo_id]
        header, *operations = [json.loads(line) for line in body.splitlines()]
        parent = repository.branches[branch]
        if header["value"].get("parentCommit", parent) != parent:
            return self._send(412, json.dumps({"error": "A commit has happened since."}).encode())
        files = dict(repository.commits[parent])
        for one in (operation["value"] for operation in operations):
            files[one["path"]] = base64.b64decode(one["content"]) if "content" in one else hub.uploaded[one["oid"]]
        commit = hashlib.sha256(body + parent.encode()).hexdigest()[:40]
        repository.commits[commit], repository.branches[branch] = files, commit
        return self._json({"commitUrl": f"{hub.url}/{repo_id}/commit/{commit}", "commitOid": commit})
