"""Lines of the terminal: never wrapped, never read as markup."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
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
UNFOLDED = 18
"""Width up to which a cell of a table stays on one line, however little room there is."""

SHORT = 8
"""Width that a heading has at least, unless it is shorter."""

GAP = 2
"""Between columns."""

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
    """Rows in columns without lines. What does not fit is folded, or follows in a table below with the names again."""
    columns = [_Column(heading, tuple(row[at] for row in rows), not at) for at, heading in enumerate(headings)]
    for number, group in enumerate(_groups(columns, console.width)):
        if number:
            console.print()
        console.print(_table(group, console.width))


def outcome_text(check: Check) -> tuple[str, str]:
    """The outcome in capitals, and its style; a warning that did not pass is called one."""
    warning = " (warning)" if check.severity == "warning" and check.outcome in NOT_PASSED else ""
    return check.outcome.value.upper() + warning, STYLES[check.outcome]


@dataclass(frozen=True)
class _Column:
    """A column of a table; the first holds names."""

    heading: str
    cells: tuple[str, ...]
    first: bool

    @property
    def whole(self) -> int:
        """Width that folds nothing."""
        return max(map(cell_len, (self.heading, *self.cells)))

    @property
    def least(self) -> int:
        """Width below which it cannot be read well."""
        words = [len(word) for text in (self.heading, *self.cells) for word in text.split()]
        widest_word = 0 if self.first else max(words, default=0)
        widest_cell = max(map(cell_len, self.cells), default=0)
        return max(widest_word, min(widest_cell, UNFOLDED), min(cell_len(self.heading), SHORT))


def _groups(columns: Sequence[_Column], room: int) -> list[list[_Column]]:
    """As many columns in each table as fit; the first is in all."""
    groups = [[columns[0]]]
    for column in columns[1:]:
        if len(groups[-1]) > 1 and _least(groups[-1]) + GAP + column.least > room:
            groups.append([columns[0]])
        groups[-1].append(column)
    return groups


def _least(group: Sequence[_Column]) -> int:
    return sum(column.least for column in group) + GAP * (len(group) - 1)


def _table(group: Sequence[_Column], room: int) -> Table:
    """Room that is left goes to the names first."""
    table = Table(box=None, padding=(0, GAP, 0, 0), pad_edge=False, show_edge=False, header_style="bold")
    left = room - _least(group)
    for column in group:
        width = column.least + max(0, min(column.whole - column.least, left))
        left -= width - column.least
        table.add_column(column.heading, overflow="fold", width=width)
    for cells in zip(*(column.cells for column in group), strict=True):
        table.add_row(*map(Text, cells))
    return table
