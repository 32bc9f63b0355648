"""References that are not of the bank are marked in every format, with one wording; those named are always listed."""

from __future__ import annotations

import pytest

from provcheck.rendering import FORMATS
from provcheck.rendering.columns import listed, nearest
from provcheck.rendering.html_report import HtmlReport
from provcheck.rendering.sentences import certainty
from provcheck.types import AtHand, Report
from tests.rendering.factory import make_report
from tests.rendering.page import Page
from tests.rendering.readers import read_terminal

MARK = "measured for this audit"


def with_last_at_hand(report: Report) -> Report:
    """The farthest reference is one that the user gave."""
    *others, last = report.comparisons
    facts = AtHand(subject=report.subject.model_copy(update={"revision": None}), measurement="0" * 64, found="given")
    changed = last.model_copy(update={"at_hand": facts, "named": 1, "family": None})
    return report.model_copy(update={"comparisons": (*others, changed)})


@pytest.fixture
def report() -> Report:
    return with_last_at_hand(make_report())


@pytest.mark.parametrize("name", ["html", "markdown", "sarif", "cyclonedx", "junit"])
def test_it_is_marked(name: str, report: Report) -> None:
    id = report.comparisons[-1].reference
    text = FORMATS[name].load().render(report) or ""
    marks = (MARK, "measuredForThisAudit", "measured_for_this_audit", "measured-for-this-audit")
    assert id in text and any(mark in text for mark in marks)
    plain = FORMATS[name].load().render(make_report()) or ""
    assert MARK not in plain and "measured_for_this_audit" not in plain


def test_it_is_listed_first_after_the_verdicts_own(report: Report) -> None:
    id = report.comparisons[-1].reference
    assert nearest(report)[1].reference == id and listed(report, 1) == 2
    assert f"{id}: {MARK}" in str(read_terminal(report))
    assert f"Weights of {id}" in Page(HtmlReport().render(report)).text


def test_the_p_value_says_what_it_is_corrected_for(report: Report) -> None:
    verdict = report.verdict.model_copy(update={"reference": report.comparisons[-1].reference})
    assert "not corrected for other references: this one was named beforehand, as one hypothesis" in certainty(
        report.model_copy(update={"verdict": verdict})
    )
    assert "named beforehand" not in certainty(make_report())


def test_a_report_without_any_has_none_of_the_fields() -> None:
    """Reports of before keep their digests."""
    content = make_report().model_dump(mode="json")
    assert "unavailable" not in content
    assert not {"at_hand", "named"} & {key for one in content["comparisons"] for key in one}
