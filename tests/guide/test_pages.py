"""What single pages promise: the front page is short, commands and settings are complete, scripts run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import provcheck
from provcheck.cli import run
from provcheck.guide.site.navigation import FIRST, GUIDE, LANDING, how_tos
from tests.guide.pages import PAGES, ROOT, section_block, text_of

COMMANDS = text_of(f"{GUIDE}/commands.md")
SCRIPTS = sorted(path.stem for path in (Path(provcheck.__file__).parent / "guide").glob("[!_]*.py"))


def test_the_front_page_is_short_and_begins_with_what_is_printed() -> None:
    lines = text_of(FIRST).splitlines()
    assert len(lines) <= 125
    assert "$ provcheck audit demo" in lines[:10]


def test_every_page_is_linked_from_the_guide_or_the_front_page() -> None:
    """On GitHub there is no navigation. A how-to of its own is found in the folder."""
    linked = re.findall(r"\]\(([^)#]+)", text_of(LANDING)) + re.findall(r"\]\([^)]*/([^)#/]+\.md)", text_of(FIRST))
    names = {Path(link).name for link in linked}
    of_guide = {page for page in PAGES if page.startswith(f"{GUIDE}/")} - {LANDING, *how_tos(ROOT)}
    assert {Path(page).name for page in of_guide} - names == set()


def commands() -> list[str]:
    return re.findall(r"^\| `provcheck ([a-z ]+)", COMMANDS, flags=re.MULTILINE)


@pytest.mark.parametrize("command", commands())
def test_every_command_of_the_table_exists(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command.split(), "--help"]) == 0
    assert "Usage: provcheck" in capsys.readouterr().out


def test_the_table_lists_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    run(["--help"])
    names = re.findall(r"^  ([a-z]+) ", capsys.readouterr().out.split("Commands:")[1], flags=re.MULTILINE)
    assert set(names) == {command.split()[0] for command in commands()}


def test_the_settings_are_those_that_the_program_knows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    page = f"{GUIDE}/settings.md"
    example = section_block(page, "# Settings", "toml")
    (tmp_path / "pyproject.toml").write_text(example + "nonsense = 1\n", "utf-8")
    assert run(["audit", "demo"]) == 4
    error, hint = capsys.readouterr().err.splitlines()
    assert error.endswith("there is no key 'nonsense'"), "all others are known"
    (told,) = re.findall(r"^The keys are (.*?)\. An environment", text_of(page), re.MULTILINE | re.DOTALL)
    assert sorted(re.findall(r"`([a-z-]+)`", told)) == hint.removeprefix("hint: keys: ").split(", ")
    (tmp_path / "pyproject.toml").write_text(example, "utf-8")
    assert run(["audit", "demo"]) == 4
    assert "There is no policy 'policies/release.yaml'" in capsys.readouterr().err


EXPECTED = {
    "audit_one_model": (
        "llama-tech-s1-sft-short: derived zoo/llama-tech-s1",
        "claimed-base-supported: passed",
        "exit code ",
    ),
    "compare_two_models": ("distance 0.02", "llama-tech-s1-sft-short and llama-tech-s1-4bit: derived", "again 0.02"),
    "explore_a_bank": ("zoo-v2: 175 references", "wrote tree.png and map.pdf"),
}
WRITTEN = {
    "audit_one_model": {"audit"},
    "compare_two_models": {"tuned.safetensors"},
    "explore_a_bank": {"tree.png", "map.pdf"},
}


def test_every_script_is_tried_and_named_in_the_guide() -> None:
    assert set(SCRIPTS) == set(EXPECTED)
    assert all(f"`{name}.py`" in text_of(LANDING) for name in SCRIPTS)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_runs(script: str, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, ROOT / GUIDE / f"{script}.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert [line for line in EXPECTED[script] if line not in ran.stdout] == []
    assert {path.name for path in tmp_path.iterdir()} == WRITTEN[script]
