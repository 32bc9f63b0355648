"""The program as a whole: version, help, what is imported, and errors that are our own fault."""

from __future__ import annotations

import subprocess
import sys

import pytest

import provcheck
from provcheck.cli import run

COMMANDS = [
    [],
    ["audit"],
    ["compare"],
    ["measure"],
    ["bank"],
    ["bank", "list"],
    ["bank", "show"],
    ["bank", "verify"],
    ["bank", "build"],
    ["report"],
    ["policy"],
    ["policy", "check"],
    ["policy", "list"],
    ["policy", "schema"],
    ["bank", "init"],
    ["bank", "schema"],
    ["doctor"],
]


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0
    assert capsys.readouterr().out == f"provcheck {provcheck.__version__}\n"


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: " ".join(words) or "provcheck")
def test_help(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command, "--help"]) == 0
    helped = capsys.readouterr()
    assert helped.out.startswith("Usage: provcheck " + "".join(f"{word} " for word in command))
    assert helped.err == ""


@pytest.mark.parametrize("command", COMMANDS, ids=lambda words: " ".join(words) or "provcheck")
def test_h_is_help(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command, "--help"]) == 0
    long = capsys.readouterr()
    assert run([*command, "-h"]) == 0
    assert capsys.readouterr() == long


def test_python_m_provcheck() -> None:
    result = subprocess.run([sys.executable, "-m", "provcheck", "-h"], capture_output=True, text=True, check=True)
    assert result.stdout.startswith("Usage: provcheck [OPTIONS] COMMAND")


def test_every_option_and_argument_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    run(["audit", "--help"])
    helped = capsys.readouterr().out
    for option in ("--bank", "--policy", "--out", "--format", "--device", "--dtype", "--offline", "--claimed-base"):
        line = next(line for line in helped.splitlines() if line.strip().startswith(option))
        assert len(line.split()) > 2, line


def test_an_internal_error_is_no_verdict(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> None:
        raise ZeroDivisionError("our fault")

    monkeypatch.setattr("provcheck.doctor.examine", fail)
    assert run(["doctor"]) == 3
    said = capsys.readouterr().err
    assert "Traceback" in said
    assert said.splitlines()[-2:] == [
        "internal error: ZeroDivisionError",
        "hint: this is a bug in provcheck; please report it with the lines above",
    ]


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["bank", "list"], ["policy", "list"], ["audit", "--help"]]
)
def test_light_commands_load_no_heavy_library(arguments: list[str]) -> None:
    code = (
        "import sys; from provcheck.cli import run; code = run(sys.argv[1:]); "
        "print(*sorted({'torch', 'transformers', 'sklearn', 'skbio', 'scipy'} & set(sys.modules)), file=sys.stderr); "
        "sys.exit(code)"
    )
    result = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    assert result.stderr.strip() == ""


def test_the_program_is_installed_as_a_command() -> None:
    code = "import sys; from provcheck.cli import main; sys.argv = ['provcheck', '--nonsense']; main()"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert result.returncode == 4
    assert result.stderr.startswith("error: No such option")
