"""Open a report in Chromium and watch what it does."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Dialog, Page, sync_playwright

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)

LOW_CONTRAST = """() => {
  const channel = value => value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  const parse = colour => colour.match(/^rgba?\\((.*)\\)$/)[1].split(",").map(Number);
  const light = ([r, g, b]) => 0.2126 * channel(r / 255) + 0.7152 * channel(g / 255) + 0.0722 * channel(b / 255);
  const ground = element => {
    for (let one = element; one; one = one.parentElement) {
      const colour = parse(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const low = [], checked = {html: 0, svg: 0};
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement, text = walker.currentNode.data.trim();
    if (!text || ["STYLE", "title", "desc"].includes(element.tagName)) continue;
    const svg = element.closest("svg"), style = getComputedStyle(element);
    const [a, b] = [light(parse(svg ? style.fill : style.color)), light(ground(svg ? svg.parentElement : element))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    checked[svg ? "svg" : "html"] += 1;
    if (ratio < 4.5) low.push([text.slice(0, 40), ratio]);
  }
  return {low, checked};
}"""
"""Texts with less contrast than WCAG 2 AA asks of small letters; nothing on the page is see-through."""

OUTSIDE = """() => [...document.querySelectorAll(".picture svg")].flatMap(svg => {
  const sheet = svg.getBoundingClientRect();
  const over = box =>
    Math.max(sheet.left - box.left, box.right - sheet.right, sheet.top - box.top, box.bottom - sheet.bottom);
  return [...svg.querySelectorAll("text")].map(one => [one.textContent, over(one.getBoundingClientRect())])
    .filter(([_, over]) => over > 1);
})"""
"""Words in a picture that reach past its edge, and by how many pixels."""

SCROLLING = """() => [...document.querySelectorAll(".picture, .picture *, figure")]
  .filter(one => one.scrollWidth > one.clientWidth + 1 && getComputedStyle(one).overflowX !== "visible")
  .map(one => one.className)"""
"""What can be scrolled sideways in a figure."""

SHOWN_AT = """() => [...document.querySelectorAll(".picture svg")].filter(svg => svg.checkVisibility())
  .map(svg => svg.getBoundingClientRect().width / svg.viewBox.baseVal.width)"""
"""How large each picture is shown, by its own size."""

HIDDEN = """() => [...document.querySelectorAll("table, pre")]
  .filter(one => !one.checkVisibility() || !one.offsetHeight).length"""
"""How many tables are folded away."""


@dataclass
class Visit:
    """A page that was opened, what went wrong on it, and what it asked for."""

    page: Page
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def refuse(self, dialog: Dialog) -> None:
        """A report has nothing to ask."""
        self.problems.append(dialog.message)
        dialog.dismiss()

    def ask(self, script: str) -> Any:
        """What a JavaScript function says about the page."""
        return self.page.evaluate(script)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window and with a profile of its own."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visit(browser: Browser, html: str, file: Path, *, width: int = 1200, scheme: Any = "light") -> Iterator[Visit]:
    """Write the page into a file and open it as a user would."""
    file.write_text(html, encoding="utf-8")
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    visited = Visit(page)
    page.on("console", lambda message: visited.problems.append(message.text))
    page.on("pageerror", lambda error: visited.problems.append(str(error)))
    page.on("dialog", visited.refuse)
    page.on("request", lambda request: visited.requests.append(request.url))
    try:
        page.goto(file.as_uri())
        page.evaluate("() => document.querySelectorAll('details').forEach(one => one.open = true)")
        yield visited
    finally:
        page.close()
