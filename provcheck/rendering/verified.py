"""Checks of reports and inventories in the terminal: one line per check, in the manner of pytest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from provcheck.io.text import plain, short_name
from provcheck.rendering.console import STYLES, print_line
from provcheck.types import Check, Outcome, Report

ORDER = (Outcome.PASSED, Outcome.FAILED, Outcome.INCONCLUSIVE, Outcome.SKIPPED)


def print_start(console: Console, name: str, report: Report) -> None:
    """Which report is verified, and what it claims."""
    verdict = report.verdict
    of = f" ({plain(short_name(verdict.reference))})" if verdict.reference else ""
    print_line(console, Text("== provcheck report verify starts ==", "bold"))
    print_line(console, f"{plain(name)}: {plain(short_name(report.subject.id))} is {verdict.relation}{of}, it says")


def print_check(console: Console, check: Check) -> None:
    """`bank PASSED  the bank zoo-v1`."""
    outcome = (check.outcome.value.upper(), STYLES[check.outcome])
    print_line(console, Text.assemble(f"{check.id} ", outcome, f"  {plain(check.message)}"))


def print_conclusion(console: Console, checks: Sequence[Check], conclusion: str, seconds: float) -> None:
    """The last line: how many checks, and what that means."""
    print_counts(console, checks, seconds, f": {plain(conclusion)}")


def print_counts(console: Console, checks: Sequence[Check], seconds: float, meaning: str = "") -> None:
    """`== 2 passed, 1 failed in 0.1s ==`."""
    counts = Counter(check.outcome for check in checks)
    said = ", ".join(f"{counts[outcome]} {outcome.value}" for outcome in ORDER if counts[outcome])
    style = "red" if counts[Outcome.FAILED] else "green" if counts[Outcome.PASSED] == len(checks) else "yellow"
    print_line(console, Text(f"== {said} in {seconds:.1f}s{meaning} ==", f"bold {style}"))
