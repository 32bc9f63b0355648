"""`provcheck report` and `provcheck doctor`."""

from __future__ import annotations

from pathlib import Path

import pytest

from provcheck.cli import run
from provcheck.rendering.json_report import JsonReport
from tests.cli.conftest import tree
from tests.rendering.factory import make_report


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.json"
    path.write_text(JsonReport().render(make_report()), "utf-8")
    return path


def test_a_report_is_rendered_again_beside_itself(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", str(report)]) == 0
    assert tree(report.parent) == {"report.json", "report.html"}
    assert "verdict: derived" in capsys.readouterr().out


def test_json_of_json_is_the_same_file(report: Path) -> None:
    out = report.parent / "again"
    assert run(["report", str(report), "--out", str(out), "--format", "json", "--format", "html"]) == 0
    assert (out / "report.json").read_text("utf-8") == report.read_text("utf-8")


@pytest.mark.parametrize("text", ["", "{}", "[1]", '{"schema_version": 99}'])
def test_what_is_no_report_is_refused(text: str, report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report.write_text(text, "utf-8")
    assert run(["report", str(report)]) == 4
    assert "report.json is not a report of this version of provcheck" in capsys.readouterr().err
    assert tree(report.parent) == {"report.json"}


def test_a_report_of_a_later_schema_says_so(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report.write_text(report.read_text("utf-8").replace('"schema_version": 1', '"schema_version": 2', 1), "utf-8")
    assert run(["report", str(report)]) == 4
    assert "schema_version" in capsys.readouterr().err


def test_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor"]) in (0, 1)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("ok       python")
    assert all(line.startswith(("ok ", "MISSING ")) for line in lines)
