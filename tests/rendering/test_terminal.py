from __future__ import annotations

import io
import re
import unicodedata

import pytest
from hypothesis import given, settings
from rich.console import Console

from provcheck.rendering.terminal import make_console, print_header, print_report
from provcheck.types import ExitCode, Outcome, Relation, Report
from tests.rendering.factory import BASE, SUBJECT, make_report
from tests.rendering.hostile import names


def printed(report: Report, verbosity: int = 0) -> str:
    file = io.StringIO()
    console = make_console(file)
    print_header(console, report.tool, report.bank, report.subject, "cpu float32")
    print_report(report, console, verbosity)
    return file.getvalue()


def test_it_reads_like_pytest() -> None:
    lines = printed(make_report()).splitlines()
    assert lines[1] == "provcheck 0.1.0 -- bank zoo-v1 (8 references) -- cpu float32"
    assert lines[2].startswith(f"subject: {SUBJECT}, llama")
    assert "check-0 PASSED" in lines
    assert "check-1 FAILED" in lines
    assert "FAILED check-1 - coverage is 98.3 %" in lines
    assert lines[-1] == "== 1 passed, 1 failed, 1 inconclusive in 42.1s =="


def test_quiet_is_the_verdict_and_what_failed() -> None:
    lines = printed(make_report(), -1).splitlines()
    assert len(lines) == 10
    assert f"The weights of {SUBJECT} descend from {BASE}, or both descend from one ancestor." in lines
    assert "check-0 PASSED" not in lines


def test_verbose_adds_messages_and_the_other_view() -> None:
    text = printed(make_report(), 1)
    assert "check-0 PASSED  coverage is 98.3 %" in text
    assert "ABLE paper" in text
    assert "acme/mute-1b" in text


def test_passed_checks_need_no_explanation() -> None:
    text = printed(make_report(outcomes=(Outcome.PASSED,)))
    assert "short check summary" not in text
    assert text.endswith("== 1 passed in 42.1s ==\n")


@pytest.mark.parametrize("relation", Relation)
def test_every_verdict_is_named(relation: Relation) -> None:
    assert f"verdict: {relation.value}" in printed(make_report(relation))


@given(subject=names, base=names, text=names)
@settings(max_examples=40, deadline=None)
def test_names_of_strangers_reach_no_terminal_raw(subject: str, base: str, text: str) -> None:
    output = printed(make_report(subject=subject, base=base, text=text), 1)
    assert not [char for char in output if char != "\n" and unicodedata.category(char) in ("Cc", "Cf")]


def test_brackets_are_no_markup() -> None:
    assert "[red]x[/red]:smile:" in printed(make_report(subject="[red]x[/red]:smile:"))


def terminal(monkeypatch: pytest.MonkeyPatch, **environment: str) -> str:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"TERM": "xterm-256color", **environment}.items():
        monkeypatch.setenv(name, value)
    file = io.StringIO()
    monkeypatch.setattr(file, "isatty", lambda: True)
    print_report(make_report(), make_console(file))
    return file.getvalue()


def test_colours_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[31mFAILED" in terminal(monkeypatch)


def test_no_colour_codes_under_no_color(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b" not in terminal(monkeypatch, NO_COLOR="1")


def test_last_line_fills_a_terminal() -> None:
    file = io.StringIO()
    print_report(make_report(), Console(file=file, force_terminal=True, width=90, color_system=None))
    assert 88 <= len(file.getvalue().splitlines()[-1]) <= 90


def test_a_poor_terminal_encoding_does_not_stop_the_audit() -> None:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii")
    print_report(make_report(subject="名前"), make_console(file))
    file.flush()
    assert rb"\u540d\u524d" in raw.getvalue()


def test_the_last_line_is_only_green_when_all_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    report = make_report(outcomes=())
    assert report.exit_code is ExitCode.NO_CHECKS
    assert re.search(r"== no checks ran in 42\.1s ==$", printed(report).strip())
