"""A Hub repository that changes while it is looked at: everything is read at the one commit that was resolved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pytest

from provcheck.errors import SubjectNotFound
from provcheck.targets.resolution import resolve
from provcheck.types import ProbeSet
from tests.measured import loglik_nats, measure
from tests.targets.fake_hub import COMMITS, FakeHub, Repository
from tests.tiny import save_tiny, tiny_probes

OLD, NEW = COMMITS


@pytest.fixture(scope="module")
def probes() -> ProbeSet:
    return tiny_probes(questions=2, texts=3)


@pytest.fixture
def moving(hub: FakeHub, tmp_path: Path) -> Iterator[Repository]:
    """A repository of two commits, each a whole model; `main` is the old one."""
    commits = {}
    for seed, commit in enumerate(COMMITS):
        folder = save_tiny(tmp_path / commit, seed=seed)
        commits[commit] = {path.name: path.read_bytes() for path in folder.iterdir()}
    hub.repositories["org/model"] = Repository(commits)
    yield hub.repositories["org/model"]


def test_it_moves_between_resolving_and_measuring(
    hub: FakeHub,
    moving: Repository,
    tmp_path: Path,
    probes: ProbeSet,
) -> None:
    loadable = resolve("org/model")
    moving.branches["main"] = NEW
    moving.commits[OLD] = moving.commits[NEW]  # a force push that even gives other content to the old name
    before = len(hub.requests)
    found = measure(loadable, probes)
    assert hub.requests[before:] == [], "measuring asks nobody"
    expected = measure(resolve(str(tmp_path / OLD)), probes)
    np.testing.assert_array_equal(loglik_nats(found), loglik_nats(expected))
    assert found.subject.weights_digest == expected.subject.weights_digest
    assert found.subject.revision == OLD


@pytest.mark.parametrize("call", [0, 1, 2])
def test_it_moves_between_two_downloads(
    hub: FakeHub,
    moving: Repository,
    monkeypatch: pytest.MonkeyPatch,
    call: int,
) -> None:
    """First the small files are fetched, then the weights; both are of the commit that was named first."""
    download = huggingface_hub.HfApi.snapshot_download
    calls: list[str] = []

    def moved(*args: Any, **kwargs: Any) -> Any:
        if len(calls) == call:
            moving.branches["main"] = NEW
        calls.append(kwargs["revision"])
        return download(*args, **kwargs)

    monkeypatch.setattr(huggingface_hub.HfApi, "snapshot_download", moved)
    subject = resolve("org/model").subject
    assert set(calls) == {OLD}
    assert subject.revision == OLD
    asked = [request for request in hub.requests if "/resolve/" in request]
    assert asked
    assert all(f"/resolve/{OLD}/" in request for request in asked)


def test_its_commit_vanishes_between_two_downloads(
    hub: FakeHub,
    moving: Repository,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    download = huggingface_hub.HfApi.snapshot_download

    def vanished(*args: Any, **kwargs: Any) -> Any:
        if "model.safetensors" in kwargs["allow_patterns"]:
            moving.commits.pop(OLD, None)
        return download(*args, **kwargs)

    monkeypatch.setattr(huggingface_hub.HfApi, "snapshot_download", vanished)
    with pytest.raises(SubjectNotFound, match="org/model"):
        resolve("org/model")
