"""Every code block of every page is tested by its language's rule; `pages.py` has the rules."""

from __future__ import annotations

import importlib.util
import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

from provcheck.bank.manifest import read_build_manifest
from provcheck.cli import run
from tests.guide.commands import PROGRAM, all_options, commands_in, options_of, parse
from tests.guide.pages import BLOCKS, PAGES, Block, blocks_of, own_test, text_of
from tests.guide.sessions import steps_of

BIN = Path(sys.executable).parent
LANGUAGES = {"console", "sh", "python", "yaml", "toml", "json", "text"}
OTHER_PROGRAMS = {
    *("pip", "python", "pytest", "make", "git", "docker", "hf"),
    *("cat", "cd", "export", "grep", "head", "ls", "sed", "tail", "openssl", "chromium", "curl"),
}
DIAGRAMS = {"provcheck/README.md"}
"""Pages with one block of text that no program prints."""

INLINE = re.compile(r"`(provcheck [^`]+)`")
OPTION = re.compile(r"`(--[a-z][a-z-]*)[^`]*`")


def of(*languages: str) -> list[Block]:
    return [block for block in BLOCKS if block.language in languages]


def test_every_block_has_a_rule() -> None:
    assert [str(block) for block in BLOCKS if block.language not in LANGUAGES] == []
    fences = {page: len(re.findall(r"^```", text_of(page), re.MULTILINE)) for page in PAGES}
    assert {page: 2 * len(blocks_of(page)) for page in PAGES} == fences, "a fence that is not read as one"


def test_a_page_with_a_test_of_its_own_is_named_there() -> None:
    tests = {page: test for page in PAGES if (test := own_test(page))}
    assert [page for page, test in tests.items() if not test.is_file()] == []
    assert [page for page, test in tests.items() if Path(page).name not in test.read_text("utf-8")] == []


def shell_commands(block: Block) -> list[list[str]]:
    """What a block would run."""
    lines = "\n".join(step.command for step in steps_of(block)) if block.language == "console" else block.text
    return list(commands_in(lines))


@pytest.mark.parametrize("block", of("sh", "console"), ids=str)
def test_commands_are_understood(block: Block) -> None:
    for words in shell_commands(block):
        if words[0] == PROGRAM:
            parse(words[1:])
        elif words[:2] == ["python", "-m"]:
            assert importlib.util.find_spec(words[2]), words
        else:
            assert words[0] in {*OTHER_PROGRAMS, ">", ">>"}, words


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_options_in_the_text_exist(page: str) -> None:
    for command in INLINE.findall(text_of(page)):
        words = command.split()
        given = {word.partition("=")[0] for word in words if re.match(r"--?[a-zA-Z]", word)}
        assert given - options_of(words[1:]) == set(), command
    if page.startswith(("provcheck/guide/", "README")):
        assert set(OPTION.findall(text_of(page))) - all_options() == set()


def test_a_command_that_does_not_exist_is_found() -> None:
    for wrong in ("provcheck adit demo", "provcheck audit demo --bnk x", "provcheck compare demo"):
        with pytest.raises(Exception, match=r"No such|Missing"):
            parse(wrong.split()[1:])


@pytest.mark.parametrize("block", of("yaml"), ids=str)
def test_yaml_is_what_it_looks_like(block: Block, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A policy, a manifest, a workflow or a pre-commit config, each by who reads it."""
    keys, file = set(yaml.safe_load(block.text)), tmp_path / "block.yaml"
    file.write_text(block.text, "utf-8")
    if "checks" in keys:
        assert run(["policy", "check", str(file)]) == (4 if block.file == "wrong.yaml" else 0), capsys.readouterr().err
    elif "models" in keys:
        assert read_build_manifest(file).models
    else:
        workflow = ["check-jsonschema", "--builtin-schema", "vendor.github-workflows"]
        program, *options = workflow if "jobs" in keys else ["pre-commit", "validate-config"]
        command = [str(BIN / program), *options, str(file)]
        checked = subprocess.run(command, capture_output=True, text=True, check=False)
        assert keys & {"jobs", "repos"} and checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("block", of("toml"), ids=str)
def test_settings_have_keys_that_exist(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tomllib.loads(block.text)["tool"].keys() <= {PROGRAM, "pytest"}
    (tmp_path / "pyproject.toml").write_text(block.text, "utf-8")
    monkeypatch.chdir(tmp_path)
    run(["audit", "demo", "--collect-only"])
    assert "there is no key" not in capsys.readouterr().err


def test_json_is_json() -> None:
    for block in of("json"):
        json.loads(block.text)


@pytest.mark.parametrize("block", of("python"), ids=str)
def test_python_is_python(block: Block) -> None:
    compile(block.text, str(block), "exec")


def test_text_is_what_a_python_block_prints() -> None:
    """Or the one diagram of its page."""
    for page in PAGES:
        languages = [block.language for block in BLOCKS if block.page == page]
        loose = [n for n, one in enumerate(languages) if one == "text" and languages[n - 1 : n] != ["python"]]
        assert len(loose) == (page in DIAGRAMS), page
