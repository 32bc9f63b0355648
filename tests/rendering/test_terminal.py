from __future__ import annotations

import io
import re
import unicodedata
from typing import Any

import pytest
from hypothesis import given, settings
from rich.console import Console

from provcheck.errors import UsageError
from provcheck.rendering.outcomes import summary_outcomes
from provcheck.rendering.terminal import Show, make_console, print_header, print_report
from provcheck.types import Check, ExitCode, Outcome, Relation, Report
from tests.rendering.factory import BASE, SUBJECT, make_report
from tests.rendering.hostile import names


def printed(report: Report, verbosity: int = 0, **show: Any) -> str:
    file = io.StringIO()
    console = make_console(file)
    print_header(console, report.tool, report.bank.name, report.bank.references, report.subject, "cpu float32")
    print_report(report, console, Show(verbosity, **show))
    return file.getvalue()


def with_policy(report: Report, **facts: Any) -> Report:
    return report.model_copy(update={"policy": report.policy.model_copy(update=facts)})


def lines_after(text: str, title: str) -> list[str]:
    """The lines of a section, up to the next blank one."""
    return text.split(f"== {title} ==\n")[1].split("\n\n", maxsplit=1)[0].splitlines()


def test_it_reads_like_pytest() -> None:
    lines = printed(make_report()).splitlines()
    assert lines[1] == "provcheck 0.1.0 -- bank zoo-v1 (8 references) -- cpu float32"
    assert lines[2].startswith(f"subject: {SUBJECT}, llama")
    assert "check-0 PASSED" in lines
    assert "check-1 FAILED" in lines
    assert "FAILED check-1 - coverage is 98.3 %" in lines
    assert lines[-1] == "== 1 passed, 1 failed, 1 inconclusive in 42.1s =="


def test_the_last_line_is_the_last_and_tells_the_time_of_the_audit() -> None:
    lines = printed(make_report(), files=("out/report.json", "out/report.html"), seconds=7.04).splitlines()
    assert lines[-2:] == [
        "report: out/report.json, out/report.html",
        "== 1 passed, 1 failed, 1 inconclusive in 7.0s ==",
    ]


def test_checks_that_were_left_out_are_counted() -> None:
    report = with_policy(make_report(), deselected=("a", "b"), not_run=("c",))
    lines = printed(report).splitlines()
    assert lines[-1] == "== 1 passed, 1 failed, 1 inconclusive, 2 deselected in 42.1s =="
    assert lines[-2] == "!! stopping after the first failure, 1 check not run !!"


@pytest.mark.parametrize("verbosity", [-2, -1, 0, 1])
def test_an_inconclusive_check_that_is_let_pass_is_warned_of(verbosity: int) -> None:
    warning = "warning: not settled, and not counted as failed (on_inconclusive: warn): check-2"
    assert warning in printed(make_report(), verbosity).splitlines()
    for answer in ("fail", "pass"):
        assert "on_inconclusive" not in printed(with_policy(make_report(), on_inconclusive=answer), verbosity)


def failing_report() -> Report:
    """A failed check that two references decided, one of them not compared in full."""
    failed = Check(
        id="no-owls",
        kind="not-related-to",
        description="The model is related to no reference of the families owl.",
        outcome=Outcome.FAILED,
        message="related to acme/owl-7b (derived)",
        references=(BASE, "acme/far"),
    )
    return make_report().model_copy(update={"checks": (failed,)})


def test_a_failure_shows_what_was_asked_for_and_the_numbers() -> None:
    assert lines_after(printed(failing_report()), "failures") == [
        "-- no-owls --",
        "The model is related to no reference of the families owl.",
        "FAILED: related to acme/owl-7b (derived)",
        "reference    relation  probability  ABLE contrast              KL bits/byte  ",
        "acme/owl-7b  derived   97.3 %       0.0432 (0.0389 to 0.0475)  0.400 ± 0.0131",
    ]


def test_columns_that_do_not_fit_follow_below_with_the_names() -> None:
    text = printed(failing_report()).split("0.400 ± 0.0131\n\n")[-1]
    assert [line.rstrip() for line in text.split("\n\n")[0].splitlines()] == [
        "reference    anchored match",
        "acme/owl-7b  0.97 (187 of 192)",
        "and 1 more",
    ]


@pytest.mark.parametrize("verbosity", [0, 1])
@pytest.mark.parametrize("base", [BASE, "a-rather-long-organisation/" + "Name-" * 20])
def test_tables_fit_and_lose_nothing(base: str, verbosity: int) -> None:
    lines = printed(make_report(Relation.INCONCLUSIVE, base=base), verbosity).splitlines()
    start = next(at for at, line in enumerate(lines) if line.startswith("nearest reference"))
    table = lines[start : lines.index("== failures ==")]
    assert max(map(len, table)) <= 80
    shown = {cell for line in table for cell in re.split(r"\s{2,}", line.strip())}
    assert {"0.0432", "0.400 ± 0.0131", "0.97"} <= shown
    assert ("2.3e-10" in shown and "fine-tune" in shown) == bool(verbosity)


def test_what_is_not_settled_is_no_failure() -> None:
    text = printed(make_report(outcomes=(Outcome.INCONCLUSIVE,)))
    assert "== failures ==" not in text
    assert lines_after(text, "not settled") == ["-- check-0 --", "INCONCLUSIVE: coverage is 98.3 %"]


@pytest.mark.parametrize(
    ("chars", "expected"),
    [
        ("fEi", "FAILED ERROR INCONCLUSIVE"),
        ("s", "SKIPPED"),
        ("p", "PASSED"),
        ("if", "INCONCLUSIVE FAILED"),
        ("ff", "FAILED"),
        ("a", "FAILED ERROR SKIPPED INCONCLUSIVE"),
        ("A", "FAILED ERROR SKIPPED INCONCLUSIVE PASSED"),
        ("ANf", "FAILED"),
        ("N", ""),
        ("", ""),
    ],
)
def test_the_short_summary_is_chosen_by_letters(chars: str, expected: str) -> None:
    text = printed(make_report(outcomes=tuple(Outcome)), summary=summary_outcomes(chars))
    if not expected:
        assert "short check summary" not in text
        return
    lines = text.split("== short check summary ==\n")[1].splitlines()
    listed = [line.split()[0] for line in lines if " - " in line]
    assert listed == expected.split()


def test_an_unknown_letter_is_an_error() -> None:
    with pytest.raises(UsageError, match="unknown character 'x'"):
        summary_outcomes("fx")


def test_durations() -> None:
    report = make_report().model_copy(
        update={
            "checks": tuple(
                check.model_copy(update={"seconds": 0.25 * n}) for n, check in enumerate(make_report().checks)
            )
        }
    )
    assert lines_after(printed(report, durations=2), "slowest 2 durations") == [
        "42.06s measurement",
        "0.50s check check-2",
    ]
    assert lines_after(printed(report, durations=0), "durations") == [
        "42.06s measurement",
        "0.50s check check-2",
        "0.25s check check-1",
        "(1 below 0.005s hidden; -vv shows them)",
    ]
    assert lines_after(printed(report, 2, durations=0), "durations")[-1] == "0.00s check check-0"


def test_durations_are_those_of_the_run_that_wrote_the_report() -> None:
    """Measuring took 42 seconds, but the measurement came from the cache."""
    report = make_report().model_copy(update={"durations": {"measurement": 0.1, "verdict, tree and map": 1.5}})
    assert lines_after(printed(report, durations=2), "slowest 2 durations") == [
        "1.50s verdict, tree and map",
        "0.10s measurement",
    ]
    assert printed(report).splitlines()[-1].endswith(" in 1.6s ==")


def test_a_warning_that_did_not_pass_is_called_one() -> None:
    checks = [Check(id=one.value, severity="warning", outcome=one, message="m") for one in Outcome]
    text = printed(make_report().model_copy(update={"checks": tuple(checks)}))
    assert re.findall(r"^(\w+) [A-Z]+ \(warning\)$", text, re.MULTILINE) == ["failed", "inconclusive", "error"]


def test_quiet_is_the_verdict_and_what_failed() -> None:
    lines = printed(make_report(), -1).splitlines()
    assert len(lines) == 11
    assert "== failures ==" not in lines
    assert f"The weights of {SUBJECT} descend from {BASE}, or both descend from one ancestor." in lines
    assert "check-0 PASSED" not in lines


def test_very_quiet_is_the_verdict_alone() -> None:
    lines = printed(make_report(), -2).splitlines()[3:]
    assert lines[0].startswith(f"The weights of {SUBJECT}") and len(lines) == 4


def test_verbose_adds_messages_and_the_other_view() -> None:
    text = printed(make_report(), 1)
    assert "check-0 PASSED  coverage is 98.3 %" in text
    assert "ABLE paper" in text and "exact p-value" in text
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


@pytest.mark.parametrize("verbosity", [-2, -1, 0, 1])
def test_an_open_verdict_says_why_directly_below_it(verbosity: int) -> None:
    report = make_report(Relation.INCONCLUSIVE, probability=None)
    lines = printed(report, verbosity).splitlines()
    at = lines.index("No relation is claimed, and none is ruled out.")
    assert lines[at + 1] == f"- {report.verdict.reasons[0]}"
    decided = printed(make_report(), verbosity)
    assert (f"- {report.verdict.reasons[0]}" in decided) == (verbosity >= 0)
