"""A Ctrl-C exits 2 and leaves no partial report."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from provcheck.cli import run
from provcheck.rendering.progress import ProgressBar
from tests.cli.conftest import World, tree

STOPS_WHILE_MEASURING = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)  # shells make background jobs ignore it
from provcheck.cli import main
from provcheck.rendering.progress import ProgressBar

def start(self, stage, total):
    print("measuring", flush=True)
    time.sleep(60)

ProgressBar.start = start
main()
"""


def interrupt(self: ProgressBar, n: int = 1) -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("old_report", [False, True])
def test_while_measuring(
    old_report: bool,
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(ProgressBar, "advance", interrupt)
    if old_report:
        (tmp_path / "out").mkdir()
        (tmp_path / "out" / "report.json").write_text("old", "utf-8")
    before = tree(tmp_path)
    assert run(world.audit(world.models["seed-0"], "--out", tmp_path / "out")) == 2
    said = capsys.readouterr().err
    assert said.startswith("interrupted") and len(said.splitlines()) == 1
    assert tree(tmp_path) == before
    assert not old_report or (tmp_path / "out" / "report.json").read_text("utf-8") == "old"


def test_measure_leaves_no_file(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ProgressBar, "advance", interrupt)
    target = tmp_path / "new" / "m.safetensors"
    assert run(["measure", str(world.models["seed-0"]), "-o", str(target), "--probes", str(world.probes)]) == 2
    assert tree(tmp_path) == set()


@pytest.mark.slow
def test_a_signal_to_the_real_program(world: World, tmp_path: Path) -> None:
    arguments = world.audit(world.models["seed-0"], "--out", tmp_path / "out")
    with subprocess.Popen(
        [sys.executable, "-c", STOPS_WHILE_MEASURING, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    ) as program:
        assert program.stdout is not None
        assert any(line.startswith("measuring") for line in program.stdout)
        program.send_signal(signal.SIGINT)
        _, said = program.communicate(timeout=60)
    assert program.returncode == 2
    assert "interrupted" in said and "Traceback" not in said
    assert tree(tmp_path) == set()
