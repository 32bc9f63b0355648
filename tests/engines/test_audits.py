"""`audit --many`: one report each, a table, JUnit, and the worst exit code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from lxml import etree

from provcheck.auditing import folder_names, read_list, worst
from provcheck.cli import run
from provcheck.errors import UsageError
from provcheck.types import ExitCode
from tests.engines.banks import Zoo, make_zoo


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Zoo:
    zoo = make_zoo(tmp_path_factory.mktemp("zoo"), 4)
    assert run(zoo.build(zoo.home / "bank")) == 1
    return zoo


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_one_unreadable_model_never_stops_the_others(
    jobs: str, zoo: Zoo, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        shutil.copytree(zoo.home / "seed-1", tmp_path / name)
    (tmp_path / "list.txt").write_text(f"# mine\n{tmp_path}/one\n{tmp_path}/none  # gone\n\n{tmp_path}/two\n", "utf-8")
    options = ["--bank", str(zoo.home / "bank"), "--probes", str(zoo.probes), "--signals", "weights", "--no-isolate"]
    out = ["--out", str(tmp_path / "out"), "--format", "json", "--jobs", jobs]
    assert run(["audit", "--many", str(tmp_path / "list.txt"), *options, *out]) == 4
    reports = sorted((tmp_path / "out").glob("*/report.json"))
    assert [json.loads(one.read_text("utf-8"))["subject"]["id"] for one in reports] == ["one", "two"]
    summary = (tmp_path / "out" / "summary.md").read_text("utf-8")
    assert summary.count("| identical | `org/seed-1` |") == 2 and "| none |" in summary
    suites = etree.parse(str(tmp_path / "out" / "junit.xml")).getroot().findall("testsuite")
    assert [len(one.findall(".//error")) for one in suites] == [0, 1, 0]
    assert "summary: " in capsys.readouterr().out


def test_shards_write_into_one_folder_and_replace_nothing_of_each_other(zoo: Zoo, tmp_path: Path) -> None:
    models = [tmp_path / "a-b", tmp_path / "a" / "b", tmp_path / "c"]
    for place in models:
        shutil.copytree(zoo.home / "seed-1", place)
    (tmp_path / "list.txt").write_text("\n".join(map(str, models)), "utf-8")
    options = ["--bank", str(zoo.home / "bank"), "--probes", str(zoo.probes), "--signals", "weights", "--no-isolate"]
    audit = [
        "audit",
        "--many",
        str(tmp_path / "list.txt"),
        *options,
        "--format",
        "json",
        "--out",
        str(tmp_path / "out"),
    ]
    for number in (1, 2):
        run([*audit, "--shard", f"{number}/2"])
    parts = ["junit-1-of-2.xml", "junit-2-of-2.xml", "summary-1-of-2.md", "summary-2-of-2.md"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir() if path.is_file()) == parts
    assert len(list((tmp_path / "out").glob("*/report.json"))) == 3
    run(audit)
    rows = {line for name in parts[2:] for line in (tmp_path / "out" / name).read_text("utf-8").splitlines()}
    assert rows == set((tmp_path / "out" / "summary.md").read_text("utf-8").splitlines())


def test_names_of_folders_are_safe_and_differ() -> None:
    names = folder_names(["org/a", "org-a", "ORG/A", "../../etc", "org/b@main", "/"])
    assert len({name.lower() for name in names.values()}) == 6
    assert names["../../etc"] == "etc" and names["org/b@main"] == "org-b-main" and names["/"] == "model"


def test_a_list() -> None:
    assert read_list("a\n# b\n c # d\na\norg/x#y\n") == ("a", "c", "org/x#y")
    with pytest.raises(UsageError, match="names no model"):
        read_list("# nothing\n")


def test_the_worst_exit_code_counts() -> None:
    assert [int(worst(map(ExitCode, codes))) for codes in ((0, 5), (5, 1), (1, 4), (4, 3), (0, 0))] == [5, 1, 4, 3, 0]


@pytest.mark.parametrize("arguments", [[], ["demo", "--many", "list.txt"]])
def test_one_model_or_a_list(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", *arguments]) == 4
    assert "name one model, or a list" in capsys.readouterr().err
