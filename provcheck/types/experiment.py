"""What an experiment on a bank found, beside what a paper reports."""

from __future__ import annotations

from pydantic import Field, model_validator

from provcheck.types.base import Count, Number, Record
from provcheck.types.report import BankFacts, Tool
from provcheck.types.verdict import MapPoint

STUDY_SCHEMA_VERSION = 1
"""1: first version."""

Row = tuple[str, ...]
Numbers = tuple[Number, ...]


class Finding(Record):
    """One number: its unit, its 95 % interval, and over how many things (`of`) it was taken."""

    name: str
    value: Number | None = Field(description="None where it could not be measured; `note` says why")
    unit: str = ""
    ci95: tuple[Number, Number] | None = None
    n: Count
    of: str = Field(description="what was counted, such as models or pairs")
    note: str = ""


class Published(Record):
    """What a paper reports, in words and as a number, and where it does."""

    text: str
    value: Number | None
    source: str


class Beside(Record):
    """A paper's figure and what was found here, one line each; `why` they differ, with the evidence, where they do."""

    experiment: str
    published: Published | None = Field(description="None where no paper has such a figure")
    here: str
    why: str = ""

    @property
    def sentence(self) -> str:
        """`paper: ..., here: ...`."""
        return f"paper: {self.published.text if self.published else 'no figure'}; here: {self.here}"


class Grid(Record):
    """A table of texts; `numbers` are the columns that are right-aligned."""

    caption: str
    headings: Row
    rows: tuple[Row, ...]
    numbers: tuple[int, ...] = ()


class Series(Record):
    """Points (x, y) with the ends of their intervals, where they have any; `line` joins them."""

    label: str
    x: Numbers
    y: Numbers
    low: Numbers = ()
    high: Numbers = ()
    line: bool = False

    @model_validator(mode="after")
    def _check(self) -> Series:
        if len(self.x) != len(self.y) or any(len(ends) not in (0, len(self.y)) for ends in (self.low, self.high)):
            raise ValueError("x, y and their intervals differ in length")
        return self


class Plot(Record):
    """Series on two axes. With `names`, x counts places from 0, and each place has a name."""

    x_label: str
    y_label: str
    series: tuple[Series, ...]
    names: Row = ()
    x_log: bool = False
    y_log: bool = False


class StudyFigure(Record):
    """A picture: a plot, a tree in Newick format, or models on a map; `reading` says how to read it."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]*$", description="unique in the study; part of the file's name")
    heading: str
    reading: str
    plot: Plot | None = None
    newick: str | None = None
    points: tuple[MapPoint, ...] = ()


class Study(Record):
    """An experiment: what was asked, found, published, and what it does not tell."""

    schema_version: int = STUDY_SCHEMA_VERSION
    name: str
    title: str
    question: str
    section: str = Field(description="where the papers describe it")
    beside: tuple[Beside, ...]
    findings: tuple[Finding, ...]
    tables: tuple[Grid, ...] = ()
    figures: tuple[StudyFigure, ...] = ()
    limits: tuple[str, ...] = ()
    bank: BankFacts | None = Field(default=None, description="filled in when the study was run")
    tool: Tool | None = Field(default=None, description="filled in when the study was run")
