"""Models of the Hub that cannot be had: a sentence, exit code 4, no report."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from provcheck.cli import run
from tests.cli.conftest import World, tree
from tests.targets.fake_hub import FakeHub, reachable, use_endpoint
from tests.targets.test_hub import repository


@pytest.fixture
def endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """A Hub with one open and one gated model."""
    with reachable(monkeypatch, tmp_path / "cache") as fake:
        (tmp_path / "work").mkdir()
        monkeypatch.chdir(tmp_path / "work")
        fake.repositories["org/open"] = repository()
        fake.repositories["org/gated"] = repository()
        fake.repositories["org/gated"].gated = True
        yield fake


@pytest.mark.parametrize(
    ("model", "options", "sentence"),
    [
        ("org/none", [], "no folder and no Hub repository org/none"),
        ("org/gated", [], "org/gated is gated, and you have no access to it"),
        ("org/open@v9", [], "org/open has no revision v9"),
        ("org/open", ["--revision", "v9"], "org/open has no revision v9"),
        ("org/open", ["--offline"], "org/open at main is not in the local Hub cache"),
        ("no id at all", [], "neither a folder nor a Hub id"),
    ],
)
@pytest.mark.usefixtures("endpoint")
def test_a_model_that_cannot_be_had(
    model: str, options: list[str], sentence: str, world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(world.audit(model, *options)) == 4
    said = capsys.readouterr().err
    assert said.startswith("error: ") and sentence in said
    assert "Traceback" not in said and str(tmp_path) not in said
    assert tree(tmp_path / "work") == set()


@pytest.mark.usefixtures("endpoint")
def test_no_network(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        use_endpoint(monkeypatch, f"http://127.0.0.1:{free.getsockname()[1]}")
    assert run(world.audit("org/open")) == 4
    said = capsys.readouterr().err
    assert "org/open cannot be fetched from the Hub" in said and "--offline" in said
    assert "Traceback" not in said
    assert tree(tmp_path / "work") == set()
