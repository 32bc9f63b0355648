"""Every output format through the command line: the files, the job summary, and one exit code for all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from provcheck.cli import run
from provcheck.rendering import FORMATS
from provcheck.rendering.json_report import JsonReport
from provcheck.report_file import read_report
from tests.cli.conftest import World, tree
from tests.rendering.factory import make_report

FILES = {one.file_name for one in FORMATS.values()}


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.json"
    path.write_text(JsonReport().render(make_report()), "utf-8")
    return path


@pytest.mark.parametrize("name", FORMATS)
def test_a_report_is_rendered_again_in_every_format(name: str, report: Path) -> None:
    assert run(["report", str(report), "--out", str(report.parent / "again"), "--format", name]) == 0
    assert tree(report.parent / "again") == {FORMATS[name].file_name}
    text = (report.parent / "again" / FORMATS[name].file_name).read_text("utf-8")
    assert text == FORMATS[name].load().render(make_report())


def test_an_audit_writes_all_formats_and_the_job_summary(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = tmp_path / "mine.yaml"
    policy.write_text("name: mine\nchecks: [{kind: not-related-to}]\n", "utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "step.md"))
    model, out = world.models["seed-0"], tmp_path / "out"
    assert run(world.audit(model, "--policy", policy, "--out", out, "--format", "all")) == 1
    assert tree(out) == FILES >= {"report.json", "tree.nwk"}
    assert (tmp_path / "step.md").read_text("utf-8").startswith("## provcheck: identical\n")
    for name, one in FORMATS.items():
        assert (out / one.file_name).read_text("utf-8") == one.load().render(read_report(out / "report.json")), name


def test_a_summary_that_cannot_be_written_fails_no_audit(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "absent" / "step.md"))
    assert run(world.audit(world.models["seed-0"], "--out", tmp_path / "out", "--format", "markdown")) == 0
    assert "note: the job summary cannot be written" in capsys.readouterr().out
    assert tree(tmp_path / "out") == {"summary.md"}


def test_standard_output_holds_the_report_and_nothing_else(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    audit = world.audit(world.models["seed-0"], "--signals", "weights", "--out", "-")
    code = run([*audit, "--format", "json"])
    said = capsys.readouterr()
    report = json.loads(said.out)
    assert code == report["exit_code"] and not list(tmp_path.iterdir())
    assert "provcheck audit starts" in said.err and " in " in said.err.splitlines()[-1]
    assert run(audit) == 4
    assert "standard output takes one format" in capsys.readouterr().err
    assert run([*audit, "--format", "jsn"]) == 4
    assert "did you mean 'json'?" in capsys.readouterr().err
