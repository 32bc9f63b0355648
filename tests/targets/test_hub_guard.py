"""A hostile HF_ENDPOINT: what it may make huggingface_hub write, read and wait for."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from provcheck.errors import BrokenModel, SubjectError, SubjectNotFound
from provcheck.targets import hub_guard
from provcheck.targets.resolution import resolve
from tests.targets.fake_hub import FakeHub
from tests.targets.fake_storage import serve_storage
from tests.targets.test_hub import OLD, hub, repository

__all__ = ["hub"]

OUTSIDE = "../../../outside"


@pytest.fixture(autouse=True)
def published(hub: FakeHub) -> None:
    hub.repositories["org/model"] = repository()


def check_refused(reason: str, error: type[SubjectError] = SubjectNotFound) -> None:
    with pytest.raises(error, match=reason) as caught:
        resolve("org/model")
    assert "HF_ENDPOINT" in caught.value.hint
    assert caught.value.exit_code == 4


def outside(tmp_path: Path) -> list[Path]:
    return [path for path in tmp_path.rglob("*outside*") if path.exists()]


@pytest.mark.parametrize("header", ["ETag", "X-Linked-ETag"])
@pytest.mark.parametrize("etag", [f'"{OUTSIDE}"', 'W/"../x"', '".."', '"a/b"', '""', f'"{"a" * 300}"'])
def test_etag_that_is_a_path(hub: FakeHub, tmp_path: Path, header: str, etag: str) -> None:
    hub.hostile = {header: etag}
    check_refused("ETag that cannot be the name of a file")
    assert not outside(tmp_path)
    assert not list(tmp_path.rglob("config.json"))


@pytest.mark.parametrize("commit", [OUTSIDE, "..", "main", ""])
def test_commit_that_is_a_path(hub: FakeHub, tmp_path: Path, commit: str) -> None:
    hub.hostile = {"X-Repo-Commit": commit}
    check_refused("names a commit that is none")
    assert not outside(tmp_path)


def test_sha256_in_a_list_that_is_a_path(hub: FakeHub, tmp_path: Path) -> None:
    with serve_storage() as hub.storage:
        hub.oid = OUTSIDE
        check_refused("states a sha256 that is none")
    assert not outside(tmp_path)


@pytest.mark.parametrize("etag", ['"5f3c-5d2"', 'W/"abc="', "a" * 40])
def test_plain_etags_of_mirrors_are_taken(hub: FakeHub, etag: str) -> None:
    hub.hostile, hub.hostile_of = {"ETag": etag}, "config.json"
    assert resolve("org/model").subject.revision == OLD


@pytest.mark.parametrize("address", ["/revision/", "/tree/"])
def test_endless_list(hub: FakeHub, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr(hub_guard, "MAX_API_BYTES", 1_000_000)
    hub.body, hub.hostile_of = lambda: itertools.repeat(b" " * 65_536, 1_000), address
    check_refused("sends a list of more than 1,000,000 bytes")


def test_compressed_list(hub: FakeHub) -> None:
    """A few bytes could be gigabytes."""
    hub.hostile, hub.hostile_of = {"Content-Encoding": "gzip"}, "/tree/"
    check_refused("sends a list compressed")


def test_list_of_too_many_values(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_guard, "MAX_API_VALUES", 100)
    hub.hostile_of = "/api/"
    hub.body = lambda: [json.dumps([[]] * 200).encode()]
    check_refused("a list that cannot be read")


def test_list_without_an_end_of_pages(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_guard, "MAX_PAGES", 3)
    hub.hostile_of = "/tree/"
    hub.hostile = {"Link": f'<{hub.url}/api/models/org/model/tree/{OLD}>; rel="next"'}
    check_refused("sends a list of more than 3 pages")


def trickle() -> Iterator[bytes]:
    for _ in range(400):
        time.sleep(0.05)
        yield b" "


@pytest.mark.parametrize("address", ["/api/", "/resolve/"])
def test_one_byte_after_another(hub: FakeHub, monkeypatch: pytest.MonkeyPatch, address: str) -> None:
    monkeypatch.setattr(hub_guard, "WINDOW_SECONDS", 0.3)
    hub.body, hub.hostile_of = trickle, address
    begin = time.monotonic()
    check_refused(r"sent only \d+ bytes in")
    assert time.monotonic() - begin < 5


def test_one_byte_a_connection(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_guard, "MAX_BROKEN", 1)
    hub.hostile, hub.hostile_of = {"Content-Length": "1000"}, "config.json"
    hub.body = lambda: [b"x"]
    check_refused("broke off 2 answers, one after another")


def test_steady_answers_go_on(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_guard, "WINDOW_SECONDS", 0.0)
    monkeypatch.setattr(hub_guard, "WINDOW_BYTES", 1)
    assert resolve("org/model").subject.revision == OLD


def test_content_that_is_not_what_the_hub_states(hub: FakeHub, tmp_path: Path) -> None:
    with serve_storage() as hub.storage:
        hub.hostile, hub.hostile_of = {"X-Linked-ETag": f'"{"c" * 64}"'}, "model.safetensors"
        check_refused("model.safetensors has the sha256 .* but the Hub states cccccccccccc", BrokenModel)
        check_refused("model.safetensors has the sha256 ", BrokenModel)  # it is never taken for the good one
        for bad in (*tmp_path.rglob("c" * 64), *tmp_path.rglob("model.safetensors")):
            bad.unlink()
        hub.hostile = {}
        assert resolve("org/model").subject.revision == OLD
