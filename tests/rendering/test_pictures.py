from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from provcheck.io.data import templates_folder
from provcheck.rendering.pictures import draw
from provcheck.rendering.pictures.heat_map import DARKEST, STEPS
from provcheck.rendering.pictures.labels import best_box, fitting, free_box, width_of
from provcheck.rendering.pictures.map_picture import map_svg
from provcheck.rendering.pictures.palette import HUES, KIN, VARIABLES
from provcheck.rendering.pictures.tree_picture import Branch, describe_tree, read_branches, tree_svg
from provcheck.signals import find_signal
from provcheck.signals.able.values import CategoryDistance, Distance
from provcheck.signals.describing import Chart, HeatMap, Histogram, Ruler
from provcheck.signals.likelihood.kl_scale import KLBackground, KLBand
from provcheck.types import Interval, MapPoint, NullDistribution, SignalValues
from tests.rendering.factory import (
    make_able,
    make_blocks,
    make_likelihood,
    make_report,
    make_weights,
    with_null,
    with_signal,
)
from tests.rendering.hostile import names
from tests.rendering.reports import TRAPS

TREE = "(((me:0.1,mum:0.2)97:0.1,'aunt':0.4)43:0.2,('x':0.3,'y_y':0.3)100:0.4);"
POINTS = (
    MapPoint(id="me", family=None, x=0.1, y=0.2, subject=True),
    MapPoint(id="mum", family="owl", x=0.0, y=0.3),
    MapPoint(id="aunt", family="owl", x=-0.1, y=0.2),
    MapPoint(id="x", family="raven", x=1.0, y=-1.0),
)
NULL = NullDistribution(edges=(0.6, 0.8, 1.0, 1.2), counts=(2, 30, 8), nearest=0.68)
NEAR = Distance(cosine_distance=0.21, ci95=(0.19, 0.24))
ABLE = make_able(0.21).model_copy(
    update={"contrast": NEAR, "categories": (CategoryDistance(category="science", blocks=8, distance=NEAR),)}
)
KL = make_likelihood().model_copy(update={"se": 0.013})
WEIGHTS = make_weights(0.97, blocks=make_blocks())
BANDS = (KLBand(name="seed", median=0.12), KLBand(name="fine-tune", median=0.45))


def charts(name: str, values: SignalValues | None, null: NullDistribution = NULL) -> dict[str, Chart]:
    """The charts of a signal by the id of their figure."""
    report = make_report()
    judge = with_null(report.judge, {"able.contrast_distance": null, "weights.kin_match": null})
    background = {"likelihood": KLBackground(kl_bands=BANDS)}
    report = report.model_copy(update={"judge": judge, "background": background})
    nearest = with_signal(report.comparisons[0], name, values) if values else None
    figures = find_signal(name).figures(report, nearest)
    return {figure.id: figure.chart for figure in figures if figure.chart}


def drawn(name: str, values: SignalValues | None, id: str) -> str:
    return draw(id, charts(name, values)[id])


PICTURES = {
    "tree": tree_svg(TREE, "me"),
    "map": map_svg(POINTS),
    "null": drawn("able", ABLE, "independent"),
    "scale": drawn("likelihood", KL, "kl-scale"),
    "agreement": drawn("able", ABLE, "agreement"),
    "twins": drawn("weights", WEIGHTS, "twins"),
    "blocks": drawn("weights", WEIGHTS, "blocks"),
}


def parse(svg: str) -> ET.Element:
    return ET.fromstring(svg.partition("?>")[2] or svg)  # noqa: S314 - our own


def words(svg: str) -> list[str]:
    return [one.text or "" for one in parse(svg).iter() if one.tag.endswith("text")]


def marks(svg: str, colour: str) -> int:
    """Shapes of that colour."""
    shapes = (one for one in parse(svg).iter() if one.tag.rpartition("}")[2] in ("path", "use"))
    return sum(colour in (one.get("fill"), one.get("stroke")) for one in shapes)


@pytest.mark.parametrize("svg", PICTURES.values(), ids=PICTURES)
def test_pictures_obey_the_policy_of_the_page(svg: str) -> None:
    root = parse(svg)
    assert not [one for one in root.iter() if "style" in one.attrib or one.tag.endswith(("style", "script", "image"))]
    assert all(one.get("href", "#").startswith("#") for one in root.iter())
    assert "url(" not in svg
    assert "words-0" not in " ".join(words(svg))


@pytest.mark.parametrize("svg", PICTURES.values(), ids=PICTURES)
def test_pictures_say_in_words_what_they_show(svg: str) -> None:
    root = parse(svg)
    said = {one.get("id"): one.text for one in root if one.tag.endswith(("title", "desc"))}
    assert root.get("role") == "img"
    assert root.get("aria-labelledby", "").split() == list(said)
    assert all(said.values())


@pytest.mark.parametrize("svg", PICTURES.values(), ids=PICTURES)
def test_pictures_take_their_colours_from_the_page(svg: str) -> None:
    colours = {value for pair in re.findall(r'fill="([^"]+)"|stroke="([^"]+)"', svg) for value in pair if value}
    assert colours <= {"none", *(f"var(--{name})" for name in VARIABLES)}


def test_the_palette_is_that_of_the_page() -> None:
    style = (templates_folder() / "report.css").read_text("utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[:2]
    assert {name: dict(re.findall(r"--(\w+): (#\w{6});", light))[name] for name in VARIABLES} == VARIABLES
    assert set(VARIABLES) <= set(re.findall(r"--(\w+):", dark))


def test_a_file_of_its_own_needs_no_page() -> None:
    for svg in (
        tree_svg(TREE, "me", standalone=True),
        map_svg(POINTS, standalone=True),
        draw("one", charts("able", ABLE)["independent"], standalone=True),
        draw("one", charts("likelihood", KL)["kl-scale"], standalone=True),
        draw("one", charts("weights", WEIGHTS)["blocks"], standalone=True),
    ):
        assert svg.startswith("<?xml")
        assert "var(" not in svg
        assert KIN in svg
        assert parse(svg).get("font-family")


def test_the_same_picture_is_the_same_text() -> None:
    assert tree_svg(TREE, "me") == PICTURES["tree"]
    assert drawn("able", ABLE, "independent") == PICTURES["null"]
    assert drawn("likelihood", KL, "kl-scale") == PICTURES["scale"]
    assert drawn("weights", WEIGHTS, "blocks") == PICTURES["blocks"]
    assert map_svg(POINTS) == PICTURES["map"]


def test_ids_of_two_pictures_differ() -> None:
    ids = [id for svg in PICTURES.values() for id in re.findall(r'\bid="([^"]+)"', svg)]
    assert len(ids) == len(set(ids)) > len(PICTURES)


def by_members(branches: tuple[Branch, ...]) -> dict[frozenset[str], Branch]:
    return {frozenset(branch.members): branch for branch in branches}


def test_a_tree_is_laid_out_as_it_was_written() -> None:
    branches = read_branches(TREE, "me")
    found = by_members(branches)
    assert [branch.name for branch in branches if branch.tip][:2] == ["me", "mum"]
    assert found[frozenset({"me", "mum"})].support == 97
    assert found[frozenset({"me", "mum"})].end == pytest.approx(0.3)
    assert found[frozenset({"y_y"})].end == pytest.approx(0.7)
    assert found[frozenset({"y_y"})].support is None


def test_support_stays_with_its_branch_when_a_tree_without_a_root_gets_one() -> None:
    branches = read_branches("((a:1,b:1)97:1,(c:1,d:9)60:1,e:1);")
    splits = {min(one.members, tuple("abcde"), key=len): one.support for one in branches if not one.tip}
    assert splits[("a", "b")] == 97
    assert 60 in splits.values()
    assert by_members(branches)[frozenset("d")].end == pytest.approx(max(one.end for one in branches))


def test_a_tree_without_support_or_lengths_is_drawn_too() -> None:
    branches = read_branches("((a,b),c,me);", "me")
    assert by_members(branches)[frozenset("a")].end == 2
    assert words(tree_svg("((a,b),c,me);", "me")) == ["me (subject)", "c", "a", "b"]


def test_the_subject_is_marked_by_its_name_and_no_reference_by_its_own() -> None:
    newick = "((a:1,b:1)97:1,('x (subject)':1,me:1)90:1);"
    marked = [branch.name for branch in read_branches(newick, "me") if branch.subject]
    assert marked == ["me"]
    assert not [branch for branch in read_branches(newick) if branch.subject]
    assert set(words(tree_svg(newick, "me"))) >= {"me (subject)", "x (subject)", "a", "b"}
    assert marks(tree_svg(newick), "var(--kin)") == 0
    assert describe_tree(read_branches(newick, "me")).endswith("that holds me also holds x (subject).")


def test_two_leaves_of_one_name_are_drawn() -> None:
    """In a report that provcheck did not write; its own names are unique."""
    assert sorted(words(tree_svg("(a:1,a:1,b:2);")))[:3] == ["a", "a", "b"]


def test_hidden_characters_in_the_name_of_the_subject_do_not_hide_it() -> None:
    assert [one.name for one in read_branches("(a:1,'m\\u202ee':1,c:1);", "m\u202ee") if one.subject] == ["m\\u202ee"]


def test_the_tree_shows_support_from_half_on_and_marks_the_subject() -> None:
    assert {"97", "100"} <= set(words(PICTURES["tree"]))
    assert "43" not in words(PICTURES["tree"])
    assert marks(PICTURES["tree"], "var(--kin)") == 3  # branch, and point with its shape
    assert marks(tree_svg("((a:1,b:1)97:1,c:1);"), "var(--kin)") == 0


def test_support_near_the_root_stays_on_the_sheet() -> None:
    svg = tree_svg("(((a:1,b:1)66:0.5,(c:1,d:1)77:0.001)88:0.001,e:1.2);")
    anchors = {one.text: one.get("text-anchor", "start") for one in parse(svg).iter() if one.tag.endswith("text")}
    assert (anchors["66"], anchors["77"], anchors["88"]) == ("end", "start", "start")


@pytest.mark.parametrize("newick", ["", "(a,b", "a)", "(a:x,b);", "(a:inf,b);"])
def test_what_is_no_tree_is_a_value_error(newick: str) -> None:
    with pytest.raises(ValueError, match="tree"):
        tree_svg(newick)


def test_names_reach_the_tree_as_they_are() -> None:
    plain = [name for name in TRAPS if name.isascii() and name.isprintable() and len(name) < 30]
    quoted = ",".join("'" + name.replace("'", "''") + "':1" for name in plain)
    assert set(plain) <= set(words(tree_svg(f"({quoted});"))) and len(plain) > 5


@given(name=names)
@settings(max_examples=15, deadline=None)
def test_no_name_breaks_a_map(name: str) -> None:
    points = (*POINTS, MapPoint(id="other", family=name, x=3.0, y=3.0))
    root = parse(map_svg(points))
    assert {one.tag.rpartition("}")[2] for one in root.iter()} <= {
        "svg",
        "title",
        "desc",
        "defs",
        "g",
        "path",
        "use",
        "text",
    }


def test_families_of_several_models_have_a_colour() -> None:
    assert VARIABLES["hue1"] == HUES[0]
    assert marks(PICTURES["map"], "var(--hue1)") == 2
    assert marks(PICTURES["map"], "var(--mark)") == 1
    assert words(PICTURES["map"])[0] == "me"


def test_the_subject_is_named_on_top_of_its_double() -> None:
    twins = (POINTS[0], MapPoint(id="twin", family="owl", x=POINTS[0].x, y=POINTS[0].y))
    assert "me" in words(map_svg(twins))


@pytest.mark.parametrize(
    "points", [(), (POINTS[1].model_copy(update={"x": 1e308}), POINTS[2].model_copy(update={"x": -1e308}))]
)
def test_what_is_no_map_is_a_value_error(points: tuple[MapPoint, ...]) -> None:
    with pytest.raises(ValueError, match=r"map|points"):
        map_svg(points)


def test_labels_avoid_each_other_and_the_edge() -> None:
    sheet = (0.0, 0.0, 100.0, 100.0)
    right = free_box((10, 50), 40, 5, [], sheet)
    assert right == (15, 43, 55, 57)
    assert free_box((90, 50), 40, 5, [], sheet) == (45, 43, 85, 57)
    below = free_box((50, 50), 40, 5, [(56, 45, 60, 55), (40, 45, 44, 55)], sheet)
    assert below is not None and below[1] == 55
    assert free_box((50, 50), 40, 5, [sheet], sheet) is None
    assert best_box((90, 50), 40, 5, [sheet], sheet) == (45, 43, 85, 57)


def test_the_null_distribution_shows_line_and_subject() -> None:
    assert "nearest independent pair: 0.680" in words(PICTURES["null"])
    assert "this model: 0.210" in words(PICTURES["null"])
    assert "independent" not in charts("able", None), "there is none without the panel that judged"
    bad = Histogram("t", "d", (0.0, 1.0), (), 0.5, "limit", Interval(value=1, low=0, high=2), Ruler(0, 1, {}, "x"))
    with pytest.raises(ValueError, match="do not fit"):
        draw("bad", bad)


def test_bins_that_do_not_fit_their_counts_are_not_drawn() -> None:
    assert "independent" not in charts("able", ABLE, NULL.model_construct(edges=(0.0, 1.0), counts=(), nearest=0.0))


def positions(svg: str) -> dict[str, float]:
    return {one.text or "": float(one.get("x", 0)) for one in parse(svg).iter() if one.tag.endswith("text")}


@pytest.mark.parametrize("value", [0.0, 1e-9, 0.011, 1.99])
def test_any_value_has_a_place_on_the_scale(value: float) -> None:
    svg = drawn("likelihood", KL.model_copy(update={"bits_per_byte": value, "scale_band": None}), "kl-scale")
    assert "nan" not in svg
    assert len(words(svg)) <= 2 * 3 + 9 + 1
    assert any("does not apply" in one for one in words(svg))


@pytest.mark.parametrize("value", [2.0, 344.0, 1e12])
def test_what_is_beyond_the_range_of_its_estimate_is_not_drawn(value: float) -> None:
    far = KL.model_copy(update={"bits_per_byte": value, "scale_band": None})
    assert charts("likelihood", far) == {}
    report = make_report()
    nearest = with_signal(report.comparisons[0], "likelihood", far)
    [figure] = find_signal("likelihood").figures(report, nearest)
    assert "2 bits per byte or more, beyond the range of the estimate" in str(figure.finding)
    cell = find_signal("likelihood").columns[0].of(far)
    assert (cell.text, cell.note) == ("over 2", "beyond its range")


def test_the_scale_needs_a_value_and_says_when_it_applies() -> None:
    assert not any("does not apply" in one for one in words(PICTURES["scale"]))
    assert charts("likelihood", None) == {}


def test_categories_that_were_not_measured_say_so() -> None:
    silent = (CategoryDistance(category="science", blocks=8, distance=None),)
    svg = drawn("able", ABLE.model_copy(update={"categories": silent * 2}), "agreement")
    assert words(svg).count("not measured") == 2


def heat_map(rows: int, columns: int, value: float = 0.5) -> HeatMap:
    """A table of one value, the first cell framed."""
    values, numbers = [[value] * columns] * rows, [(f"{value:.2f}",) * columns] * rows
    labels = tuple(map(str, range(max(rows, columns))))
    named = ("own blocks", "other blocks", "match")
    return HeatMap("t", "d", labels[:rows], labels[:columns], values, numbers, frozenset({(0, 0)}), *named)


def opacities(svg: str) -> list[float]:
    return [float(one.get("opacity", 1)) for one in parse(svg).iter() if one.get("fill") == "var(--kin)"]


def test_a_heat_map_shows_numbers_frames_and_the_scale_of_its_shades() -> None:
    svg = PICTURES["blocks"]
    assert {"0.97", "0.11", "-0.01", "rows: blocks of this model", "0.2", "1"} <= set(words(svg))
    assert marks(svg, "var(--ink)") == 4  # frames
    assert min(opacities(svg)) == 0 and max(opacities(svg)) == pytest.approx(0.97 * DARKEST, abs=0.01)
    assert "1 with 1 (0.97), 2 with 2 (0.95), 3 with 3 (0.93), 4 with 4 (0.96)" in svg


def test_small_cells_hold_no_numbers() -> None:
    assert "0.50" in words(draw("few", heat_map(3, 9)))
    assert "0.50" not in words(draw("many", heat_map(3, 10)))


def test_labels_of_narrow_columns_do_not_touch() -> None:
    """Every second one is written above 24 columns."""
    found = words(draw("many", heat_map(1, 24)))
    assert {"0", "2", "22"} <= set(found) and not {"1", "23"} & set(found[:-7])


def test_no_shade_is_outside_the_scale() -> None:
    assert [opacities(draw("one", heat_map(1, 1, value)))[0] for value in (1, 7)] == [DARKEST, DARKEST]
    assert len(opacities(draw("one", heat_map(1, 1, -1)))) == STEPS  # those of the scale


@pytest.mark.parametrize("size", [(0, 0), (25, 1), (1, 25)])
def test_what_is_too_large_or_empty_is_no_heat_map(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="do not fit"):
        draw("bad", heat_map(*size))


def test_ragged_tables_are_no_heat_map() -> None:
    with pytest.raises(ValueError, match="do not fit"):
        draw("bad", replace(heat_map(2, 2), values=[[0.5], [0.5, 0.5]]))
    with pytest.raises(ValueError, match="do not fit"):
        draw("bad", replace(heat_map(2, 2), numbers=[("1", "1")]))


@pytest.mark.parametrize("palette", [0, 1], ids=["light", "dark"])
def test_letters_on_the_darkest_shade_can_be_read(palette: int) -> None:
    style = (templates_folder() / "report.css").read_text("utf-8")
    block = re.findall(r":root \{(.*?)\}", style, re.DOTALL)[palette]
    colours = {name: rgb(value) for name, value in re.findall(r"--(\w+): #(\w{6});", block)}
    shade = [DARKEST * kin + (1 - DARKEST) * paper for kin, paper in zip(colours["kin"], colours["paper"], strict=True)]
    dark, light = sorted((luminance(colours["ink"]), luminance(shade)))
    assert (light + 0.05) / (dark + 0.05) >= 4.5


def rgb(colour: str) -> list[float]:
    return [int(colour[at : at + 2], 16) / 255 for at in (0, 2, 4)]


def luminance(colour: list[float]) -> float:
    """Relative luminance as WCAG 2 defines it."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in colour]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@given(name=st.text(max_size=80), width=st.floats(20, 300))
def test_fitting_names_fit(name: str, width: float) -> None:
    assert width_of(fitting(name, width)) <= width
