"""A study in the terminal: its numbers, and each figure of the papers beside ours."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text

from provcheck.rendering.console import print_line, print_rule, print_table
from provcheck.rendering.study_page import findings_table
from provcheck.types import Study


def print_study(study: Study, console: Console, files: Iterable[str] = ()) -> None:
    """The table of all numbers, the lines of comparison with their reasons, the limits and the files."""
    print_rule(console, f"{study.name}: {study.title}")
    print_line(console, study.question)
    console.print()
    table = findings_table(study)
    print_table(console, table.headings[:4], [row[:4] for row in table.rows])
    console.print()
    for one in study.beside:
        print_line(console, Text.assemble((f"{one.experiment}: ", "bold"), one.sentence))
        if one.why:
            print_line(console, f"  {one.why}")
    for limit in study.limits:
        print_line(console, f"- {limit}")
    if written := ", ".join(files):
        print_line(console, f"files: {written}")
