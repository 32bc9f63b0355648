"""The map to look around in, in a real browser; skipped where none is installed."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api")
pytest.importorskip("plotly")

from playwright.sync_api import Browser, Page

from provcheck.errors import UsageError
from provcheck.rendering.interactive_map import Spot, check_plotly, map_page
from provcheck.types import MapPoint
from tests.rendering.browsing import CHROMIUM, Visit, chromium, visit
from tests.rendering.reports import TRAPS

needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")
READY = "() => document.documentElement.dataset.ready === 'yes'"
BUSY = 1000
"""Milliseconds after which plotly has drawn what a click on the legend changed."""


def spot(
    id: str, x: float, family: str | None = "owl", mechanism: str | None = "lora", *, subject: bool = False
) -> Spot:
    point = MapPoint(id=id, family=family, x=x, y=-x, subject=subject)
    return Spot(point, mechanism, ("org/root",) if mechanism else (), "org/near", 0.1834, None if subject else 0.87)


SPOTS = [
    spot("me/mine", 0.0, None, None, subject=True),
    spot("org/root", 0.2),
    spot("org/tuned", 0.3),
    spot("far/one", -1.0, "raven", "prune"),
    spot("far/two", -0.9, "raven", "prune"),
    spot("alone/x", 1.0, "wren", "undocumented"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture
def visited(browser: Browser, tmp_path: Path) -> Iterator[Visit]:
    with visit(browser, map_page(SPOTS, "birds", "those of A and B"), tmp_path / "map.html") as visited:
        visited.page.wait_for_function(READY)
        yield visited


def shown(page: Page) -> int:
    """Models that can be seen."""
    return page.locator(".scatterlayer path.point:visible").count()


@needs_chromium
def test_nothing_leaves_the_page_and_nothing_goes_wrong(visited: Visit) -> None:
    assert len(visited.requests) == 1 and visited.requests[0].startswith("file://")
    assert visited.problems == [] and shown(visited.page) == len(SPOTS)


@needs_chromium
def test_the_pointer_brings_the_evidence(visited: Visit) -> None:
    first = visited.page.locator(".scatterlayer path.point").nth(1).bounding_box()
    assert first is not None
    visited.page.mouse.move(first["x"] + first["width"] / 2, first["y"] + first["height"] / 2)
    said = visited.page.locator(".hoverlayer").text_content() or ""
    for words in (
        "family: ",
        "mechanism: ",
        "parents: org/root",
        "nearest: org/near, at 0.183",
        "to this model: 0.870",
    ):
        assert words in said


@needs_chromium
def test_families_can_be_hidden(visited: Visit) -> None:
    legend = visited.page.locator(".legend .traces")
    assert [(one.text_content() or "").strip() for one in legend.all()] == [
        "owl",
        "raven",
        "single models",
        "this model",
    ]
    legend.nth(1).locator(".legendtoggle").click()
    visited.page.wait_for_timeout(BUSY)
    assert shown(visited.page) == len(SPOTS) - 2


@needs_chromium
def test_a_search_rings_what_it_finds_among_the_families_that_are_shown(visited: Visit) -> None:
    page, found = visited.page, visited.page.locator("#found")
    page.fill("#search", "PRUNE far")
    page.wait_for_function("() => document.getElementById('found').value === '2 found'")
    page.wait_for_timeout(BUSY)
    assert shown(page) == len(SPOTS) + 2
    page.locator(".legend .legendtoggle").nth(1).click()
    page.wait_for_function("() => document.getElementById('found').value === '0 found'")
    page.fill("#search", "")
    page.wait_for_function("() => document.getElementById('found').value === ''")
    assert found.inner_text() == "" and visited.problems == []


@needs_chromium
def test_the_wheel_zooms(visited: Visit) -> None:
    span = "() => { const r = document.getElementById('map')._fullLayout.xaxis.range; return r[1] - r[0]; }"
    before = visited.ask(span)
    visited.page.mouse.move(400, 500)
    for _ in range(3):
        visited.page.mouse.wheel(0, -400)
        visited.page.wait_for_timeout(BUSY / 4)
    assert visited.ask(span) < 0.9 * before


@needs_chromium
def test_it_fits_a_phone(browser: Browser, tmp_path: Path) -> None:
    html = map_page(SPOTS, "birds", "those of A")
    with visit(browser, html, tmp_path / "map.html", width=390) as visited:
        visited.page.wait_for_function(READY)
        assert visited.ask("() => document.documentElement.scrollWidth") == 390


@needs_chromium
def test_names_of_strangers_stay_text(browser: Browser, tmp_path: Path) -> None:
    traps = [spot(f"{name} {n}", n / len(TRAPS), name, name) for n, name in enumerate(TRAPS)]
    html = map_page(traps, TRAPS[0], "those of A")
    with visit(browser, html, tmp_path / "map.html") as visited:
        visited.page.wait_for_function(READY)
        assert visited.problems == []
        assert visited.page.locator("img, iframe, #map a[href^='http'], #map script").count() == 0
        text = visited.ask("() => document.body.innerText")
    assert TRAPS[0] in text and not set(text) & set("\u202e\u2066\x1b")


def test_two_pages_of_one_map_are_the_same() -> None:
    first, second = (map_page(SPOTS, "birds", "those of A") for _ in range(2))
    assert first == second
    assert not re.search(r"<(script|link|img)[^>]+(src|href)=", first)


def test_without_plotly_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("provcheck.rendering.interactive_map.find_spec", lambda name: None)
    monkeypatch.setitem(sys.modules, "plotly", None)
    with pytest.raises(UsageError, match="needs the package plotly") as error:
        check_plotly()
    assert error.value.hint == "install it with `pip install 'provcheck[interactive]'`" and error.value.exit_code == 4
