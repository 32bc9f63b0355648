"""Lines of the terminal: never wrapped, never read as markup."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import TextIO

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from provcheck.types import Check, Outcome

STYLES = {
    Outcome.PASSED: "green",
    Outcome.FAILED: "red",
    Outcome.ERROR: "red",
    Outcome.INCONCLUSIVE: "yellow",
    Outcome.SKIPPED: "yellow",
}
UNFOLDED = 24
"""Width up to which a name in a table stays on one line."""

NOT_PASSED = (Outcome.FAILED, Outcome.ERROR, Outcome.INCONCLUSIVE)


def make_console(file: TextIO | None = None) -> Console:
    """A console that can print any name, without color codes outside a terminal or under NO_COLOR."""
    file = file or sys.stdout
    if hasattr(file, "reconfigure"):
        file.reconfigure(errors="backslashreplace")
    plain_output = bool(os.environ.get("NO_COLOR"))
    return Console(file=file, color_system=None if plain_output else "auto", highlight=False, emoji=False, markup=False)


def print_line(console: Console, text: Text | str) -> None:
    """One line, never wrapped, never read as markup."""
    console.print(text if isinstance(text, Text) else Text(text), soft_wrap=True)


def print_rule(console: Console, title: str, style: str = "bold", sign: str = "=") -> None:
    """`== title ==`, padded to the terminal's width; in a file without padding."""
    filling = sign * max(2, (console.width - len(title) - 2) // 2 if console.is_terminal else 2)
    print_line(console, Text(f"{filling} {title} {filling}", style))


def print_table(console: Console, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows in columns without lines; what does not fit is folded, the names in the first column last."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_edge=False, header_style="bold")
    longest = max((cell_len(row[0]) for row in rows), default=0)
    for place, heading in enumerate(headings):
        table.add_column(heading, overflow="fold", min_width=None if place else min(longest, UNFOLDED))
    for row in rows:
        table.add_row(*map(Text, row))
    console.print(table)


def outcome_text(check: Check) -> tuple[str, str]:
    """The outcome in capitals, and its style; a warning that did not pass is called one."""
    warning = " (warning)" if check.severity == "warning" and check.outcome in NOT_PASSED else ""
    return check.outcome.value.upper() + warning, STYLES[check.outcome]
