"""Signs of disguise stand in every format in the same words; where they were not looked for, nothing is said."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from provcheck.rendering import FORMATS
from provcheck.rendering.html_report import HtmlReport
from provcheck.rendering.json_report import JsonReport
from provcheck.rendering.junit import JUnitReport
from provcheck.rendering.markdown import MarkdownReport
from provcheck.rendering.sarif import SarifReport
from provcheck.types import Report, Sign, Signs
from tests.rendering.factory import make_report
from tests.rendering.page import Page
from tests.rendering.test_terminal import lines_after, printed

FINDING = "The token embedding has 10,000 rows, but the tokenizer gives only 9,000 ids."
INNOCENT = "Rows may be kept for tokens that are added later."
SIGNS = Signs(
    found=(Sign(name="rows-unused", finding=FINDING, innocent=INNOCENT, numbers={"rows": 10_000, "ids": 9_000}),),
    looked_at=("token-rows", "token-ids"),
    not_looked_at={"empty-layers": "the weights are pickled"},
)


def with_signs(signs: Signs | None = SIGNS) -> Report:
    return make_report().model_copy(update={"signs": signs}).with_digest()


def test_terminal() -> None:
    lines = lines_after(printed(with_signs()), "signs of disguise")
    assert lines[0].startswith("1 sign in 2 looks. A sign says that something is odd. It is no accusation")
    assert lines[1] == f"- rows-unused: {FINDING} What else may explain it: {INNOCENT}"
    assert lines[2] == "- Not looked at: empty layers, for the weights are pickled."


def test_terminal_without_a_sign_speaks_of_it_only_when_asked() -> None:
    report = with_signs(SIGNS.model_copy(update={"found": ()}))
    assert "signs of disguise" not in printed(report)
    assert lines_after(printed(report, 1), "signs of disguise")[0] == "No sign was found in 2 looks."


def test_html() -> None:
    page = HtmlReport().render(with_signs())
    assert Page(page).values("data-sign") == ["rows-unused"]
    assert all(words in page for words in (FINDING, INNOCENT, "rows 10,000, ids 9,000", "the weights are pickled"))


def test_markdown_junit_and_sarif() -> None:
    summary = MarkdownReport().render(with_signs())
    assert "### Signs of disguise" in summary and "| `rows-unused` |" in summary
    suite = ElementTree.fromstring(JUnitReport().render(with_signs()))  # noqa: S314 - written a moment ago
    properties = {one.get("name"): one.get("value") for one in suite.iter("property")}
    assert (properties["signs_of_disguise"], properties["not_looked_at"]) == ("rows-unused", "empty-layers")
    sarif = json.loads(SarifReport().render(with_signs()))
    assert sarif["runs"][0]["properties"]["signsOfDisguise"]["found"][0]["name"] == "rows-unused"


@pytest.mark.parametrize("name", sorted({*FORMATS} - {"newick"}))
def test_a_report_from_before_says_nothing_of_them_and_keeps_its_digest(name: str) -> None:
    report = with_signs(None)
    rendered = FORMATS[name].load().render(report)
    assert "isguise" not in str(rendered)
    assert "signs" not in json.loads(JsonReport().render(report))
