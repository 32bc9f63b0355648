"""Names on the command line that no file can have: exit code 4 and a sentence, for every option that names one."""

from __future__ import annotations

from pathlib import Path

import pytest

from provcheck.cli import run

ODD = {
    "long": "x" * 5000,
    "long measurement": "x" * 5000 + ".safetensors",
    "zero": "a\0b",
    "zero measurement": "a\0b.safetensors",
    "nobody's home": "~nobody-here/x",
    "nobody's measurement": "~nobody-here/x.safetensors",
    "surrogate": "\ud800",
    "not UTF-8": "\udcff.safetensors",
    "device": "/dev/zero",
    "memory": "/proc/self/mem",
    "hidden": "\u202ex",
    "control": "\x1b[31mx",
}

PLACES = (
    ("audit", "?"),
    ("audit", "demo", "--bank", "?"),
    ("audit", "demo", "--policy", "?"),
    ("audit", "demo", "--probes", "?"),
    ("measure", "?"),
    ("compare", "?", "demo"),
    ("bank", "show", "?"),
    ("bank", "verify", "?"),
    ("bank", "build", "?"),
    ("report", "verify", "?"),
    ("policy", "check", "?"),
    ("tree", "?"),
    ("bank", "init", "?"),
    ("bank", "add", "?", "demo", "--id", "a", "--family", "b"),
)


@pytest.mark.parametrize("name", ODD)
def test_names_of_files_that_are_read(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    for place in PLACES:
        code = run([*(ODD[name] if word == "?" else word for word in place), *offline(place)])
        said = capsys.readouterr().err
        assert (place, code) == (place, 4), said[-2000:]
        assert said.startswith(("error: ", "Usage: "))
        assert "\x1b" not in said
        assert "\u202e" not in said
    assert list(tmp_path.iterdir()) == []


def offline(place: tuple[str, ...]) -> list[str]:
    return ["--offline"] if place[0] in ("audit", "measure", "compare") or "init" in place else []


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "\ud800"])
@pytest.mark.parametrize("command", [["audit", "demo", "--out"], ["measure", "demo", "-o"], ["tree", "-o"]])
def test_names_of_files_that_are_written(
    name: str, command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Found out before the long work."""
    monkeypatch.chdir(tmp_path)
    assert run([*command, name]) == 4
    assert capsys.readouterr().err.startswith("error: ")
    assert list(tmp_path.iterdir()) == []
