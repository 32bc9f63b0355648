"""The pictures of the page: each with what it shows in words, how to read it, and its numbers as tables.

Tree and map come first; then each signal's own section, whose charts are drawn here by their kind.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from markupsafe import Markup, escape

from provcheck import wording
from provcheck.io.text import short_name
from provcheck.rendering.pictures import draw
from provcheck.rendering.pictures.map_picture import map_svg
from provcheck.rendering.pictures.tree_picture import Branch, read_branches, tree_svg
from provcheck.rendering.sentences import at_hand
from provcheck.signals import Signal, all_signals
from provcheck.signals.describing import Figure, Marked, Table
from provcheck.types import Comparison, Lineage, NotMeasured, Report


@dataclass(frozen=True)
class DrawnFigure:
    """One picture as the page shows it. Where there is none, `finding` says why."""

    id: str
    heading: str
    finding: str
    picture: Markup | None = None
    narrow: Markup | None = None
    """The picture for a phone and for half of a sheet of paper, where `picture` is too wide for them."""

    reading: str = ""
    tables: Sequence[Table] = ()
    annex: Sequence[Table] = ()
    """Longer tables, for the end of the page."""
    source: str | None = None
    """The picture's data for other programs, such as Newick."""


def figures_of(report: Report, nearest: Comparison | None) -> list[DrawnFigure]:
    """Tree, map, and the sections of the signals; `nearest` is the comparison that they speak about."""
    own = [figure for signal in all_signals().values() for figure in _section(signal, report, nearest)]
    return [_tree(report), _map(report), *own]


def marked(sentence: Marked) -> Markup:
    """A sentence with its names isolated, so that right-to-left names cannot reorder it."""
    isolated = {key: Markup("<bdi>{}</bdi>").format(short_name(name)) for key, name in sentence.names.items()}
    return escape(sentence.template).format(**isolated)


def _section(signal: Signal, report: Report, nearest: Comparison | None) -> list[DrawnFigure]:
    """What a signal shows; one sentence where it was not measured, nothing where the report does not know it."""
    measured = report.measurement.signals.get(signal.name)
    if measured is None:
        return []
    if isinstance(measured, NotMeasured):
        sentence = f"{signal.title} was not measured: {measured.not_measured.removesuffix('.')}."
        return [DrawnFigure(f"signal-{signal.name}", signal.title, sentence)]
    return [drawn(figure) for figure in signal.figures(report, nearest)]


def drawn(figure: Figure) -> DrawnFigure:
    """The figure with its chart as a picture."""
    chart, finding = figure.chart, marked(figure.finding)
    picture = _picture(lambda: draw(figure.id, chart)) if chart else None
    return DrawnFigure(figure.id, figure.heading, finding, picture, None, figure.reading, figure.tables, figure.annex)


def _tree(report: Report) -> DrawnFigure:
    lineage = report.lineage
    id, heading, newick = "lineage", "Family tree", lineage.newick
    if newick is None:
        return DrawnFigure(id, heading, wording.as_sentence(lineage.reason, "No tree was made."))
    picture, narrow = (_picture(partial(tree_svg, newick, lineage.subject, narrow=one)) for one in (False, True))
    if picture is None:
        return DrawnFigure(id, heading, "The tree of this report cannot be drawn.", source=newick)
    branches = read_branches(newick, lineage.subject)
    reading = (
        "Models that are alike stand on neighbouring branches; the lines from left to right are as long as the models "
        "are apart. The tree is made from measured distances alone, and has no known root: what is left is not older."
    )
    finding = _nearest_on_tree(lineage) + escape(_support(branches, lineage.resamples)) + _beside(report)
    return DrawnFigure(id, heading, finding, picture, narrow, reading, annex=[_branches(branches)], source=newick)


def _nearest_on_tree(lineage: Lineage) -> Markup:
    if lineage.nearest_on_tree is None:
        return Markup()
    share = lineage.nearest_support
    how_often = "" if share is None else f"; so it is on {wording.probability(share)} of the resampled trees"
    return marked(Marked(f"Nearest on the tree: {{nearest}}{how_often}. ", {"nearest": lineage.nearest_on_tree}))


def _beside(report: Report) -> Markup:
    """Which of the models in a picture are not of the bank."""
    names = {f"reference{n}": one.reference for n, one in enumerate(at_hand(report))}
    each = "".join(f" {{{key}}} was {wording.MEASURED_FOR_AUDIT}." for key in names)
    return marked(Marked(each, names))


def _support(branches: tuple[Branch, ...], resamples: int) -> str:
    if not any(branch.support is not None for branch in branches):
        return "This tree states no support for its branches."
    trees = f"{resamples:,} trees" if resamples else "trees"
    return f"The small numbers say how many percent of {trees} from resampled probes have the same branch."


def _branches(branches: tuple[Branch, ...]) -> Table:
    rows = [
        (
            short_name(branch.members[0]),
            short_name(branch.members[-1]),
            str(len(branch.members)),
            wording.number(branch.length),
            "" if branch.support is None else f"{branch.support:.0f} %",
        )
        for branch in branches[:-1]
    ]
    caption = "Branches of the tree, by the models that they lead to, as drawn from top to bottom"
    return Table(caption, ("First model", "Last model", "Models", "Length", "Support"), rows, frozenset({2, 3, 4}))


def _map(report: Report) -> DrawnFigure:
    id, heading, points = "map", "Map of the bank", report.map.points
    if not points:
        return DrawnFigure(id, heading, wording.as_sentence(report.map.reason, "No map was made."))
    beside = dict.fromkeys((one.reference for one in at_hand(report)), wording.MEASURED_FOR_AUDIT)
    rows = [
        (
            short_name(one.id),
            "this model" if one.subject else beside.get(one.id, one.family or ""),
            f"{one.x:.3f}",
            f"{one.y:.3f}",
        )
        for one in points
    ]
    table = Table("Places on the map, without a unit", ("Model", "Family", "Across", "Up"), rows, frozenset({2, 3}))
    reading = (
        "Models near each other are alike. Far apart says little: the map keeps neighbourhoods, not distances (t-SNE "
        "of the distances that the tree is made from). Families with several models have a colour and a shape."
    )
    shown = wording.plural(len(points) - 1, "reference")
    finding = escape(f"The model, a star, among {shown}{'' if beside else ' of the bank'}.") + _beside(report)
    picture, narrow = (_picture(partial(map_svg, points, narrow=one)) for one in (False, True))
    return DrawnFigure(id, heading, finding, picture, narrow, reading, annex=[table])


def _picture(draw_it: Callable[[], str]) -> Markup | None:
    """A picture, which holds names as text only; None if an untrusted report's numbers cannot be drawn."""
    try:
        return Markup(draw_it())  # noqa: S704 - every name went through an XML writer
    except ValueError:
        return None
