"""The README says only what the program does."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from provcheck.bank.manifest import read_build_manifest
from provcheck.cli import run
from provcheck.io.data import root

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
NUMBER = re.compile(r"\d[\d,]*\.?\d*")


def commands() -> list[str]:
    return re.findall(r"^\| `provcheck ([a-z ]+)", README, flags=re.MULTILINE)


@pytest.mark.parametrize("command", commands())
def test_every_command_of_the_table_exists(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command.split(), "--help"]) == 0
    assert "Usage: provcheck" in capsys.readouterr().out


def test_the_table_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    run(["--help"])
    names = re.findall(r"^  ([a-z]+) ", capsys.readouterr().out.split("Commands:")[1], flags=re.MULTILINE)
    assert set(names) == {command.split()[0] for command in commands()}


def test_options_that_are_named_exist(capsys: pytest.CaptureFixture[str]) -> None:
    run(["audit", "--help"])
    helped = capsys.readouterr().out
    for option in set(re.findall(r"`(--[a-z-]+)", README)):
        assert option in helped


def block(language: str, heading: str) -> str:
    """The first block of that language below a heading."""
    return README.split(f"## {heading}\n")[1].split(f"```{language}\n")[1].split("```")[0]


def test_the_settings_are_those_that_the_program_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    example = block("toml", "Settings")
    (tmp_path / "pyproject.toml").write_text(example + "nonsense = 1\n", "utf-8")
    assert run(["audit", "demo"]) == 4
    error, hint = capsys.readouterr().err.splitlines()
    assert error.endswith("there is no key 'nonsense'"), "all others are known"
    (told,) = re.findall(r"^The keys are (.*?)\. An environment", README, re.MULTILINE | re.DOTALL)
    assert sorted(re.findall(r"`([a-z-]+)`", told)) == hint.removeprefix("hint: keys: ").split(", ")
    (tmp_path / "pyproject.toml").write_text(example, "utf-8")
    assert run(["audit", "demo"]) == 4
    assert "There is no policy 'policies/release.yaml'" in capsys.readouterr().err


def test_the_manifest_is_one(tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text(block("yaml", "A bank of your own"), "utf-8")
    manifest = read_build_manifest(tmp_path / "ours.yaml")
    assert [(one.mechanism, one.parents) for one in manifest.models] == [
        ("from-scratch", ()),
        ("fine-tune", ("our-org/base",)),
    ]


SUBJECTS = "reference_embeddings/subjects"


@pytest.mark.slow
@pytest.mark.parametrize("begin", ["audit demo", f"audit {SUBJECTS}/llama-tech-s1-sft-short --reference"])
def test_a_session_is_what_the_program_prints(begin: str, tmp_path: Path) -> None:
    first, *shown = README.split(f"$ provcheck {begin}")[1].split("```")[0].rstrip().splitlines()
    (tmp_path / "reference_embeddings").symlink_to(root() / "reference_embeddings")
    ran = subprocess.run(
        [sys.executable, "-c", "import provcheck.cli; provcheck.cli.main()", *(begin + first).split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    printed = ran.stdout.rstrip().splitlines()
    assert [NUMBER.sub("#", line).split() for line in printed] == [NUMBER.sub("#", line).split() for line in shown]
    for line, claim in zip(printed, shown, strict=True):
        if " in " not in line:
            assert numbers(line) == pytest.approx(numbers(claim), rel=0.02)


@pytest.mark.slow
def test_the_python_example_runs() -> None:
    example = README.split("```python\n")[1].split("```")[0]
    ran = subprocess.run([sys.executable, "-c", example], capture_output=True, text=True, check=True)
    first, second = ran.stdout.splitlines()
    assert first == "derived zoo/llama-tech-s1"
    assert 0.99 < numbers(second)[0] < 1 and numbers(second)[1] == pytest.approx(0.183, abs=0.002)


def numbers(line: str) -> list[float]:
    return [float(number.replace(",", "")) for number in NUMBER.findall(line)]
