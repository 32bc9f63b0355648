"""`provcheck report`: rendering again. `provcheck doctor`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from provcheck.cli import run
from provcheck.rendering.json_report import JsonReport
from provcheck.types import REPORT_SCHEMA_VERSION
from tests.cli.conftest import tree
from tests.rendering.factory import make_report


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.json"
    path.write_text(JsonReport().render(make_report()), "utf-8")
    return path


@pytest.mark.parametrize("command", [["report"], ["report", "render"]])
def test_a_report_is_rendered_again_beside_itself(
    command: list[str], report: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run([*command, str(report)]) == 0
    assert tree(report.parent) == {"report.json", "report.html"}
    assert "verdict: derived" in capsys.readouterr().out


def test_options_may_come_first(report: Path) -> None:
    assert run(["report", "--format", "json", "--out", str(report.parent / "again"), str(report)]) == 0
    assert tree(report.parent / "again") == {"report.json"}


def test_json_of_json_is_the_same_file(report: Path) -> None:
    out = report.parent / "again"
    assert run(["report", str(report), "--out", str(out), "--format", "json", "--format", "html"]) == 0
    assert (out / "report.json").read_bytes() == report.read_bytes()


def test_standard_output_takes_one_format_and_nothing_else(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", str(report), "--out", "-", "--format", "json"]) == 0
    assert capsys.readouterr().out == report.read_text("utf-8")
    assert run(["report", str(report), "--out", "-", "--format", "json", "--format", "html"]) == 4
    assert "standard output takes one format" in capsys.readouterr().err
    assert tree(report.parent) == {"report.json"}


def test_help_names_the_short_form_and_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", "--help"]) == 0
    said = capsys.readouterr().out
    assert "Usage: provcheck report [OPTIONS] FILE.json | COMMAND" in said
    assert {line.split()[0] for line in said.split("Commands:\n")[1].splitlines()} == {"render", "verify", "attest"}


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"schema_version": "2"}', "\xff", "[" * 100_000])
def test_what_is_no_report_is_refused(text: str, report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report.write_text(text, "latin-1")
    assert run(["report", str(report)]) == 4
    assert "report.json is not a report of this version of provcheck" in capsys.readouterr().err
    assert tree(report.parent) == {"report.json"}


@pytest.mark.parametrize(("version", "age"), [(REPORT_SCHEMA_VERSION - 1, "an older"), (99, "a later")])
def test_a_report_of_another_schema_says_so(
    version: int, age: str, report: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever else is in it: its fields are not looked at."""
    report.write_text(json.dumps({"schema_version": version, "tool": {"version": "9.1"}}), "utf-8")
    assert run(["report", str(report)]) == 4
    said = capsys.readouterr().err
    assert f"report.json was written by {age} version of provcheck (9.1): it has schema_version {version}" in said


def test_a_changed_report_is_refused(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report.write_text(report.read_text("utf-8").replace("derived", "unrelated"), "utf-8")
    assert run(["report", str(report)]) == 4
    said = capsys.readouterr().err
    assert "report.json was changed after it was written: its content does not fit its digest" in said
    assert "provcheck report verify" in said
    assert tree(report.parent) == {"report.json"}


def test_another_layout_of_the_same_content_is_refused(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report.write_text(json.dumps(json.loads(report.read_text("utf-8"))), "utf-8")
    assert run(["report", str(report)]) == 4
    assert "its digest fits, its layout does not" in capsys.readouterr().err


def test_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor"]) in (0, 1)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("ok       python")
    assert all(line.startswith(("ok ", "MISSING ")) for line in lines)
