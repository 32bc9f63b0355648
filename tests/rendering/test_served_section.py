"""What a report says of an endpoint, in every format."""

from __future__ import annotations

import json
from io import StringIO

import numpy as np
import pytest

from provcheck.rendering import FORMATS
from provcheck.rendering.facts import served_facts
from provcheck.rendering.html_report import HtmlReport
from provcheck.rendering.terminal import make_console, print_report
from provcheck.serving import match_tokens
from provcheck.signals.likelihood.token_scores import TokenScores
from provcheck.types import Report, Served, ServedMatch
from tests.rendering.factory import BASE, make_report
from tests.rendering.page import Page

SERVED = Served(
    form="vLLM's prompt_logprobs", requests=203, tokens=98_120, special_tokens=1, repeats_nats=0.002, checked=True,
    rounded_to_nats=0.0,
)  # fmt: skip


def matched(moved: float, reference: str = BASE) -> ServedMatch:
    """An endpoint that is so many times as far from the reference as rounding."""
    dice, ends = np.random.default_rng(0), np.arange(1, 201)
    signs, texts = dice.choice([-0.01, 0.01], (40, 200)), ["ab" * 100] * 40
    exact, rounded, served = (
        [TokenScores(np.concatenate([[np.nan], row[1:]]) - 3, ends) for row in signs * step]
        for step in (0.0, 1.0, moved)
    )
    return match_tokens(reference, texts, served, exact, rounded)


def report_of(*found: ServedMatch) -> Report:
    report = make_report()
    measurement = report.measurement.model_copy(update={"served": SERVED})
    return report.model_copy(update={"served": found, "measurement": measurement}).with_digest()


@pytest.mark.parametrize(("moved", "finding"), [(0.5, "identical"), (2.0, "near"), (500.0, "changed")])
def test_every_format_states_the_finding(moved: float, finding: str) -> None:
    report = report_of(matched(moved))
    assert report.served[0].finding == finding
    assert f'endpoint_against_{BASE}" value="{finding}"' in rendered("junit", report)
    run = json.loads(rendered("sarif", report))["runs"][0]
    assert run["properties"]["served"][0]["finding"] == finding
    for shown in (rendered("markdown", report), printed(report), page_of(report).text):
        assert finding in shown.lower() and "203 requests, 98,120 tokens" in shown


def rendered(name: str, report: Report) -> str:
    return FORMATS[name].load().render(report) or ""


def printed(report: Report) -> str:
    file = StringIO()
    print_report(report, make_console(file))
    return " ".join(file.getvalue().split())


def page_of(report: Report) -> Page:
    return Page(HtmlReport().render(report))


def test_the_page_shows_numbers_with_limits_and_rates() -> None:
    report = report_of(matched(2.0))
    page, one = page_of(report), report.served[0]
    assert page.balanced and one.unchanged is not None
    assert f"0 of {one.unchanged.models}" in page.text
    for kind in one.kinds:
        assert kind.kind in page.text
    assert "This endpoint: 2.00" in page.text, "the picture says in words what it shows"


def test_two_references_have_sections_of_their_own() -> None:
    page = page_of(report_of(matched(0.5), matched(2.0, "acme/other")))
    assert {"served", "served-1"} <= set(page.values("id"))


def test_without_numbers_there_is_a_sentence() -> None:
    one = ServedMatch(reference=BASE, finding="not comparable", sentence="Not compared: too few texts.")
    text = page_of(report_of(one)).text
    assert "Not comparable" in text and "Not compared: too few texts." in text


def test_an_older_report_without_limits_is_shown() -> None:
    one = ServedMatch(reference=BASE, finding="near", sentence="Near.", texts=40, tokens=2000, ratio=1.5)
    assert "1.50" in page_of(report_of(one)).text


def test_a_model_at_hand_has_no_such_facts() -> None:
    assert served_facts(None) == []
    assert "Endpoint asked by" not in page_of(make_report()).text
