"""What became of the checks, in the manner of pytest: failures, durations, short summary, last line."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from provcheck import wording
from provcheck.errors import UsageError
from provcheck.io.text import short_name
from provcheck.rendering.columns import Columns, cells_of, columns_of, in_text
from provcheck.rendering.console import outcome_text, print_line, print_rule, print_table
from provcheck.rendering.sentences import counts, relation_probability, stages
from provcheck.types import Check, Comparison, ExitCode, Outcome, Report

SUMMARY_CHARS = {
    "f": Outcome.FAILED,
    "E": Outcome.ERROR,
    "s": Outcome.SKIPPED,
    "i": Outcome.INCONCLUSIVE,
    "p": Outcome.PASSED,
}
DEFAULT_SUMMARY = "fEi"
SHORTHANDS = {"a": "fEsi", "A": "fEsip"}

SECTIONS = {"failures": (Outcome.FAILED, Outcome.ERROR), "not settled": (Outcome.INCONCLUSIVE,)}
NUMBERS = 5
"""References of a failed check whose numbers are shown."""

SHORT_SECONDS = 0.005


def summary_outcomes(chars: str) -> tuple[Outcome, ...]:
    """The outcomes that `-r` asks for, in its order; `N` resets what came before it. Raises UsageError."""
    chars = "".join(SHORTHANDS.get(char, char) for char in chars.rpartition("N")[2])
    unknown = [char for char in chars if char not in SUMMARY_CHARS]
    if unknown:
        raise UsageError(
            f"-r: unknown character {unknown[0]!r}",
            "f failed, E error, s skipped, i inconclusive, p passed, a all but passed, A all, N none",
        )
    return tuple(dict.fromkeys(SUMMARY_CHARS[char] for char in chars))


def print_failures(console: Console, report: Report) -> None:
    """Each check that did not pass: what it asks for, what was found, and the numbers that decided."""
    for title, outcomes in SECTIONS.items():
        checks = [check for check in report.checks if check.outcome in outcomes]
        if checks:
            console.print()
            print_rule(console, title)
        for check in checks:
            print_rule(console, check.id, "", "-")
            if check.description:
                print_line(console, check.description)
            print_line(console, Text.assemble(outcome_text(check), f": {check.message}"))
            _print_numbers(console, check, report)


def print_durations(console: Console, report: Report, count: int, *, every: bool) -> None:
    """The slowest `count` parts, all for 0; those that took next to no time only where `every` asks for them."""
    parts = [*stages(report).items(), *((f"check {c.id}", c.seconds) for c in report.checks)]
    slowest = sorted(parts, key=lambda part: -part[1])[: count or None]
    shown = [part for part in slowest if every or part[1] >= SHORT_SECONDS]
    console.print()
    print_rule(console, f"slowest {count} durations" if count else "durations")
    for name, seconds in shown:
        print_line(console, f"{seconds:.2f}s {name}")
    if hidden := len(slowest) - len(shown):
        print_line(console, f"({hidden} below {SHORT_SECONDS}s hidden; -vv shows them)")


def print_summary(console: Console, report: Report, outcomes: Sequence[Outcome]) -> None:
    """One line for each check with one of the outcomes."""
    chosen = [check for outcome in outcomes for check in report.checks if check.outcome is outcome]
    if chosen:
        console.print()
        print_rule(console, "short check summary")
    for check in chosen:
        print_line(console, Text.assemble(outcome_text(check), f" {check.id} - {check.message}"))


def print_notices(console: Console, report: Report) -> None:
    """What the counts do not say: checks that were allowed to pass, and checks that -x left out."""
    open_checks = [c.id for c in report.checks if c.outcome is Outcome.INCONCLUSIVE and c.severity == "error"]
    if open_checks and report.policy.on_inconclusive == "warn":
        text = f"warning: not settled, and not counted as failed (on_inconclusive: warn): {', '.join(open_checks)}"
        print_line(console, Text(text, "yellow"))
    if report.policy.not_run:
        checks = wording.plural(len(report.policy.not_run), "check")
        print_rule(console, f"stopping after the first failure, {checks} not run", "red", "!")


def print_last_line(console: Console, report: Report, seconds: float) -> None:
    """`== 5 passed, 1 failed, 2 deselected in 42.1s ==`."""
    deselected = len(report.policy.deselected)
    text = counts(report.summary) + (f", {deselected} deselected" if deselected else "")
    print_rule(console, f"{text} in {seconds:.1f}s", f"bold {_overall_style(report)}")


def _print_numbers(console: Console, check: Check, report: Report) -> None:
    """For the references that decided: relation, its probability, and what the signals say."""
    by_name = {one.reference: one for one in report.comparisons}
    rows = [by_name[name] for name in check.references[:NUMBERS] if name in by_name]
    if rows:
        columns = columns_of(report, brief=True, page=True)
        headings = ("reference", "relation", "probability", *(column.heading for _, column in columns))
        print_table(
            console,
            headings,
            [
                (short_name(one.reference), one.relation.value, relation_probability(one), *_numbers(one, columns))
                for one in rows
            ],
        )
    if more := len(check.references) - len(rows):
        print_line(console, f"and {more:,} more")


def _numbers(one: Comparison, columns: Columns) -> list[str]:
    return [in_text(cell) for cell in cells_of(one, columns)]


def _overall_style(report: Report) -> str:
    if report.exit_code not in (ExitCode.OK, ExitCode.NO_CHECKS):
        return "red"
    return "green" if report.summary.passed == len(report.checks) > 0 else "yellow"
