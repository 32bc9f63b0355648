from __future__ import annotations

from pathlib import Path

import pytest

from provcheck.errors import OutputError, UsageError
from provcheck.io.writing import write_texts
from provcheck.rendering import FORMATS, Format, find_formats
from provcheck.rendering.markdown import MarkdownReport
from provcheck.rendering.outputs import append_step_summary, write_files
from provcheck.types import Lineage, Report
from tests.rendering.factory import make_report


class BrokenRenderer:
    """A format is a class with this method, and a line in the table."""

    def render(self, report: Report) -> str:
        raise ValueError(report.verdict.relation)


def test_all_files_are_written(tmp_path: Path) -> None:
    paths = write_files(make_report(), tmp_path / "new" / "out", FORMATS)
    machines = ["junit.xml", "report.sarif", "summary.md", "bom.cdx.json", "bom.spdx.json"]
    assert [path.name for path in paths] == ["report.json", "report.html", *machines, "tree.nwk"]
    assert sorted(path.name for path in (tmp_path / "new" / "out").iterdir()) == sorted(path.name for path in paths)
    assert paths[-1].read_text("utf-8") == f"{make_report().lineage.newick}\n"


def test_no_tree_no_file(tmp_path: Path) -> None:
    report = make_report()
    lineage = Lineage(newick=None, nearest_on_tree=None, reason="a tree needs at least three models")
    paths = write_files(report.model_copy(update={"lineage": lineage}), tmp_path, ["newick", "junit"])
    assert [path.name for path in paths] == [path.name for path in tmp_path.iterdir()] == ["junit.xml"]


def test_hidden_characters_do_not_reach_a_tree(tmp_path: Path) -> None:
    report = make_report(subject="acme/\u202eowl")
    (path,) = write_files(report, tmp_path, ["newick"])
    assert "acme/\\u202eowl" in path.read_text("utf-8")


def test_a_failing_renderer_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FORMATS, "broken", Format("report.broken", f"{__name__}:BrokenRenderer"))
    with pytest.raises(ValueError, match="derived"):
        write_files(make_report(), tmp_path / "out", ["json", "broken"])
    assert not (tmp_path / "out").exists()


def test_old_files_survive_when_one_cannot_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "report.json").write_text("old", "utf-8")
    (tmp_path / "tree.nwk").mkdir()
    with pytest.raises(OutputError, match=r"tree\.nwk is a folder"):
        write_files(make_report(), tmp_path, ["json", "newick"])
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
    assert caught.value.hint == "Formats: json, html, junit, sarif, markdown, cyclonedx, spdx, newick, all."
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
