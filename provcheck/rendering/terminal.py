"""The report in the terminal, in the manner of pytest."""

from __future__ import annotations

import os
import sys
from typing import TextIO

from rich.console import Console
from rich.table import Table
from rich.text import Text

from provcheck.rendering import wording
from provcheck.rendering.plain import plain, plain_report, short_name
from provcheck.types import BankFacts, Check, Comparison, ExitCode, Outcome, Report, Subject, Tool

STYLES = {
    Outcome.PASSED: "green",
    Outcome.FAILED: "red",
    Outcome.ERROR: "red",
    Outcome.INCONCLUSIVE: "yellow",
    Outcome.SKIPPED: "yellow",
}
COLUMNS = ("nearest reference", "relation", "ABLE contrast", "KL bits/byte", "KL band", "ABLE paper")
SHORT = 5
"""Columns that fit into 80 characters; -v shows all."""

TO_EXPLAIN = (Outcome.FAILED, Outcome.ERROR, Outcome.INCONCLUSIVE)
NEAREST, NEAREST_VERBOSE = 5, 20


def make_console(file: TextIO | None = None) -> Console:
    """A console without colour codes outside a terminal or under NO_COLOR, which can print any name."""
    file = file or sys.stdout
    if hasattr(file, "reconfigure"):
        file.reconfigure(errors="backslashreplace")
    plain_output = bool(os.environ.get("NO_COLOR"))
    return Console(file=file, color_system=None if plain_output else "auto", highlight=False, emoji=False, markup=False)


def print_header(console: Console, tool: Tool, bank: BankFacts | None, subject: Subject, runs_on: str) -> None:
    """What is about to be measured; `runs_on` is device and dtype, e.g. `cpu float32`."""
    bank_text = f"bank {bank.name} ({wording.plural(bank.references, 'reference')})" if bank else "no bank"
    _rule(console, "provcheck audit starts", "bold")
    _line(console, plain(f"{tool.name} {tool.version} -- {bank_text} -- {runs_on}"))
    _line(console, f"subject: {_subject(subject)}")


def print_report(report: Report, console: Console, verbosity: int = 0) -> None:
    """Checks, verdict, nearest references, failures and the last line; -1 is short, 1 adds the messages."""
    report = plain_report(report)
    if verbosity >= 0:
        _print_checks(console, report, verbosity)
    _print_verdict(console, report, verbosity)
    if verbosity >= 0:
        _print_nearest(console, report, verbosity)
    _print_failures(console, report)
    _print_last_line(console, report)


def _print_checks(console: Console, report: Report, verbosity: int) -> None:
    console.print()
    for check in report.checks:
        message = f"  {check.message}" if verbosity > 0 else ""
        _line(console, Text.assemble(f"{check.id} ", _outcome(check), message))


def _print_verdict(console: Console, report: Report, verbosity: int) -> None:
    if verbosity >= 0:
        console.print()
        _rule(console, f"verdict: {report.verdict.relation.value}", "bold")
    _line(console, Text(wording.sentence(report), "bold"))
    _line(console, wording.certainty(report))
    for reason in report.verdict.reasons if verbosity >= 0 else ():
        _line(console, f"- {reason}")


def _print_nearest(console: Console, report: Report, verbosity: int) -> None:
    rows = wording.nearest(report)[: NEAREST_VERBOSE if verbosity else NEAREST]
    if not rows:
        return
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, header_style="bold")
    for heading in COLUMNS[: None if verbosity else SHORT]:
        table.add_column(heading, overflow="fold")
    for row in rows:
        table.add_row(*_cells(row)[: len(table.columns)])
    console.print()
    console.print(table)


def _print_failures(console: Console, report: Report) -> None:
    failures = [check for check in report.checks if check.outcome in TO_EXPLAIN]
    if failures:
        console.print()
        _rule(console, "short check summary", "bold")
    for check in failures:
        _line(console, Text.assemble(_outcome(check), f" {check.id} - {check.message}"))


def _print_last_line(console: Console, report: Report) -> None:
    seconds = f"{wording.seconds(report):.1f}s"
    _rule(console, f"{wording.counts(report.summary)} in {seconds}", f"bold {_overall_style(report)}")


def _overall_style(report: Report) -> str:
    if report.exit_code not in (ExitCode.OK, ExitCode.NO_CHECKS):
        return "red"
    return "green" if report.summary.passed == len(report.checks) > 0 else "yellow"


def _cells(row: Comparison) -> tuple[Text, ...]:
    contrast, paper = wording.distance(row.able.contrast), wording.distance(row.able.paper)
    texts = (
        short_name(row.reference),
        row.relation.value,
        contrast,
        wording.kl(row.kl),
        row.kl.scale_band or "-",
        paper,
    )
    return tuple(Text(text) for text in texts)


def _outcome(check: Check) -> tuple[str, str]:
    warning = " (warning)" if check.severity == "warning" else ""
    return check.outcome.value.upper() + warning, STYLES[check.outcome]


def _subject(subject: Subject) -> str:
    size = f"{subject.parameters:,} parameters" if subject.parameters else ""
    revision = f"revision {subject.revision}" if subject.revision else ""
    return ", ".join(plain(part) for part in (short_name(subject.id), subject.model_type, size, revision) if part)


def _rule(console: Console, title: str, style: str) -> None:
    """`== title ==`, as wide as a terminal; in a file just that."""
    filling = "=" * max(2, (console.width - len(title) - 2) // 2 if console.is_terminal else 2)
    _line(console, Text(f"{filling} {title} {filling}", style))


def _line(console: Console, text: Text | str) -> None:
    """One line, never wrapped, never read as markup."""
    console.print(text if isinstance(text, Text) else Text(text), soft_wrap=True)
