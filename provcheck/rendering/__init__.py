"""One record, many renderings: every output format is a `Renderer` of the same `Report`.

`FORMATS` names them, `write_files` puts them into a folder, `terminal` prints for people. A renderer decides nothing:
relations, outcomes and the exit code are read from the report, so that all formats agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from provcheck.errors import UsageError
from provcheck.types import Report

__all__ = ["Renderer", "Format", "FORMATS", "ALL", "find_format", "find_formats"]


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


def _junit() -> Renderer:
    from provcheck.rendering.junit import JUnitReport

    return JUnitReport()


def _sarif() -> Renderer:
    from provcheck.rendering.sarif import SarifReport

    return SarifReport()


def _markdown() -> Renderer:
    from provcheck.rendering.markdown import MarkdownReport

    return MarkdownReport()


def _cyclonedx() -> Renderer:
    from provcheck.rendering.cyclonedx import CycloneDxReport

    return CycloneDxReport()


ALL = "all"
FORMATS = {
    "json": Format("report.json", _json),
    "html": Format("report.html", _html),
    "junit": Format("junit.xml", _junit),
    "sarif": Format("report.sarif", _sarif),
    "markdown": Format("summary.md", _markdown),
    "cyclonedx": Format("bom.cdx.json", _cyclonedx),
}


def find_formats(names: Iterable[str]) -> list[Format]:
    """The formats of these names, each once; `all` stands for every one. Raises UsageError."""
    asked = dict.fromkeys(chain.from_iterable(FORMATS if name == ALL else (name,) for name in names))
    return [find_format(name) for name in asked]


def find_format(name: str) -> Format:
    """The format of that name."""
    if name not in FORMATS:
        raise UsageError(f"There is no report format {name!r}.", f"Formats: {', '.join((*FORMATS, ALL))}.")
    return FORMATS[name]
