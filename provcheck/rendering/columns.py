"""What the signals say about each reference: the same columns in every table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from provcheck.signals import TABLE, find_signal, nearest_first
from provcheck.signals.describing import Cell, Column
from provcheck.types import Comparison, Report

Columns = Sequence[tuple[str, Column]]
"""Columns with the name of their signal."""


def nearest(report: Report) -> list[Comparison]:
    """All comparisons by nearness, the verdict's own first, then those that were named beforehand."""
    chosen = report.verdict.reference
    return sorted(nearest_first(report.comparisons, chosen), key=lambda one: (one.reference != chosen, one.named == 0))


def listed(report: Report, count: int) -> int:
    """How many of `nearest` a table of that length shows: all that were named are among them."""
    return max([count, *(1 + one.named for one in report.comparisons)])


def columns_of(report: Report, *, brief: bool = False, page: bool = False) -> Columns:
    """The columns of all signals in the report, including those that could not be measured.

    `brief` leaves out what takes up room, `page` what a page shows in another way.
    """
    return columns_for([name for name in TABLE if name in report.measurement.signals], brief=brief, page=page)


def columns_for(signals: Iterable[str], *, brief: bool = False, page: bool = False) -> Columns:
    """The columns of these signals, for a table with little room, for a page, or for both."""
    each = [(name, column) for name in signals for column in find_signal(name).columns]
    return [(name, one) for name, one in each if (one.brief or not brief) and (one.page or not page)]


def cells_of(one: Comparison, columns: Columns) -> list[Cell]:
    """The cells of one comparison."""
    return [column.of(one.signals.get(name)) for name, column in columns]


def in_text(cell: Cell) -> str:
    """`0.209 (0.198 to 0.224)`: a distance with its interval; any other cell without its remark."""
    return f"{cell.text} ({cell.note})" if cell.bar and cell.note else cell.text


def numbers_of(one: Comparison) -> str:
    """`first distance 0.209, second 344 ± 51.7`: how near two models are, in short."""
    columns = columns_for(TABLE, brief=True, page=True)
    cells = zip(columns, cells_of(one, columns), strict=True)
    return ", ".join(f"{column.heading} {cell.text}" for (name, column), cell in cells if name in one.signals)


def title_of(name: str) -> str:
    """What readers call a signal; its name where this version does not know it."""
    return find_signal(name).title if name in TABLE else name
