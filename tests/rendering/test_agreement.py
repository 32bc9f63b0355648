"""One record, many renderings: they may differ in looks, never in what they say."""

from __future__ import annotations

import io
import json
import re
from itertools import chain

from hypothesis import given, settings
from hypothesis import strategies as st

from provcheck.rendering.html_report import HtmlReport
from provcheck.rendering.json_report import JsonReport
from provcheck.rendering.terminal import make_console, print_report
from provcheck.rendering.wording import sentence
from provcheck.types import Outcome, Relation, Report
from tests.rendering.factory import make_report
from tests.rendering.page import Page


def terminal_of(report: Report) -> str:
    file = io.StringIO()
    print_report(report, make_console(file))
    return file.getvalue()


@given(relation=st.sampled_from(Relation), outcomes=st.lists(st.sampled_from(Outcome), max_size=6).map(tuple))
@settings(max_examples=40, deadline=None)
def test_all_formats_say_the_same(relation: Relation, outcomes: tuple[Outcome, ...]) -> None:
    report = make_report(relation, outcomes=outcomes)
    as_json, as_page, as_text = (
        json.loads(JsonReport().render(report)),
        Page(HtmlReport().render(report)),
        terminal_of(report),
    )
    checks = [(check["id"], check["outcome"]) for check in as_json["checks"]]
    assert as_json["verdict"]["relation"] == as_page.values("data-verdict")[0] == relation
    assert checks == list(zip(as_page.values("data-check"), as_page.values("data-outcome"), strict=True))
    assert checks == [(id_, word.lower()) for id_, word in re.findall(r"^(check-\d) ([A-Z]+)$", as_text, re.MULTILINE)]
    assert sentence(report) in as_page.text
    assert sentence(report) in as_text


def test_the_order_of_references_is_the_same() -> None:
    report = make_report()
    rows = Page(HtmlReport().render(report)).values("data-reference")
    listed = chain.from_iterable(
        re.findall(r"^(acme/\S+) +(?:\S+) +\S", line) for line in terminal_of(report).splitlines()
    )
    assert list(listed) == rows[:5]
