from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from provcheck.rendering.pictures.xy_plot import plot_sheet, ticks_of
from provcheck.rendering.study_files import studies_table, write_study
from provcheck.rendering.study_page import findings_table, picture_of, study_page
from provcheck.types import BankFacts, Beside, Finding, Plot, Published, Series, Study, StudyFigure, Tool

TRAP = "<script>alert(1)</script> $x^2$ | pipe"
PLOT = Plot(
    x_label="share of the questions",
    y_label="r",
    series=(
        Series(label=TRAP, x=(0.1, 1.0), y=(0.2, 0.9), low=(0.1, 0.8), high=(0.3, 1.0), line=True),
        Series(label="other", x=(0.5,), y=(0.4,)),
    ),
)
STUDY = Study(
    name="made-up",
    title="A made-up study",
    question="Is it drawn?",
    section="nowhere",
    beside=(
        Beside(
            experiment="halves",
            published=Published(text="r = 0.722", value=0.722, source="ABLE, appendix D"),
            here=f"r = 0.8 {TRAP}",
            why="they are smaller",
        ),
        Beside(experiment="ours", published=None, here="0.5"),
    ),
    findings=(
        Finding(name="r", value=0.8123, unit="bits", ci95=(0.7, 0.9), n=12, of="model"),
        Finding(name="none", value=None, n=0, of="pair", note="there are none"),
    ),
    figures=(StudyFigure(id="plot", heading="Plot", reading="Read it.", plot=PLOT),),
    limits=("It is made up.",),
    bank=BankFacts(name="zoo", digest="0" * 64, references=3),
    tool=Tool(version="0", command="provcheck study made-up zoo"),
)


def test_the_page_shows_the_paper_beside_what_was_found_and_escapes_it() -> None:
    page = study_page(STUDY)
    assert "r = 0.722" in page and "ABLE, appendix D" in page and "they are smaller" in page
    assert "<script" not in page
    assert "0.812 bits" in page and "0.700 to 0.900" in page and "not measured" in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")


def test_ids_are_unique_on_the_page() -> None:
    import re

    found = re.findall(r'\bid="([^"]+)"', study_page(STUDY))
    assert len(found) == len(set(found))


def test_a_plot_writes_every_label_in_both_forms() -> None:
    sheet = picture_of(STUDY.figures[0])
    drawn = ET.fromstring(sheet.svg(standalone=True))  # noqa: S314
    texts = [one.text for one in drawn.iter() if one.tag.endswith("text")]
    assert {TRAP, "other", "share of the questions", "r"} <= set(texts)
    image = picture_of(STUDY.figures[0])
    image.image("png")
    from matplotlib.text import Text

    assert not [one for one in image.figure.findobj(Text) if one.get_text().startswith("words-")]


def test_names_stand_on_rows_so_that_none_touches_another() -> None:
    names = tuple(f"a long name {n}" for n in range(9))
    series = Series(label="", x=tuple(range(9)), y=tuple(range(1, 10)))
    plot = Plot(x_label="", y_label="", series=(series,), names=names, y_log=True)
    drawn = ET.fromstring(plot_sheet("p", plot, "t", "d").svg(standalone=True))  # noqa: S314
    places = {one.text: (float(one.attrib["x"]), one.attrib["y"]) for one in drawn.iter() if one.text in names}
    same_row = [places[names[n]][0] for n in range(9) if places[names[n]][1] == places[names[0]][1]]
    assert len(same_row) < 9
    assert min(b - a for a, b in pairwise(same_row)) > 90


def test_ticks_are_round() -> None:
    assert list(ticks_of(0.001, 120, logarithmic=True).values()) == ["0.001", "0.01", "0.1", "1", "10", "100"]
    assert list(ticks_of(-0.1, 1.05, logarithmic=False).values()) == ["0", "0.2", "0.4", "0.6", "0.8", "1"]


@pytest.mark.parametrize("series", [(), (Series(label="", x=(0.0,), y=(1.0,)),)])
def test_what_cannot_be_drawn_is_an_error(series: tuple[Series, ...]) -> None:
    with pytest.raises(ValueError, match=r"points|positive"):
        plot_sheet("p", Plot(x_label="", y_label="", series=series, x_log=True), "t", "d")


def test_series_of_unequal_length_are_refused() -> None:
    with pytest.raises(ValueError, match="length"):
        Series(label="", x=(1.0,), y=())


def test_all_files_are_written_and_repeat(tmp_path: Path) -> None:
    written = write_study(STUDY, tmp_path / "a")
    assert [one.name for one in written] == [
        "made-up.json",
        "made-up.html",
        "made-up-plot.svg",
        "made-up-plot.png",
    ]
    assert json.loads(written[0].read_text())["beside"][0]["published"]["value"] == 0.722
    again = write_study(STUDY, tmp_path / "b")
    assert [one.read_bytes() for one in written] == [one.read_bytes() for one in again]


def test_the_table_has_a_line_for_each_experiment() -> None:
    lines = studies_table([STUDY]).splitlines()
    assert len(lines) == 4
    assert lines[2].startswith("| halves | r = 0.722 (ABLE, appendix D) | r = 0.8")
    assert "\\| pipe" in lines[2]
    assert lines[3] == "| ours | no figure | 0.5 | `provcheck study made-up zoo` |"
    assert findings_table(STUDY).rows[1][1] == "not measured"
