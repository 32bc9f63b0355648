"""A study as one HTML page, in the frame and style of an audit's report, and its pictures."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from provcheck import wording
from provcheck.rendering.html_report import render_page
from provcheck.rendering.pictures.map_picture import map_sheet
from provcheck.rendering.pictures.sheet import Sheet
from provcheck.rendering.pictures.tree_picture import tree_sheet
from provcheck.rendering.pictures.xy_plot import plot_sheet
from provcheck.types import Finding, Grid, Study, StudyFigure

HEADINGS = ("What", "Value", "95 % interval", "Taken over", "Remark")


@dataclass(frozen=True)
class ShownFigure:
    """One picture of the page; `narrow` is the one for a phone."""

    id: str
    heading: str
    finding: str
    reading: str
    picture: Markup
    narrow: Markup
    tables: tuple[Grid, ...] = ()
    annex: tuple[Grid, ...] = ()


@dataclass(frozen=True)
class StudyView:
    """The page, from top to bottom."""

    report: Study
    figures: list[ShownFigure]
    findings: Grid
    facts: list[tuple[str, str]]


def study_page(study: Study) -> str:
    """The whole page. Raises ValueError for numbers that cannot be drawn."""
    return render_page("study.html.j2", _view(study))


def picture_of(figure: StudyFigure, *, narrow: bool = False) -> Sheet:
    """The picture of a figure. Raises ValueError where it cannot be drawn."""
    name = f"{figure.id}-narrow" if narrow else figure.id
    if figure.plot:
        return plot_sheet(name, figure.plot, figure.heading, figure.reading, narrow=narrow)
    return tree_sheet(figure.newick, narrow=narrow) if figure.newick else map_sheet(figure.points, narrow=narrow)


def findings_table(study: Study) -> Grid:
    """All numbers of a study."""
    rows = tuple((one.name, *_cells(one), one.note) for one in study.findings)
    return Grid(caption="All numbers of this study", headings=HEADINGS, rows=rows, numbers=(1, 2, 3))


def _cells(finding: Finding) -> tuple[str, str, str]:
    if finding.value is None:
        return wording.NOT_MEASURED, "", wording.plural(finding.n, finding.of)
    value = f"{wording.number(finding.value)} {finding.unit}".strip()
    ends = "" if finding.ci95 is None else " to ".join(wording.number(end) for end in finding.ci95)
    return value, ends, wording.plural(finding.n, finding.of)


def _view(study: Study) -> StudyView:
    if study.bank is None or study.tool is None:
        raise ValueError("a study that was not run has no page")
    facts = [
        ("Question", study.question),
        ("Described in", study.section),
        ("Bank", f"{study.bank.name}, {wording.plural(study.bank.references, 'reference')}"),
        ("Digest of the bank", study.bank.digest),
        ("Tool", f"{study.tool.name} {study.tool.version}"),
    ]
    return StudyView(study, [_shown(one) for one in study.figures], findings_table(study), facts)


def _shown(figure: StudyFigure) -> ShownFigure:
    wide, narrow = (picture_of(figure, narrow=one).svg(standalone=False) for one in (False, True))
    pictures = Markup(wide), Markup(narrow)  # noqa: S704 - every name went through an XML writer
    return ShownFigure(figure.id, figure.heading, "", figure.reading, *pictures)
