from __future__ import annotations

import io

import pytest
from rich.console import Console

from provcheck.observer import Observer, Silent
from provcheck.rendering.progress import ProgressBar


def work(observe: Observer) -> None:
    observe.start("questions", 2)
    observe.advance(1)
    observe.note("question 7 was \x1b[31mleft out")
    observe.advance(1)
    observe.finish()


def test_a_file_gets_a_line_for_each_stage() -> None:
    file = io.StringIO()
    work(ProgressBar(Console(file=file)))
    assert file.getvalue() == "questions (2)\nnote: question 7 was \\u001b[31mleft out\n"


@pytest.mark.parametrize("quiet", [False, True])
def test_a_long_stage_gets_a_line_every_half_minute(quiet: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job's log shows that it goes on; `quiet` says nothing."""
    now = 0.0
    monkeypatch.setattr("provcheck.rendering.progress.time.monotonic", lambda: now)
    file = io.StringIO()
    bar = ProgressBar(Console(file=file), quiet=quiet)
    bar.start("questions", 100)
    for _ in range(100):
        now += 1.0
        bar.advance()
    bar.finish()
    lines = ["questions (100)", "questions: 30 of 100", "questions: 60 of 100", "questions: 90 of 100"]
    assert file.getvalue().splitlines() == ([] if quiet else lines)


def test_a_terminal_gets_a_bar() -> None:
    file = io.StringIO()
    work(ProgressBar(Console(file=file, force_terminal=True, width=80)))
    assert "questions" in file.getvalue()
    assert "2/2" in file.getvalue()


def test_silent_needs_nothing() -> None:
    work(Silent())
