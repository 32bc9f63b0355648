"""`provcheck policy`: check, list, schema."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from provcheck.cli import run
from provcheck.io import data
from provcheck.policy import KINDS


@pytest.mark.parametrize("name", sorted(data.policies()))
def test_check_lists_the_checks_of_a_policy_that_ships(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["policy", "check", name]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"policy {name}: collected {len(lines) - 2} checks")
    assert lines[-1] == f"== {len(lines) - 2} checks collected =="


def test_check_names_the_line_of_a_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\nchecks:\n  - kind: coverage-at-least\n    share: 80\n", "utf-8")
    assert run(["policy", "check", str(file)]) == 4
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"error: {file}, line 4, column 12: checks[0].share: must be at most 1\nhint: ")


def test_a_policy_without_checks_is_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine.yaml").write_text("name: mine\nchecks: []\n", "utf-8")
    assert run(["policy", "check", str(tmp_path / "mine.yaml")]) == 0
    assert capsys.readouterr().out.endswith("== no checks collected ==\n")


def test_an_unknown_name_lists_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["policy", "check", "lax"]) == 4
    assert "release-gate" in capsys.readouterr().err


def test_hostile_names_stay_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text('name: "[red]x\\e[31m"\nchecks: [{kind: not-related-to, references: ["[b]\\u202e*"]}]\n', "utf-8")
    assert run(["policy", "check", str(file)]) == 0
    out = capsys.readouterr().out
    assert "[red]x\\u001b[31m" in out and "[b]\\u202e*" in out


def test_list_names_every_policy_and_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["policy", "list"]) == 0
    words = {line.split()[0]: line.split()[1:] for line in capsys.readouterr().out.splitlines()}
    assert set(words) == {"policies", "kinds", *data.policies(), *KINDS}
    assert all(len(words[name]) > 3 for name in (*data.policies(), *KINDS))


def test_schema_is_json_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["policy", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    Draft202012Validator.check_schema(schema)
