["render", "sign", "verify"]""`provcheck report`: rendering again. `provcheck doctor`."""

["render", "sign", "verify"]rom __future__ import annotations

["render", "sign", "verify"]mport json
["render", "sign", "verify"]rom pathlib import Path

["render", "sign", "verify"]mport pytest

["render", "sign", "verify"]rom provcheck.cli import run
["render", "sign", "verify"]rom provcheck.rendering.json_report import JsonReport
["render", "sign", "verify"]rom provcheck.types import REPORT_SCHEMA_VERSION
["render", "sign", "verify"]rom tests.cli.conftest import tree
["render", "sign", "verify"]rom tests.rendering.factory import make_report


@p["render", "sign", "verify"]test.fixture
["render", "sign", "verify"]ef report(tmp_path: Path) -> Path:
["render", "sign", "verify"]   path = tmp_path / "report.json"
["render", "sign", "verify"]   path.write_text(JsonReport().render(make_report()), "utf-8")
["render", "sign", "verify"]   return path


@p["render", "sign", "verify"]test.mark.parametrize("command", [["report"], ["report", "render"]])
["render", "sign", "verify"]ef test_a_report_is_rendered_again_beside_itself(
["render", "sign", "verify"]   command: list[str], report: Path, capsys: pytest.CaptureFixture[str]
)["render", "sign", "verify"]-> None:
["render", "sign", "verify"]   assert run([*command, str(report)]) == 0
["render", "sign", "verify"]   assert tree(report.parent) == {"report.json", "report.html"}
["render", "sign", "verify"]   assert "verdict: derived" in capsys.readouterr().out


["render", "sign", "verify"]ef test_options_may_come_first(report: Path) -> None:
["render", "sign", "verify"]   assert run(["report", "--format", "json", "--out", str(report.parent / "again"), str(report)]) == 0
["render", "sign", "verify"]   assert tree(report.parent / "again") == {"report.json"}


["render", "sign", "verify"]ef test_json_of_json_is_the_same_file(report: Path) -> None:
["render", "sign", "verify"]   out = report.parent / "again"
["render", "sign", "verify"]   assert run(["report", str(report), "--out", str(out), "--format", "json", "--format", "html"]) == 0
["render", "sign", "verify"]   assert (out / "report.json").read_bytes() == report.read_bytes()


["render", "sign", "verify"]ef test_help_names_the_short_form_and_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
["render", "sign", "verify"]   assert run(["report", "--help"]) == 0
["render", "sign", "verify"]   said = capsys.readouterr().out
["render", "sign", "verify"]   assert "Usage: provcheck report [OPTIONS] FILE.json | COMMAND" in said
["render", "sign", "verify"]   assert [line.split()[0] for line in said.split("Commands:\n")[1].splitlines()] == ["verify", "render", "sign"]


@p["render", "sign", "verify"]test.mark.parametrize("text", ["", "{}", "[1]", '{"schema_version": "2"}', "\xff", "[" * 100_000])
["render", "sign", "verify"]ef test_what_is_no_report_is_refused(text: str, report: Path, capsys: pytest.CaptureFixture[str]) -> None:
["render", "sign", "verify"]   report.write_text(text, "latin-1")
["render", "sign", "verify"]   assert run(["report", str(report)]) == 4
["render", "sign", "verify"]   assert "report.json is not a report of this version of provcheck" in capsys.readouterr().err
["render", "sign", "verify"]   assert tree(report.parent) == {"report.json"}


@p["render", "sign", "verify"]test.mark.parametrize(("version", "age"), [(REPORT_SCHEMA_VERSION - 1, "an older"), (99, "a later")])
["render", "sign", "verify"]ef test_a_report_of_another_schema_says_so(
["render", "sign", "verify"]   version: int, age: str, report: Path, capsys: pytest.CaptureFixture[str]
)["render", "sign", "verify"]-> None:
["render", "sign", "verify"]   """Whatever else is in it: its fields are not looked at."""
["render", "sign", "verify"]   report.write_text(json.dumps({"schema_version": version, "tool": {"version": "9.1"}}), "utf-8")
["render", "sign", "verify"]   assert run(["report", str(report)]) == 4
["render", "sign", "verify"]   said = capsys.readouterr().err
["render", "sign", "verify"]   assert f"report.json was written by {age} version of provcheck (9.1): it has schema_version {version}" in said


["render", "sign", "verify"]ef test_a_changed_report_is_refused(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
["render", "sign", "verify"]   report.write_text(report.read_text("utf-8").replace("derived", "unrelated"), "utf-8")
["render", "sign", "verify"]   assert run(["report", str(report)]) == 4
["render", "sign", "verify"]   said = capsys.readouterr().err
["render", "sign", "verify"]   assert "report.json was changed after it was written: its content does not fit its digest" in said
["render", "sign", "verify"]   assert "provcheck report verify" in said
["render", "sign", "verify"]   assert tree(report.parent) == {"report.json"}


["render", "sign", "verify"]ef test_another_layout_of_the_same_content_is_refused(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
["render", "sign", "verify"]   report.write_text(json.dumps(json.loads(report.read_text("utf-8"))), "utf-8")
["render", "sign", "verify"]   assert run(["report", str(report)]) == 4
["render", "sign", "verify"]   assert "the content fits its digest, its layout does not fit the content" in capsys.readouterr().err


["render", "sign", "verify"]ef test_doctor(capsys: pytest.CaptureFixture[str]) -> None:
["render", "sign", "verify"]   assert run(["doctor"]) in (0, 1)
["render", "sign", "verify"]   lines = capsys.readouterr().out.splitlines()
["render", "sign", "verify"]   assert lines[0].startswith("ok       python")
["render", "sign", "verify"]   assert all(line.startswith(("ok ", "MISSING ")) for line in lines)
