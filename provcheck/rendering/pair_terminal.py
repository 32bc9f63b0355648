"""A head-to-head comparison in the terminal: numbers, verdict, what was changed."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from provcheck.io.text import short_name
from provcheck.rendering.console import print_line, print_rule
from provcheck.rendering.disguise_words import print_signs
from provcheck.rendering.pair_page import changed, merged, pair_sentence
from provcheck.rendering.sentences import pair_certainty, plain_pair
from provcheck.signals import pairs_of
from provcheck.types import Comparison, PairReport


def print_pair(report: PairReport, console: Console, files: Iterable[str] = ()) -> None:
    """For each other model the numbers; then the verdict with its reasons, and what was changed."""
    report = plain_pair(report)
    for one in report.opponents:
        print_line(console, f"{short_name(report.subject.id)} against {short_name(one.subject.id)}")
        for label, value in _lines(one.comparison):
            print_line(console, f"  {label:<22} {value}")
        console.print()
    print_rule(console, f"verdict: {report.verdict.relation.value}")
    print_line(console, Text(pair_sentence(report), "bold"))
    print_line(console, pair_certainty(report))
    _print_reasons(console, report.verdict.reasons)
    print_signs(console, report.signs)
    if mixture := merged(report.mixture):
        console.print()
        print_rule(console, "is it a merge?")
        print_line(console, Text(mixture.finding, "bold"))
        _print_reasons(console, mixture.reasons)
    for found in (changed(report.subject.id, one) for one in report.opponents):
        console.print()
        print_rule(console, f"what was changed, compared with {found.name}")
        print_line(console, Text(found.finding, "bold"))
        _print_reasons(console, found.reasons)
    if written := ", ".join(files):
        print_line(console, f"report: {written}")


def _print_reasons(console: Console, reasons: Iterable[str]) -> None:
    for reason in reasons:
        print_line(console, f"- {reason}")


def _lines(comparison: Comparison) -> list[tuple[str, str]]:
    """What is the same, and what each signal says, with its remark."""
    cells = [
        (column.heading, column.of(values))
        for signal, values in pairs_of(comparison.signals)
        for column in signal.columns
    ]
    lines = [(heading, f"{cell.text} ({cell.note})" if cell.note else cell.text) for heading, cell in cells]
    return [("weight files", "the same" if comparison.same_weights else "different"), *lines]
