"""What a signal shows to readers, as plain data: renderings decide how it looks, and draw it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from provcheck import wording
from provcheck.io.text import short_name
from provcheck.types import Interval, NotMeasured, NullDistribution, SignalValues

Row = tuple[str, ...]


@dataclass(frozen=True)
class Cell:
    """A number in words, a remark below it, and a bar: low, value and high in percent of the way from 0 to 1."""

    text: str
    note: str = ""
    bar: tuple[float, float, float] | None = None


@dataclass(frozen=True)
class Column:
    """A column in tables of references. `brief`: shown where there is little room; `page`: shown on a page."""

    heading: str
    unit: str
    cell: Callable[[SignalValues], Cell]
    brief: bool = True
    page: bool = True

    def of(self, values: SignalValues | NotMeasured | None) -> Cell:
        """The cell of one comparison; for a signal that was not measured, the reason."""
        if isinstance(values, SignalValues):
            return self.cell(values)
        return Cell(wording.NOT_MEASURED, values.not_measured if values else "")


@dataclass(frozen=True)
class Marked:
    """A sentence with untrusted names, which a page sets apart: `{reference}` in the template."""

    template: str
    names: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.template.format(**{key: short_name(name) for key, name in self.names.items()})


@dataclass(frozen=True)
class Table:
    """Numbers of a picture; the first column names the row, columns in `numbers` are right-aligned."""

    caption: str
    headings: Row
    rows: Sequence[Row]
    numbers: frozenset[int] = frozenset()


def bins_of(null: NullDistribution, what: str) -> Table:
    """The independent pairs by `what`, a line for each bin that is not empty."""
    bins = zip(null.edges[:-1], null.edges[1:], null.counts, strict=False)  # an untrusted report's may not fit
    rows = [(f"{wording.number(low)} to {wording.number(high)}", f"{count:,}") for low, high, count in bins if count]
    return Table(f"Pairs of independent models by {what}", (what.capitalize(), "Pairs"), rows, frozenset({1}))


@dataclass(frozen=True)
class Dot:
    """One row of a dot chart: a label on the left, a value on the axis with its interval, the number on the right.

    A `value` of None leaves the axis empty. `own` marks the measured value, as opposed to those it is compared with;
    `guide` draws a line through all rows at the value; `hollow` marks a value that does not apply to these models.
    """

    label: str
    number: str
    value: float | None
    interval: tuple[float, float] | None = None
    own: bool = False
    guide: bool = False
    hollow: bool = False


@dataclass(frozen=True)
class Ruler:
    """An axis from `low` to `high`; `ticks` maps numbers to their labels."""

    low: float
    high: float
    ticks: Mapping[float, str]
    label: str
    logarithmic: bool = False

    def clip(self, value: float) -> float:
        """The nearest value on the axis."""
        return min(self.high, max(self.low, value))


@dataclass(frozen=True)
class DotChart:
    """Rows of values with their intervals on one axis."""

    title: str
    description: str
    rows: Sequence[Dot]
    ruler: Ruler


@dataclass(frozen=True)
class Histogram:
    """Counts of pairs of models by a number, a dashed line at `limit`, the subject's own number with its interval."""

    title: str
    description: str
    edges: Sequence[float]
    counts: Sequence[int]
    limit: float
    limit_label: str
    own: Interval | None
    ruler: Ruler
    own_label: str = ""
    """The subject's number in words; by default that of `own`."""


@dataclass(frozen=True)
class HeatMap:
    """Numbers from 0 to 1 by row and column as shades, with those of `framed` (row, column) set apart.

    `rows` and `columns` are the labels beside and above; `numbers` are the `values` in words, written into their cells.
    """

    title: str
    description: str
    rows: Row
    columns: Row
    values: Sequence[Sequence[float]]
    numbers: Sequence[Row]
    framed: frozenset[tuple[int, int]]
    row_title: str
    column_title: str
    scale_title: str


Chart = DotChart | Histogram | HeatMap


@dataclass(frozen=True)
class Figure:
    """One picture of a page with what it shows in words. Where there is none, `finding` says why.

    `tables` follow the picture; `annex` are longer tables, for the end of the page.
    """

    id: str
    heading: str
    finding: Marked
    chart: Chart | None = None
    reading: str = ""
    tables: Sequence[Table] = ()
    annex: Sequence[Table] = ()


def bar_of(distance: Interval, longest: float = 1.0) -> tuple[float, float, float]:
    """The bar of a distance from 0 to `longest`, in percent."""
    low, middle, high = (100 * min(1.0, max(0.0, at / longest)) for at in (distance.low, distance.value, distance.high))
    return low, middle, high
