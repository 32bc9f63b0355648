"""One record, many renderings: every output format is a `Renderer` of the same `Report`.

`FORMATS` names them, `write_files` puts them into a folder, `terminal` prints for people. A renderer decides nothing:
relations, outcomes and the exit code are read from the report, so that all formats agree.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from provcheck.errors import UsageError
from provcheck.types import Report

__all__ = ["Renderer", "Format", "FORMATS", "find_format"]


class Renderer(Protocol):
    """Turns a report into the text of one file."""

    def render(self, report: Report) -> str:
        """The whole text."""


@dataclass(frozen=True)
class Format:
    """A file format of reports; `load` imports its renderer when it is needed."""

    file_name: str
    load: Callable[[], Renderer]


def _json() -> Renderer:
    from provcheck.rendering.json_report import JsonReport

    return JsonReport()


def _html() -> Renderer:
    from provcheck.rendering.html_report import HtmlReport

    return HtmlReport()


FORMATS = {"json": Format("report.json", _json), "html": Format("report.html", _html)}


def find_format(name: str) -> Format:
    """The format of that name."""
    if name not in FORMATS:
        raise UsageError(f"There is no report format {name!r}.", f"Formats: {', '.join(FORMATS)}.")
    return FORMATS[name]
