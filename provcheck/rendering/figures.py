"""The pictures of the page: each with what it shows in words, how to read it, and its numbers as tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from provcheck.rendering import wording
from provcheck.rendering.pictures.agreement import agreement_svg
from provcheck.rendering.pictures.map import map_svg
from provcheck.rendering.pictures.newick import Branch, read_branches
from provcheck.rendering.pictures.null import null_svg
from provcheck.rendering.pictures.scale import scale_svg
from provcheck.rendering.pictures.tree import tree_svg
from provcheck.rendering.plain import short_name
from provcheck.types import Comparison, Distance, Lineage, NullDistribution, Report

Row = tuple[str, ...]


@dataclass(frozen=True)
class Table:
    """Numbers of a picture; the first column names the row, columns in `numbers` are set flush right."""

    caption: str
    headings: Row
    rows: Sequence[Row]
    numbers: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Figure:
    """One picture. Where there is none, `finding` says why."""

    id: str
    heading: str
    finding: str
    picture: Markup | None = None
    reading: str = ""
    tables: list[Table] = field(default_factory=list)
    annex: list[Table] = field(default_factory=list)
    """Longer tables, for the end of the page."""
    source: str | None = None
    """The same for other programs."""


def figures_of(report: Report) -> list[Figure]:
    """Tree, map, KL scale and null distribution."""
    nearest = next(iter(wording.nearest(report)), None)
    return [_tree(report.lineage), _map(report), _scale(report, nearest), _null(report, nearest)]


def agreement_of(report: Report) -> Figure:
    """Distances by category of questions."""
    id, heading = "agreement", "Agreement by category of questions"
    nearest = next(iter(wording.nearest(report)), None)
    if nearest is None or not report.agreement:
        return Figure(id, heading, "Categories were not compared.")
    overall = nearest.able.contrast
    rows = [("all questions", str(sum(one.blocks for one in report.agreement)), *_distance(overall))]
    rows += [(one.category, str(one.blocks), *_distance(one.distance)) for one in report.agreement]
    headings = ("Category", "Blocks", "Distance", wording.CI95)
    table = Table(
        "ABLE contrast distance by category, each in blocks of questions", headings, rows, frozenset({1, 2, 3})
    )
    finding = marked("How far the model is from {reference} on each kind of question.", reference=nearest.reference)
    reading = (
        f"Each point is a distance, each bar its {wording.CI95}. Few questions tell less than all: the intervals of "
        "single categories are wide, and no judgement rests on them."
    )
    return Figure(id, heading, finding, _drawn(lambda: agreement_svg(overall, report.agreement)), reading, [table])


def marked(template: str, **names: str) -> Markup:
    """A sentence with its names set apart, also from the direction that they are written in."""
    isolated = {key: Markup("<bdi>{}</bdi>").format(short_name(name)) for key, name in names.items()}
    return escape(template).format(**isolated)


def _tree(lineage: Lineage) -> Figure:
    id, heading, newick = "lineage", "Family tree", lineage.newick
    if newick is None:
        return Figure(id, heading, _sentence(lineage.reason, "No tree was made."))
    picture = _drawn(lambda: tree_svg(newick))
    if picture is None:
        return Figure(id, heading, "The tree of this report cannot be drawn.", source=newick)
    branches = read_branches(newick)
    reading = (
        "Models that are alike stand on neighbouring branches; the lines from left to right are as long as the models "
        "are apart. The tree is made from measured distances alone, and has no known root: what is left is not older."
    )
    finding = _nearest_on_tree(lineage) + escape(_support(branches, lineage.resamples))
    return Figure(id, heading, finding, picture, reading, annex=[_branches(branches)], source=newick)


def _nearest_on_tree(lineage: Lineage) -> Markup:
    if lineage.nearest_on_tree is None:
        return Markup()
    share = lineage.nearest_support
    how_often = "" if share is None else f"; so it is on {wording.probability(share)} of the resampled trees"
    return marked(f"Nearest on the tree: {{nearest}}{how_often}. ", nearest=lineage.nearest_on_tree)


def _support(branches: tuple[Branch, ...], resamples: int) -> str:
    if not any(branch.support is not None for branch in branches):
        return "This tree states no support for its branches."
    trees = f"{resamples:,} trees" if resamples else "trees"
    return f"The small numbers say how many percent of {trees} from resampled questions have the same branch."


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


def _map(report: Report) -> Figure:
    id, heading, points = "map", "Map of the bank", report.map.points
    if not points:
        return Figure(id, heading, _sentence(report.map.reason, "No map was made."))
    rows = [
        (short_name(one.id), "this model" if one.subject else one.family or "", f"{one.x:.3f}", f"{one.y:.3f}")
        for one in points
    ]
    table = Table("Places on the map, without a unit", ("Model", "Family", "Across", "Up"), rows, frozenset({2, 3}))
    reading = (
        "Models near each other are alike. Far apart says little: the map keeps neighbourhoods, not distances (t-SNE "
        "of the ABLE contrast distances). Families with several models have a colour and a shape."
    )
    finding = f"The model, a star, among {wording.plural(len(points) - 1, 'reference')} of the bank."
    return Figure(id, heading, finding, _drawn(lambda: map_svg(points)), reading, annex=[table])


def _scale(report: Report, nearest: Comparison | None) -> Figure:
    id, heading, bands = "kl-scale", "KL divergence among the papers' kinds of change", report.background.kl_bands
    if nearest is None or nearest.kl.bits_per_byte is None:
        reason = nearest.kl.reason if nearest else "there is no reference"
        return Figure(id, heading, f"KL was not measured: {reason or 'no reason is stated'}.")
    kl = nearest.kl
    place = (
        f"Among the papers' kinds of change this is like: {wording.band(kl.scale_band)}."
        if kl.scale_band
        else f"The papers' scale does not apply here: {kl.reason or 'no reason is stated'}."
    )
    measured = f"Between this model and {{reference}}: {wording.kl(kl)} bits per byte. "
    rows = [("measured here", "this model and the reference", wording.kl(kl))]
    rows += [(band.name, wording.band(band.name), wording.number(band.median)) for band in bands]
    caption = "KL divergence in bits per byte: measured with its standard error, and the papers' medians"
    table = Table(caption, ("Kind of change", "In plain words", "Bits per byte"), rows, frozenset({2}))
    reading = (
        "The bar around the measured value is its standard error; the grey points are medians of documented kinds of "
        "change. KL alone accuses nobody: two runs of one recipe can be closer than a model and its fine-tune."
    )
    source = f" Source: {report.background.kl_source}." if report.background.kl_source else ""
    finding = marked(measured, reference=nearest.reference) + escape(place)
    return Figure(id, heading, finding, _drawn(lambda: scale_svg(kl, bands)), reading + source, annex=[table])


def _null(report: Report, nearest: Comparison | None) -> Figure:
    id, heading, null = "independent", "ABLE distance against independent models", report.background.null
    if null is None:
        return Figure(
            id, heading, "There is nothing to compare the distance with: no judge is calibrated for this bank."
        )
    distance = nearest.able.contrast if nearest else None
    own = Markup("The distance of this model was not measured.")
    if nearest and distance:
        text = f"{wording.distance(distance)} ({wording.CI95} {wording.interval(distance)})"
        own = marked(f"From this model to {{reference}}: {text}.", reference=nearest.reference)
    pairs = wording.plural(sum(null.counts), "pair")
    limit = f" Among {pairs} of independent models the smallest distance is {wording.number(null.accuse_below)}."
    reading = (
        "The grey hill counts pairs of models that are known to share no weights, by their distance. A model left of "
        "the dashed line is nearer to a reference than any such pair; only there is a relation claimed."
    )
    picture = _drawn(lambda: null_svg(null, distance))
    return Figure(id, heading, own + escape(limit), picture, reading, annex=_null_tables(null, distance))


def _null_tables(null: NullDistribution, distance: Distance | None) -> list[Table]:
    marks = [
        ("This model and the reference", *_distance(distance)),
        ("Nearest independent pair; a relation is claimed only below", wording.number(null.accuse_below), ""),
    ]
    bins = zip(null.edges[:-1], null.edges[1:], null.counts, strict=False)
    rows = [(f"{wording.number(low)} to {wording.number(high)}", f"{count:,}") for low, high, count in bins if count]
    return [
        Table("Marked distances", ("What", "Distance", wording.CI95), marks, frozenset({1, 2})),
        Table("Pairs of independent models by distance", ("Distance", "Pairs"), rows, frozenset({1})),
    ]


def _distance(distance: Distance | None) -> tuple[str, str]:
    return wording.distance(distance), wording.interval(distance)


def _sentence(reason: str | None, otherwise: str) -> str:
    """A reason as a sentence of its own."""
    return f"{reason[0].upper()}{reason[1:].removesuffix('.')}." if reason else otherwise


def _drawn(draw: Callable[[], str]) -> Markup | None:
    """A picture, which holds names as text only; None for numbers of a foreign report that no picture can show."""
    try:
        return Markup(draw())  # noqa: S704 - every name went through an XML writer
    except ValueError:
        return None
