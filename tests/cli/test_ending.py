"""How the program ends: a reader that stops early, a full disk, signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from provcheck.cli import run
from provcheck.cli.ending import LastingFile
from provcheck.errors import OutputError
from provcheck.report_file import read_report
from tests.cli.conftest import World, tree

PROGRAM = [sys.executable, "-c", "from provcheck.cli import main; main()"]
FULL = Path("/dev/full")
full_disk = pytest.mark.skipif(not FULL.exists(), reason="only Linux has /dev/full")

BUSY = """
import signal, sys, time
mode = sys.argv.pop()
if mode == "ignored":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
else:  # shells make background jobs ignore the first, and nohup the last
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
import provcheck.doctor
from provcheck.cli import main

def examine():
    try:
        print("busy", flush=True)
        time.sleep(2 if mode == "ignored" else 60)
    finally:
        print("tidying", flush=True)
        time.sleep(60 if mode == "slow" else 0)
    return []

provcheck.doctor.examine = examine
sys.argv.append("doctor")
main()
"""


@pytest.fixture
def measured(world: World, tmp_path: Path) -> Path:
    """A measurement file, which is audited within a second."""
    path = tmp_path / "m.safetensors"
    assert run(["measure", str(world.models["seed-0"]), "-o", str(path), "--probes", str(world.probes)]) == 0
    return path


@pytest.mark.parametrize(("errors", "unbuffered"), [(False, ""), (True, "1")])
def test_a_reader_that_stops_changes_neither_files_nor_exit_code(
    errors: bool, unbuffered: str, measured: Path, world: World, tmp_path: Path
) -> None:
    policy = tmp_path / "mine.yaml"
    policy.write_text("name: mine\nchecks: [{kind: not-related-to}]\n", "utf-8")
    arguments = world.audit(measured, "--policy", policy, "--out", tmp_path / "out")
    reader, writer = os.pipe()
    os.close(reader)
    program = subprocess.run(
        [*PROGRAM, *arguments],
        stdout=writer,
        stderr=writer if errors else subprocess.PIPE,
        check=False,
        env=os.environ | {"PYTHONUNBUFFERED": unbuffered},
    )
    os.close(writer)
    assert program.returncode == 1 and not program.stderr
    assert read_report(tmp_path / "out" / "report.json").exit_code == 1


def test_closed_streams_take_no_file(measured: Path, world: World, tmp_path: Path) -> None:
    arguments = " ".join(f"'{word}'" for word in [*PROGRAM, *world.audit(measured, "--out", tmp_path / "out")])
    program = subprocess.run(["/bin/sh", "-c", f"{arguments} <&- >&- 2>&-"], check=False)
    assert program.returncode == read_report(tmp_path / "out" / "report.json").exit_code


@full_disk
@pytest.mark.parametrize("arguments", [["--version"], ["--help"], ["bank", "list"]])
def test_a_full_disk_below_standard_output(arguments: list[str]) -> None:
    with FULL.open("wb") as full:
        program = subprocess.run([*PROGRAM, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert program.returncode == 4
    assert program.stderr.splitlines() == [
        "error: cannot write to standard output: No space left on device",
        "hint: send it to another place",
    ]


@full_disk
def test_a_full_disk_below_both_streams() -> None:
    with FULL.open("wb") as full:
        assert subprocess.run([*PROGRAM, "bank", "list"], stdout=full, stderr=full, check=False).returncode == 4


@full_disk
def test_a_full_disk_is_told_once() -> None:
    with FULL.open("wb") as full:
        needed, other = LastingFile(full.fileno(), needed=True), LastingFile(os.dup(full.fileno()), needed=False)
        assert other.write(b"lost") == 4
        with pytest.raises(OutputError, match="No space left"):
            needed.write(b"lost")
        assert needed.write(b"dropped") == 7
        os.close(other.fileno())


@pytest.fixture
def busy(request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    """A program that is in the middle of its work, or, if `slow`, of tidying up, which takes a minute."""
    mode = getattr(request, "param", "quick")
    with subprocess.Popen(
        [sys.executable, "-c", BUSY, mode],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        wait_for(program, "busy")
        yield program
        program.kill()


def wait_for(program: subprocess.Popen[str], word: str) -> None:
    assert program.stdout is not None
    assert any(line.strip() == word for line in program.stdout)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_with_a_sentence(name: str, busy: subprocess.Popen[str]) -> None:
    busy.send_signal(getattr(signal, name))
    wait_for(busy, "tidying")
    _, said = busy.communicate(timeout=60)
    assert (busy.returncode, said) == (2, "interrupted: no file is half-written\n")


@pytest.mark.parametrize("busy", ["slow"], indirect=True)
@pytest.mark.parametrize("names", [["SIGINT", "SIGINT"], ["SIGTERM", "SIGINT"], ["SIGINT", "SIGTERM", "SIGTERM"]])
def test_a_second_signal_does_not_wait(names: list[str], busy: subprocess.Popen[str]) -> None:
    started = time.monotonic()
    busy.send_signal(getattr(signal, names[0]))
    wait_for(busy, "tidying")
    for name in names[1:]:
        busy.send_signal(getattr(signal, name))
    _, said = busy.communicate(timeout=60)
    assert (busy.returncode, said) == (2, "interrupted again: ended at once\n")
    assert time.monotonic() - started < 30


@pytest.mark.parametrize("busy", ["ignored"], indirect=True)
def test_a_signal_that_is_ignored_stays_so(busy: subprocess.Popen[str]) -> None:
    busy.send_signal(signal.SIGINT)
    _, said = busy.communicate(timeout=60)
    assert (busy.returncode, said) == (0, "")


def test_leaving_the_prompt_for_a_passphrase(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from typer.exceptions import Abort

    def leave() -> None:
        raise Abort

    monkeypatch.setattr("provcheck.doctor.examine", leave)
    assert run(["doctor"]) == 2
    assert capsys.readouterr().err == "interrupted: no file is half-written\n"


def test_an_audit_that_is_terminated_leaves_nothing(world: World, tmp_path: Path) -> None:
    """Whatever the measurement is at."""
    program = subprocess.Popen(
        [*PROGRAM, *world.audit(world.models["seed-1"], "--out", tmp_path / "out", "--no-cache")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert program.stdout is not None and program.stdout.readline().startswith("== provcheck audit starts")
    program.send_signal(signal.SIGTERM)
    _, said = program.communicate(timeout=60)
    assert (program.returncode, said) == (2, "interrupted: no file is half-written\n")
    assert tree(tmp_path) == set()
