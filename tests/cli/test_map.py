"""`provcheck map`: CSV, JSON and SVG of a bank, with and without a subject."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path

import pytest
from lxml import etree

from provcheck.cli import run
from provcheck.types import BankMap
from tests.cli.conftest import World
from tests.rendering.hostile import HIDDEN, MARKUP
from tests.synthetic import blocks_at, make_bank, make_blocks, roots


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_whole_bank_as_csv(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_bank(tmp_path / "bank", roots(8))
    assert run(["map", "--bank", str(tmp_path / "bank")]) == 0
    rows = read_csv(capsys.readouterr().out)
    assert [row["id"] for row in rows] == [row["family"] for row in rows] == list(roots(8))
    assert {row["subject"] for row in rows} == {"false"}
    assert max(abs(float(row[axis])) for row in rows for axis in "xy") == 1


def test_a_model_is_measured_and_lies_on_its_copy(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["map", str(world.models["seed-2"]), "--bank", str(world.bank), "--probes", str(world.probes)]
    assert run([*asked, "--format", "json"]) == 0
    drawn = BankMap.model_validate(json.loads(capsys.readouterr().out))
    subject, *rest = drawn.points
    assert subject.subject and subject.id == "seed-2" and len(rest) == len(world.models)
    nearest = min(rest, key=lambda point: (point.x - subject.x) ** 2 + (point.y - subject.y) ** 2)
    assert nearest.id == "org/seed-2"


@pytest.mark.parametrize("ending", ["csv", "json", "svg"])
def test_the_files_ending_says_the_format(ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_bank(tmp_path / "bank", roots(5))
    asked, file = ["map", "--bank", str(tmp_path / "bank")], tmp_path / f"map.{ending}"
    assert run([*asked, "-o", str(file)]) == 0
    assert capsys.readouterr().out == ""
    run([*asked, "--format", ending])
    assert capsys.readouterr().out == file.read_text("utf-8")


def test_svg(tmp_path: Path) -> None:
    make_bank(tmp_path / "bank", roots(5))
    assert run(["map", "--bank", str(tmp_path / "bank"), "-o", str(tmp_path / "map.svg")]) == 0
    picture = etree.parse(str(tmp_path / "map.svg")).getroot()
    assert picture.tag == "{http://www.w3.org/2000/svg}svg"
    assert "5 models of 5 families" in "".join(picture.itertext())


def test_a_name_is_no_formula(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    names = ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", 'a,"b"']
    make_bank(tmp_path / "bank", {name: make_blocks(n) for n, name in enumerate(names)})
    assert run(["map", "--bank", str(tmp_path / "bank")]) == 0
    assert {row["id"] for row in read_csv(capsys.readouterr().out)} == {*("'" + name for name in names[:4]), names[4]}


@pytest.mark.parametrize("form", ["csv", "json", "svg"])
def test_hostile_names_command_no_terminal(
    form: str, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    make_bank(tmp_path / "bank", {name: make_blocks(n) for n, name in enumerate([*HIDDEN, *MARKUP])})
    assert run(["map", "--bank", str(tmp_path / "bank"), "--format", form]) == 0
    printed = capsysbinary.readouterr().out.decode()
    assert not set(printed) & {"\x1b", "\x00", "\u202e", "\u2066", "\x9b", "\r"}
    assert form != "svg" or "<script>" not in printed


def test_too_few_references(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_bank(tmp_path / "bank", roots(3))
    assert run(["map", "--bank", str(tmp_path / "bank")]) == 4
    assert "there is no map: a map needs at least four models" in capsys.readouterr().err


def test_an_unknown_ending_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["map", "-o", "map.gif"]) == 4
    assert "map.gif does not end in .csv, .json, .svg, .png, .pdf, .html" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["map", "tree"])
@pytest.mark.parametrize(("form", "start"), [("png", b"\x89PNG"), ("pdf", b"%PDF-")])
def test_pictures_that_are_no_text(
    command: str, form: str, start: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A bank in the place of MODEL is drawn without a model; names that no font has are drawn too."""
    names = ["a $x^2$ _b_", "組織/模型", *list(roots(4))]
    make_bank(tmp_path / "bank", {name: make_blocks(n) for n, name in enumerate(names)})
    files = [tmp_path / f"{n}.{form}" for n in range(2)]
    for file in files:
        assert run([command, str(tmp_path / "bank"), "--out", str(file)]) == 0
    first, second = (file.read_bytes() for file in files)
    assert first.startswith(start) and first == second
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("command", ["map", "tree"])
def test_pictures_that_are_no_text_need_a_file(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--format", "png"]) == 4
    said = capsys.readouterr().err
    assert "a png picture needs a file" in said and "-o picture.png" in said


def labels(page: str) -> list[str]:
    """What the pointer brings up on a map to look around in."""
    (figure,) = re.findall(r'<script type="application/json" id="figure">(.*?)</script>', page)
    return [text for trace in json.loads(figure)["data"] for text in trace["hovertext"]]


def test_a_bank_to_look_around_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("plotly")
    make_bank(tmp_path / "birds", {**roots(5), "org/tuned": blocks_at(make_blocks(0), 0.3)})
    assert run(["map", str(tmp_path / "birds"), "--format", "html"]) == 0
    page = capsys.readouterr().out
    said = labels(page)
    assert "Map of the bank birds" in page and len(said) == 6
    (tuned,) = [text for text in said if text.startswith("<b>org/tuned</b>")]
    assert "mechanism: from-scratch" in tuned and "nearest: org/root-0, at 0.3" in tuned
    assert not [text for text in said if "to this model" in text]


def test_the_distance_to_the_model_is_shown(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("plotly")
    asked = ["map", str(world.models["seed-2"]), "--bank", str(world.bank), "--probes", str(world.probes)]
    assert run([*asked, "--format", "html"]) == 0
    said = labels(capsys.readouterr().out)
    assert "family: not known" in said[-1] and "to this model" not in said[-1]
    (copy,) = [text for text in said if text.startswith("<b>org/seed-2</b>")]
    assert copy.endswith("distance to this model: 0") or "&lt; 0.0001" in copy


def test_without_plotly_nothing_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("provcheck.rendering.interactive_map.find_spec", lambda name: None)
    monkeypatch.setattr("provcheck.cli.map.gather_models", pytest.fail)
    assert run(["map", "--format", "html"]) == 4
    said = capsys.readouterr().err
    assert "an interactive map needs the package plotly" in said and "provcheck[interactive]" in said
