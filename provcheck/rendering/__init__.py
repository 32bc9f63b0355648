"""One record, many renderings: every output format is a `Renderer` of the same `Report`.

`FORMATS` names them; a new one is a file with a renderer and a line in that table. `outputs` puts them into a folder,
`terminal` prints for people. A renderer decides nothing: relations, outcomes and the exit code are read from the
report, so that all formats agree. Nor does it know a signal: it loops over `provcheck.signals` and shows what each
says about itself.

sentences, columns, facts, figures  what several formats say: sentences, the signals' numbers, how it was measured
front_page, declared                what the first page says; what is said of the model, against the evidence
study_page, study_files             a study as a page, as files, and several as one table
pictures, interactive_map           charts, tree and map as SVG, PNG and PDF; the map as a page to look around in
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from itertools import chain
from typing import TYPE_CHECKING, Protocol

from provcheck.io.spelling import did_you_mean

if TYPE_CHECKING:
    from provcheck.types import Report

__all__ = ["ALL", "FORMATS", "FORMAT_NAMES", "Format", "Renderer", "find_format", "find_formats"]


class Renderer(Protocol):
    """Turns a report into the text of one file."""

    def render(self, report: Report) -> str | None:
        """The whole text; None where the report holds nothing for this format, and no file is written."""


@dataclass(frozen=True)
class Format:
    """A file format of reports; `renderer` is `module:Class`, imported when it is needed."""

    file_name: str
    renderer: str

    def load(self) -> Renderer:
        """The renderer."""
        module, _, kind = self.renderer.partition(":")
        renderer: Renderer = getattr(import_module(module), kind)()
        return renderer


FORMATS = {
    "json": Format("report.json", "provcheck.rendering.json_report:JsonReport"),
    "html": Format("report.html", "provcheck.rendering.html_report:HtmlReport"),
    "junit": Format("junit.xml", "provcheck.rendering.junit:JUnitReport"),
    "sarif": Format("report.sarif", "provcheck.rendering.sarif:SarifReport"),
    "markdown": Format("summary.md", "provcheck.rendering.markdown:MarkdownReport"),
    "cyclonedx": Format("bom.cdx.json", "provcheck.rendering.cyclonedx:CycloneDxReport"),
    "newick": Format("tree.nwk", "provcheck.rendering.newick_tree:NewickTree"),
}

ALL = "all"
"""Stands for every format."""

FORMAT_NAMES = ", ".join(FORMATS)


def find_formats(names: Iterable[str]) -> list[Format]:
    """The formats of these names, each once; `all` stands for every one. Raises UsageError."""
    asked = dict.fromkeys(chain.from_iterable(FORMATS if name == ALL else (name,) for name in names))
    return [find_format(name) for name in asked]


def find_format(name: str) -> Format:
    """The format of that name. Raises UsageError."""
    if name not in FORMATS:
        from provcheck.errors import UsageError  # late, to keep `provcheck --help` fast

        near = did_you_mean(name, (*FORMATS, ALL)) or "."
        raise UsageError(f"There is no report format {name!r}{near}", f"Formats: {FORMAT_NAMES}, {ALL}.")
    return FORMATS[name]
