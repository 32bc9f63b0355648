"""The report in a real browser; skipped where none is installed."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api")

from playwright.sync_api import Browser

from provcheck.rendering.html_report import HtmlReport
from provcheck.types import Relation, Report
from tests.rendering.browsing import (
    CHROMIUM,
    HIDDEN,
    LOW_CONTRAST,
    OUTSIDE,
    SCROLLING,
    SHOWN_AT,
    chromium,
    visit,
)
from tests.rendering.factory import make_report
from tests.rendering.hostile import MARKUP, RIGHT_TO_LEFT
from tests.rendering.page import Page
from tests.rendering.reports import adapter_report, bare_report, hostile_report, shipped_report

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")

MAX_BYTES = 3_000_000

REPORTS: dict[str, Callable[[], Report]] = {
    "real": shipped_report,
    "unrelated": lambda: make_report(Relation.UNRELATED),
    "inconclusive": lambda: make_report(Relation.INCONCLUSIVE, probability=None),
    "adapter": adapter_report,
    "bare": bare_report,
    "hostile": hostile_report,
}
"""Every shape that a page can have."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module", params=REPORTS)
def html(request: pytest.FixtureRequest) -> str:
    return HtmlReport().render(REPORTS[request.param]())


def test_nothing_leaves_the_page_and_nothing_goes_wrong(browser: Browser, html: str, tmp_path: Path) -> None:
    with visit(browser, html, tmp_path / "report.html") as visited:
        assert visited.requests == [(tmp_path / "report.html").as_uri()]
        assert visited.problems == []


def test_every_text_can_be_read_in_light_dark_and_on_paper(browser: Browser, html: str, tmp_path: Path) -> None:
    with visit(browser, html, tmp_path / "report.html") as visited:
        found = [visited.ask(LOW_CONTRAST)]
        visited.page.emulate_media(color_scheme="dark")
        found.append(visited.ask(LOW_CONTRAST))
        visited.page.emulate_media(color_scheme="dark", media="print")
        found.append(visited.ask(LOW_CONTRAST))
    assert [one["low"] for one in found] == [[], [], []]
    assert all(one["checked"]["html"] > 50 for one in found)
    assert all((one["checked"]["svg"] > 10) == ("<figure>" in html) for one in found)


@pytest.mark.parametrize("width", [360, 390, 1200])
def test_the_page_fits_a_phone_and_words_fit_their_pictures(
    browser: Browser, html: str, tmp_path: Path, width: int
) -> None:
    """No picture scrolls sideways, and on the narrowest its letters are still those of the sheet, within a tenth."""
    with visit(browser, html, tmp_path / "report.html", width=width) as visited:
        assert visited.ask("() => document.documentElement.scrollWidth") == width
        assert visited.ask(OUTSIDE) == []
        assert visited.ask(SCROLLING) == []
        assert min(visited.ask(SHOWN_AT), default=1) >= 0.85


def test_the_annex_is_printed_on_request(browser: Browser, html: str, tmp_path: Path) -> None:
    """Asked for on the page or by the address, and then with all that the screen folds away."""
    file = tmp_path / "report.html"
    with visit(browser, html, file) as visited:
        visited.ask("() => document.querySelectorAll('details').forEach(one => one.open = false)")
        assert visited.ask(HIDDEN) > 0
        visited.page.emulate_media(media="print")
        assert not visited.page.locator(".annex").is_visible()
        assert visited.page.locator(".on-paper").is_visible()
        visited.page.emulate_media(media="screen")
        visited.page.get_by_label("Print the annex too").check()
        visited.page.emulate_media(media="print")
        assert visited.page.locator(".annex").is_visible() and visited.ask(HIDDEN) == 0
        assert not visited.page.locator(".on-paper").is_visible()
        visited.page.goto(f"{file.as_uri()}#annex")
        assert visited.page.locator(".annex").is_visible() and visited.ask(HIDDEN) == 0


def test_the_report_is_printed_on_four_to_six_sheets_and_the_first_holds_the_answer(
    browser: Browser, tmp_path: Path
) -> None:
    with visit(browser, HtmlReport().render(shipped_report()), tmp_path / "report.html") as visited:
        assert 4 <= sheets(visited.page.pdf(prefer_css_page_size=True)) <= 6
        visited.page.goto(f"{(tmp_path / 'report.html').as_uri()}#annex")
        assert sheets(visited.page.pdf(prefer_css_page_size=True)) > 12
        visited.page.emulate_media(media="print")
        visited.page.set_viewport_size({"width": 672, "height": 1000})
        assert visited.ask("() => document.querySelector('#repeat').getBoundingClientRect().bottom") < 1000


def sheets(pdf: bytes) -> int:
    """Pages of a PDF by Chromium."""
    return len(re.findall(rb"/Type\s*/Page\b", pdf))


def test_the_page_is_small(html: str) -> None:
    assert len(html.encode()) < MAX_BYTES


def test_names_of_strangers_stay_text(browser: Browser, tmp_path: Path) -> None:
    html = HtmlReport().render(hostile_report())
    elements = "() => [...new Set([...document.querySelectorAll('*')].map(one => one.localName))]"
    with visit(browser, html, tmp_path / "report.html") as visited:
        found, text = visited.ask(elements), visited.ask("() => document.body.innerText")
        drawn = visited.ask("() => [...document.querySelectorAll('svg text')].map(one => one.textContent).join()")
    assert set(found) <= set(Page(HtmlReport().render(make_report())).names())
    assert all(name in text for name in (*MARKUP, RIGHT_TO_LEFT))
    assert RIGHT_TO_LEFT in drawn
    assert not set(text + drawn) & set("\u202e\u2066\u200b\x1b\x00")


def test_the_browser_notices_what_is_not_allowed(browser: Browser, tmp_path: Path) -> None:
    """Else the tests above could not fail."""
    html = HtmlReport().render(make_report())
    bad = html.replace(
        "<main>", '<main><p style="color: red">x</p><script>alert(1)</script><img src="https://x.invalid/">'
    )
    with visit(browser, bad, tmp_path / "report.html") as visited:
        assert len(visited.problems) >= 3
    pale = html.replace("--soft: #545a61", "--soft: #b0b0b0").replace(_policy(html), "")
    with visit(browser, pale, tmp_path / "report.html") as visited:
        assert visited.ask(LOW_CONTRAST)["low"]


def _policy(html: str) -> str:
    start = html.index("<meta http-equiv")
    return html[start : html.index(">", start) + 1]
