from __future__ import annotations

from pathlib import Path

import pytest

from provcheck.errors import OutputError, UsageError
from provcheck.rendering import FORMATS, Format, find_formats
from provcheck.rendering.files import append_step_summary, write_files, write_texts
from provcheck.rendering.markdown import MarkdownReport
from provcheck.types import Report
from tests.rendering.factory import make_report


class BrokenRenderer:
    def render(self, report: Report) -> str:
        raise ValueError(report.verdict.relation)


def test_all_files_are_written(tmp_path: Path) -> None:
    paths = write_files(make_report(), tmp_path / "new" / "out", FORMATS, {"tree.nwk": "(a,b);\n"})
    machines = ["junit.xml", "report.sarif", "summary.md", "bom.cdx.json"]
    assert [path.name for path in paths] == ["report.json", "report.html", *machines, "tree.nwk"]
    assert sorted(path.name for path in (tmp_path / "new" / "out").iterdir()) == sorted(path.name for path in paths)
    assert paths[-1].read_text("utf-8") == "(a,b);\n"


def test_a_failing_renderer_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FORMATS, "broken", Format("report.broken", BrokenRenderer))
    with pytest.raises(ValueError, match="derived"):
        write_files(make_report(), tmp_path / "out", ["json", "broken"])
    assert not (tmp_path / "out").exists()


def test_old_files_survive_when_one_cannot_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("old", "utf-8")
    (tmp_path / "tree.nwk").mkdir()
    with pytest.raises(OutputError, match=r"tree\.nwk is a folder"):
        write_files(make_report(), tmp_path, ["json"], {"tree.nwk": "(a,b);"})
    assert (tmp_path / "report.json").read_text("utf-8") == "old"
    assert len(list(tmp_path.iterdir())) == 2


def test_a_text_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        write_texts(tmp_path, {"good.txt": "good", "missing/bad.txt": "bad"})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("place", ["file", "file/below"])
def test_a_file_in_the_place_of_the_folder_is_an_error(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    with pytest.raises(OutputError, match="Cannot write the report into") as caught:
        write_files(make_report(), tmp_path / place, ["json"])
    assert "--out" in caught.value.hint


def test_an_unknown_format_is_an_error_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no report format 'pdf'") as caught:
        write_files(make_report(), tmp_path / "out", ["json", "pdf"])
    assert "json, html" in caught.value.hint
    assert not (tmp_path / "out").exists()


def test_all_is_every_format_once() -> None:
    assert find_formats(["html", "all", "html"]) == [FORMATS["html"], *(f for n, f in FORMATS.items() if n != "html")]


def test_the_summary_is_appended_where_github_asks_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "summary"
    file.write_text("before\n", "utf-8")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(file))
    assert append_step_summary(make_report()) == ""
    assert file.read_text("utf-8") == f"before\n{MarkdownReport().render(make_report())}\n"


def test_a_summary_that_cannot_be_written_is_a_note(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "absent" / "summary"))
    assert append_step_summary(make_report()).startswith("note: the job summary cannot be written: No such file")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY")
    assert append_step_summary(make_report()) == ""
