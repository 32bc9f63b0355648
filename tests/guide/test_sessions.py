"""What the pages show is what the program prints: every session, and every Python example."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from html import unescape
from pathlib import Path

import pytest

from tests.guide.pages import BLOCKS, PAGES, ROOT, blocks_of, text_of
from tests.guide.sessions import environment, lay_out, printed, sessions_of, steps_of

NUMBER = re.compile(r"[0-9a-f]{40,64}|\d[\d,]*\.?\d*(?:e[+-]?\d+)?")
PROGRESS = ("attributions", "log-likelihood")
VOLATILE = re.compile(r"\d+\.\d+s\b|\d{4}-\d\d-\d\d|sha256|digest|tests? in ")
"""Seconds, dates and digests of files that hold them."""

WITH_SESSIONS = [page for page in PAGES if sessions_of(page)]
WITH_PYTHON = [page for page in PAGES if any(one.page == page and one.language == "python" for one in BLOCKS)]


def words(line: str) -> list[str]:
    return NUMBER.sub("#", line).split()


def numbers(line: str) -> list[float]:
    return [float(found.replace(",", "")) for found in NUMBER.findall(line) if len(found) < 40]


def differences(now: str, shown: str) -> list[str]:
    """Lines that say something else, numbers within 2 %; a line `...` that is shown stands for any."""
    printed_lines, shown_lines = (
        [line for line in text.strip().splitlines() if not line.startswith(PROGRESS)] for text in (now, shown)
    )
    if "..." in shown_lines:
        first, last = shown_lines.index("..."), len(shown_lines) - shown_lines.index("...") - 1
        printed_lines = printed_lines[:first] + printed_lines[len(printed_lines) - last :]
        shown_lines.remove("...")
    if len(printed_lines) != len(shown_lines):
        return [f"{len(printed_lines)} lines, not {len(shown_lines)}:", *printed_lines]
    return [one for one, other in zip(printed_lines, shown_lines, strict=True) if not alike(one, other)]


def alike(line: str, shown: str) -> bool:
    if words(line) != words(shown):
        return False
    return bool(VOLATILE.search(line)) or numbers(line) == pytest.approx(numbers(shown), rel=0.02, abs=2e-3)


def test_another_word_or_number_is_a_difference() -> None:
    shown = "verdict: derived\nHow sure: 95.1 %\n"
    assert not differences("verdict: derived\nHow sure: 95.2 %", shown)
    for now in ("verdict: unrelated\nHow sure: 95.1 %", "verdict: derived\nHow sure: 91 %", "verdict: derived"):
        assert differences(now, shown)
    assert not differences("first\nmany\nlines\nlast", "first\n...\nlast\n")
    assert differences("first\nmany\nlines\nanother", "first\n...\nlast\n")


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_SESSIONS)
def test_a_session_is_what_the_program_prints(page: str, tmp_path: Path) -> None:
    lay_out(tmp_path, page)
    for block in sessions_of(page):
        for step in steps_of(block):
            assert differences(printed(step.command, tmp_path), step.shown) == [], f"{block}: {step.command}"


@pytest.mark.slow
@pytest.mark.parametrize("page", WITH_PYTHON)
def test_a_python_example_runs_and_prints_what_is_shown(page: str, tmp_path: Path) -> None:
    lay_out(tmp_path, page)
    blocks = blocks_of(page)
    for block, after in zip(blocks, [*blocks[1:], None], strict=True):
        if block.language == "python" and block.file is None:
            call = [sys.executable, "-c", block.text]
            ran = subprocess.run(
                call, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, check=False
            )
            assert ran.returncode == 0, ran.stderr
            if after and after.language == "text":
                assert differences(ran.stdout, after.text) == [], str(block)


@cache
def example_report() -> str:
    """The words of the report that ships, without the marks of HTML."""
    page = (ROOT / "reports" / "example" / "report.html").read_text("utf-8")
    bare = re.sub(r"<(style|svg).*?</\1>", "", page, flags=re.DOTALL)
    return " ".join(words(unescape(re.sub(r"<[^>]+>", " ", bare))))


def quoted(page: str) -> Iterator[str]:
    yield from re.findall(r"^> (.+)$", text_of(page), re.MULTILINE)


def test_what_the_tutorial_quotes_stands_on_the_page() -> None:
    lines = list(quoted("provcheck/guide/compliance.md"))
    assert len(lines) >= 10
    assert [line for line in lines if " ".join(words(line)) not in example_report()] == []


def test_numbers_of_the_front_page_are_those_of_the_evaluation() -> None:
    """Pairs, false accusations with their interval, and recall, of the judge by all signals."""
    evaluation = text_of("reference_embeddings/zoo-v2/evaluation.md")
    related, independent = re.findall(r"(\d+) related and (\d+) independent pairs", evaluation)[0]
    cells = next(
        line for line in evaluation.splitlines() if line.startswith("| Judge: able + likelihood + weights |")
    ).split("|")
    recall, (accused, interval) = float(cells[5].split()[0]), cells[7].strip(" )").split(" (")
    front = " ".join(text_of("README.md").split())
    assert (
        accused == "0.00%" and f"Of {independent} held-out pairs of independent models it called none related" in front
    )
    assert f"(95 % interval {interval})" in front and f"found {100 * recall:.1f} % of {related} related pairs" in front


def test_the_table_of_methods_is_that_of_the_evaluation() -> None:
    rows = table_rows(text_of("reference_embeddings/zoo-v2/evaluation.md"))
    assert rows and rows == table_rows(text_of("provcheck/guide/error_rates.md"))


def table_rows(text: str) -> list[str]:
    """The table of methods, from its header on."""
    return text[text.index("| method | AUC |") :].partition("\n\n")[0].strip().splitlines()
