"""The pictures of the page: each with what it shows in words, how to read it, and its numbers as tables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from markupsafe import Markup, escape

from provcheck.rendering import wording
from provcheck.rendering.pictures.agreement import agreement_svg
from provcheck.rendering.pictures.map import map_svg
from provcheck.rendering.pictures.newick import SUBJECT_MARK, Branch, read_branches
from provcheck.rendering.pictures.null import null_svg
from provcheck.rendering.pictures.scale import scale_svg
from provcheck.rendering.pictures.tree import tree_svg
from provcheck.rendering.plain import short_name
from provcheck.types import Comparison, Distance, NullDistribution, Report

Cell = str | tuple[str, ...]
"""A text, or several names."""

NOT_DRAWN = "The numbers of this report cannot be drawn."


@dataclass(frozen=True)
class Table:
    """Numbers of a picture; the first column names the row, columns in `numbers` are set flush right."""

    caption: str
    headings: tuple[str, ...]
    rows: list[tuple[Cell, ...]]
    numbers: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Figure:
    """One picture. Where there is none, `finding` says why."""

    id: str
    heading: str
    finding: Markup
    picture: Markup | None = None
    reading: str = ""
    tables: list[Table] = field(default_factory=list)
    source: str | None = None
    """The same for other programs."""


def figures_of(report: Report) -> list[Figure]:
    """Tree, map, KL scale and null distribution."""
    nearest = next(iter(wording.nearest(report)), None)
    return [_tree(report), _map(report), _scale(report, nearest), _null(report, nearest)]


def agreement_of(report: Report) -> Figure:
    """Distances by category of questions."""
    nearest = next(iter(wording.nearest(report)), None)
    heading = "Agreement by category of questions"
    if nearest is None or not report.agreement:
        return Figure("agreement", heading, Markup("Categories were not compared."))
    overall = nearest.able.contrast
    rows: list[tuple[Cell, ...]] = [("all questions", "", *_distance(overall))]
    rows += [(one.category, str(one.blocks), *_distance(one.distance)) for one in report.agreement]
    table = Table(
        "ABLE contrast distance by category",
        ("Category", "Blocks of questions", "Distance", "95 % interval"),
        rows,
        frozenset({1, 2, 3}),
    )
    finding = "How far the model is from {reference} on each kind of question. Relatives are about equally near on all."
    return Figure(
        "agreement",
        heading,
        marked(finding, reference=nearest.reference),
        _drawn(lambda: agreement_svg(overall, report.agreement)),
        "Each point is a distance, each bar its 95 % interval. Few questions tell less than all: the intervals of single "
        "categories are wide, and no judgement rests on them.",
        [table],
    )


def marked(template: str, **names: str) -> Markup:
    """A sentence with its names set apart, also from the direction that they are written in."""
    return escape(template).format(
        **{key: Markup("<bdi>{}</bdi>").format(short_name(name)) for key, name in names.items()}
    )


def _tree(report: Report) -> Figure:
    lineage, heading = report.lineage, "Family tree"
    newick = lineage.newick
    if newick is None:
        return Figure("lineage", heading, Markup(escape(lineage.reason or "No tree was made.")))
    picture = _drawn(lambda: tree_svg(newick))
    if picture is None:
        return Figure("lineage", heading, Markup(escape(NOT_DRAWN)), source=newick)
    branches = read_branches(newick)
    finding = marked("Nearest on the tree: {nearest}. ", nearest=lineage.nearest_on_tree or "unknown")
    return Figure(
        "lineage",
        heading,
        finding + escape(_support(branches, lineage.resamples)),
        picture,
        "Models that are alike stand on neighbouring branches, and lines from left to right are as long as the models are "
        "apart. The tree is made from measured distances alone. It has no known root: what lies left is not older.",
        [_branches(branches)],
        newick,
    )


def _support(branches: tuple[Branch, ...], resamples: int) -> str:
    if not any(branch.support is not None for branch in branches):
        return "This tree states no support for its branches."
    of = f" of {resamples:,} trees made" if resamples else " of the trees made"
    return f"The small numbers say in how many percent{of} from resampled questions a branch is found again."


def _branches(branches: tuple[Branch, ...]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (
            tuple(short_name(name.removesuffix(SUBJECT_MARK)) for name in branch.members),
            wording.number(branch.length),
            "" if branch.support is None else f"{branch.support:.0f} %",
        )
        for branch in branches[:-1]
    ]
    return Table("Branches of the tree", ("Branch that leads to", "Length", "Support"), rows, frozenset({1, 2}))


def _map(report: Report) -> Figure:
    points, heading = report.map.points, "Map of the bank"
    if not points:
        return Figure("map", heading, Markup(escape(report.map.reason or "No map was made.")))
    rows: list[tuple[Cell, ...]] = [
        (short_name(one.id), one.family or ("this model" if one.subject else ""), f"{one.x:.1f}", f"{one.y:.1f}")
        for one in points
    ]
    table = Table("Places on the map, without a unit", ("Model", "Family", "Across", "Up"), rows, frozenset({2, 3}))
    return Figure(
        "map",
        heading,
        Markup("The model (star) among references of the bank (points)."),
        _drawn(lambda: map_svg(points)),
        "Models near each other are alike. Far apart says little: the map keeps neighbourhoods, not distances "
        "(t-SNE of the ABLE contrast distances). Families with several models have a colour; names that found no room "
        "are in the table.",
        [table],
    )


def _scale(report: Report, nearest: Comparison | None) -> Figure:
    heading, bands = "KL divergence against the papers' scale", report.background.kl_bands
    if nearest is None or nearest.kl.bits_per_byte is None:
        reason = nearest.kl.reason if nearest else "there is no reference"
        return Figure("kl-scale", heading, Markup("KL was not measured: {}.").format(reason or "no reason is stated"))
    kl = nearest.kl
    measured = marked(f"Between this model and {{reference}}: {wording.kl(kl)} bits per byte. ", reference=nearest.reference)
    place = (
        f"On the papers' scale this is nearest to: {wording.band(kl.scale_band)}."
        if kl.scale_band
        else f"The papers' scale does not apply here: {kl.reason or 'no reason is stated'}."
    )
    rows: list[tuple[Cell, ...]] = [("measured here", "this model and the reference", wording.kl(kl))]
    rows += [(band.name, wording.band(band.name), wording.number(band.median)) for band in bands]
    table = Table(
        "KL divergence in bits per byte: measured with its standard error, and medians of the papers",
        ("Kind of change", "In plain words", "Bits per byte"),
        rows,
        frozenset({2}),
    )
    return Figure(
        "kl-scale",
        heading,
        measured + escape(place),
        _drawn(lambda: scale_svg(kl, bands)),
        "The bar around the measured value is its standard error; the other points are medians of documented kinds of "
        "change. KL alone accuses nobody: two runs of one recipe can be closer than a model and its fine-tune. "
        + (f"Source: {report.background.kl_source}." if report.background.kl_source else ""),
        [table],
    )


def _null(report: Report, nearest: Comparison | None) -> Figure:
    heading, null = "ABLE distance against independent models", report.background.null
    if null is None:
        reason = "There is nothing to set the distance against: no judge is calibrated for this bank."
        return Figure("null", heading, Markup(escape(reason)))
    distance = nearest.able.contrast if nearest else None
    if nearest is None or distance is None:
        finding = Markup("The distance of this model was not measured.")
    else:
        text = f"From this model to {{reference}}: {wording.distance(distance)} (95 % interval {wording.interval(distance)})."
        finding = marked(text, reference=nearest.reference)
    pairs = wording.plural(sum(null.counts), "pair")
    limit = f" Among {pairs} of independent models the smallest distance is {wording.number(null.accuse_below)}."
    return Figure(
        "null",
        heading,
        finding + escape(limit),
        _drawn(lambda: null_svg(null, distance)),
        "The grey hill counts pairs of models that are known to share no weights, by their distance. A model left of the "
        "dashed line is nearer to a reference than any such pair; only there is a relation claimed.",
        _null_tables(null, distance),
    )


def _null_tables(null: NullDistribution, distance: Distance | None) -> list[Table]:
    text, interval = _distance(distance)
    marks: list[tuple[Cell, ...]] = [
        ("This model and the reference", text, interval),
        ("Nearest independent pair; a relation is claimed only below", wording.number(null.accuse_below), ""),
    ]
    bins = zip(null.edges[:-1], null.edges[1:], null.counts, strict=False)
    rows: list[tuple[Cell, ...]] = [
        (f"{wording.number(low)} to {wording.number(high)}", f"{count:,}") for low, high, count in bins if count
    ]
    return [
        Table("Marked distances", ("What", "Distance", "95 % interval"), marks, frozenset({1, 2})),
        Table("Pairs of independent models by distance", ("Distance", "Pairs"), rows, frozenset({1})),
    ]


def _distance(distance: Distance | None) -> tuple[str, str]:
    return wording.distance(distance), wording.interval(distance)


def _drawn(draw: Callable[[], str]) -> Markup | None:
    """A picture, which holds names as text only; None for numbers of a foreign report that no picture can show."""
    try:
        return Markup(draw())  # noqa: S704 - every name went through an XML writer
    except ValueError:
        return None
