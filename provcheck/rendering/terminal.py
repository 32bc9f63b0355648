"""The report in the terminal, in the manner of pytest."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from provcheck import wording
from provcheck.io.text import plain, short_name
from provcheck.rendering.columns import cells_of, columns_of, listed, nearest
from provcheck.rendering.console import make_console, outcome_text, print_line, print_rule, print_table
from provcheck.rendering.disguise_words import print_signs
from provcheck.rendering.facts import served_facts
from provcheck.rendering.outcomes import (
    DEFAULT_SUMMARY,
    print_durations,
    print_failures,
    print_last_line,
    print_notices,
    print_summary,
    summary_outcomes,
)
from provcheck.rendering.sentences import at_hand, certainty, origin, plain_report, seconds, sentence
from provcheck.types import Outcome, Relation, Report, Subject, Tool

__all__ = ["Show", "make_console", "print_header", "print_references", "print_report"]

NEAREST, NEAREST_VERBOSE = 5, 20
"""References that are listed."""


@dataclass(frozen=True)
class Show:
    """Which parts of a report are printed.

    verbosity: 0; -1 only verdict and summary, -2 no summary either; 1 adds messages, 2 also the shortest durations.
    summary: outcomes of the short summary. durations: how many, 0 for all. files: where the report was written.
    seconds: how long the audit took; by default the time of measuring and checking.
    """

    verbosity: int = 0
    summary: tuple[Outcome, ...] = summary_outcomes(DEFAULT_SUMMARY)
    durations: int | None = None
    files: tuple[str, ...] = ()
    seconds: float | None = None


def print_header(console: Console, tool: Tool, bank: str, references: int, subject: Subject, runs_on: str) -> None:
    """What is about to be measured; `runs_on` is device and dtype, e.g. `cpu float32`."""
    bank_text = f"bank {bank} ({wording.plural(references, 'reference')})"
    print_rule(console, "provcheck audit starts")
    print_line(console, plain(f"{tool.name} {tool.version} -- {bank_text} -- {runs_on}"))
    print_line(console, f"subject: {_subject(subject)}")


def print_references(console: Console, names: Sequence[str]) -> None:
    """The references at hand, if there are any."""
    if names:
        print_line(console, f"beside the bank: {plain(', '.join(map(short_name, names)))}")


def print_report(report: Report, console: Console, show: Show | None = None) -> None:
    """Checks, verdict, nearest references, failures, durations, short summary and the last line."""
    report, show = plain_report(report), show or Show()
    if show.verbosity >= 0:
        _print_checks(console, report, show.verbosity)
    _print_verdict(console, report, show.verbosity)
    if show.verbosity >= 0:
        _print_served(console, report)
        print_signs(console, report.signs, show.verbosity)
        _print_nearest(console, report, show.verbosity)
        print_failures(console, report)
    if show.durations is not None:
        print_durations(console, report, show.durations, every=show.verbosity > 1)
    if show.verbosity >= -1:
        print_summary(console, report, show.summary)
    print_notices(console, report)
    if show.files:
        print_line(console, f"report: {', '.join(show.files)}")
    print_last_line(console, report, seconds(report) if show.seconds is None else show.seconds)


def _print_checks(console: Console, report: Report, verbosity: int) -> None:
    console.print()
    for check in report.checks:
        message = f"  {check.message}" if verbosity > 0 else ""
        print_line(console, Text.assemble(f"{check.id} ", outcome_text(check), message))


def _print_verdict(console: Console, report: Report, verbosity: int) -> None:
    if verbosity >= 0:
        console.print()
        print_rule(console, f"verdict: {report.verdict.relation.value}")
    print_line(console, Text(sentence(report), "bold"))
    print_line(console, certainty(report))
    reasons = report.verdict.reasons
    open_ = report.verdict.relation is Relation.INCONCLUSIVE
    for reason in reasons if verbosity >= 0 else reasons[:open_]:
        print_line(console, f"- {reason}")


def _print_served(console: Console, report: Report) -> None:
    if told := served_facts(report.measurement.served):
        print_line(console, "; ".join(f"{term.lower()}: {value}" for term, value in told))
    for one in report.served:
        console.print()
        print_rule(console, f"endpoint against {short_name(one.reference)}: {one.finding}")
        print_line(console, one.sentence)


def _print_nearest(console: Console, report: Report, verbosity: int) -> None:
    """Brief columns fit into 80 characters; -v shows all columns, in several tables where they do not fit."""
    rows = nearest(report)[: listed(report, NEAREST_VERBOSE if verbosity else NEAREST)]
    if not rows:
        return
    columns = columns_of(report, brief=not verbosity)
    headings = ("nearest reference", "relation", *(column.heading for _, column in columns))
    console.print()
    print_table(
        console,
        headings,
        [
            (short_name(row.reference), row.relation.value, *(cell.text for cell in cells_of(row, columns)))
            for row in rows
        ],
    )
    if report.bank.shortlist:
        print_line(console, wording.shortlisted(report.bank.shortlist))
    for one in at_hand(report):
        print_line(console, f"{short_name(one.reference)}: {origin(one)}")


def _subject(subject: Subject) -> str:
    size = f"{subject.parameters:,} parameters" if subject.parameters else ""
    revision = f"revision {subject.revision}" if subject.revision else ""
    return ", ".join(plain(part) for part in (short_name(subject.id), subject.model_type, size, revision) if part)
