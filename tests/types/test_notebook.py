"""Reports and comparisons in a notebook: what they show is what they hold, and no name becomes markup."""

from __future__ import annotations

import sys
from xml.etree import ElementTree as ET

import pytest

from provcheck.types import Relation
from provcheck.types.notebook import cell, flat
from tests.rendering.factory import make_comparison, make_report, unmeasured
from tests.rendering.hostile import HIDDEN, MARKUP, RIGHT_TO_LEFT
from tests.rendering.reports import hostile_report, shipped_report

ELEMENTS = {"div", "p", "b", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "bdi"}


def words(html: str) -> list[str]:
    """The text of every element; the HTML is well-formed, and nothing in it can act."""
    root = ET.fromstring(f"<div>{html}</div>")  # noqa: S314 - well-formed is what it must be
    assert {one.tag for one in root.iter()} <= ELEMENTS
    assert not any(one.attrib for one in root.iter())
    return [text.strip() for text in root.itertext() if text.strip()]


def test_a_report_shows_its_verdict_its_reasons_its_checks_and_its_nearest_references() -> None:
    report = shipped_report()
    shown = words(report._repr_html_())
    assert shown[0] == report.subject.id and shown[2] == report.verdict.relation.value
    assert set(report.verdict.reasons) <= set(shown)
    assert {one.id for one in report.checks} | {one.outcome.value for one in report.checks} <= set(shown)
    assert {one.reference for one in report.comparisons[:10]} <= set(shown)


def test_a_comparison_shows_every_value() -> None:
    one = make_comparison("org/base", Relation.DERIVED, 0.25)
    shown = words(one._repr_html_())
    assert {"derived", "org/base", "able.contrast.cosine_distance", "0.25"} <= set(shown)
    assert "likelihood.not_measured" in one.row() or "likelihood.bits_per_byte" in one.row()


@pytest.mark.parametrize("name", [*MARKUP, RIGHT_TO_LEFT, *HIDDEN])
def test_names_stay_names(name: str) -> None:
    shown = words(make_comparison(name, Relation.DERIVED, 0.25)._repr_html_())
    assert name in shown or not name.isprintable()
    assert not any(char in "".join(shown) for char in "\u202e\u200b\x1b")


def test_a_hostile_report_is_shown() -> None:
    assert words(hostile_report()._repr_html_())


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.98512, "0.985"),
        (1.0, "1"),
        (0.99996, "> 0.999"),
        (0.0, "0"),
        (3e-7, "3e-07"),
        (0.0004, "0.0004"),
        (1.0001, "1.0001"),
    ],
)
def test_a_number_is_never_rounded_into_certainty(value: float, shown: str) -> None:
    assert words(cell(value)) == [shown]


def test_a_frame_has_a_row_for_each_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    report = make_report()
    frame = report.to_frame()
    assert list(frame.index) == [one.reference for one in report.comparisons]
    first = report.comparisons[0]
    assert frame.iloc[0]["related_probability"] == first.related_probability
    assert frame.iloc[0]["relation"] == first.relation
    assert (
        frame.iloc[0]["able.contrast.cosine_distance"]
        == first.model_dump()["signals"]["able"]["contrast"]["cosine_distance"]
    )
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install 'provcheck\[frames\]'"):
        report.to_frame()


def test_what_was_not_measured_has_its_reason() -> None:
    assert any(name.endswith(".not_measured") and value for name, value in unmeasured().row().items())
    assert "reference" in flat(unmeasured())
