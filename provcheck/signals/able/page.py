"""What ABLE shows to readers: columns, pictures, sentences."""

from __future__ import annotations

from typing import cast

from provcheck import wording
from provcheck.signals.able.values import AbleValues, Distance, able_of
from provcheck.signals.describing import (
    Cell,
    Column,
    Dot,
    DotChart,
    Figure,
    Histogram,
    Marked,
    Ruler,
    Table,
    bar_of,
    bins_of,
)
from provcheck.types import Comparison, Interval, NullDistribution, Report, SignalValues

AXIS = "ABLE contrast distance: 0 is the same, about 1 has nothing in common"
FARTHEST = 2.0
"""No cosine distance is larger."""

GLOSSARY = {
    "ABLE": "A fingerprint of how strongly each word of fixed questions moves a model's answers. The distance of two "
    "fingerprints is 0 where they agree and about 1 where they have nothing in common. It is taken in two views: "
    "the paper's own, and contrast, which looks only at what sets the answers of one question apart.",
}


def _contrast(values: SignalValues) -> Cell:
    return _cell(cast("AbleValues", values).contrast)


def _paper(values: SignalValues) -> Cell:
    return _cell(cast("AbleValues", values).paper)


def _cell(distance: Distance) -> Cell:
    found = distance.interval
    return Cell(wording.number(found.value), wording.interval(found), bar_of(found))


COLUMNS = (
    Column("ABLE contrast", f"distance, {wording.CI95}", _contrast),
    Column("ABLE paper", f"distance, {wording.CI95}", _paper, brief=False),
)


def reasons(values: AbleValues, reference: str) -> tuple[str, ...]:
    """The contrast distance with its interval."""
    found = values.contrast.interval
    return (
        f"The ABLE contrast distance to {reference} is {found.value:.3f} (95 % interval {found.low:.3f} to "
        f"{found.high:.3f}).",
    )


def figures(report: Report, nearest: Comparison | None) -> list[Figure]:
    """The distance among independent pairs, and by category of questions."""
    return [_against_independent(report, nearest), _by_category(nearest)]


def _against_independent(report: Report, nearest: Comparison | None) -> Figure:
    id, heading = "independent", "ABLE distance against independent models"
    null = report.judge.null_of("able.contrast_distance", nearest)
    if null is None:
        why = "it was judged by other numbers" if report.judge.panels else "no judge is calibrated for this bank"
        return Figure(id, heading, Marked(f"There is nothing to compare the distance with: {why}."))
    able = able_of(nearest)
    own = able.contrast.interval if able else None
    finding = "The distance of this model was not measured."
    if own:
        shown = f"{wording.number(own.value)} ({wording.CI95} {wording.interval(own)})"
        finding = f"From this model to {{reference}}: {shown}."
    pairs = wording.plural(sum(null.counts), "pair")
    limit = f" Among {pairs} of independent models the smallest distance is {wording.number(null.nearest)}."
    reading = (
        "The grey hill counts pairs of models that are known to share no weights, by their distance. The dashed line "
        "is the nearest of these pairs: left of it no independent models were ever seen."
    )
    names = {"reference": nearest.reference} if nearest else {}
    chart = _histogram(null, own)
    return Figure(id, heading, Marked(finding + limit, names), chart, reading, annex=_null_tables(null, own))


def _histogram(null: NullDistribution, own: Interval | None) -> Histogram | None:
    """None for bins of an untrusted report that do not fit their counts."""
    if len(null.edges) != len(null.counts) + 1 or sum(null.counts) <= 0:
        return None
    right = max(1.0, null.edges[-1], own.high if own else 0)
    ticks = {step / 5: f"{step / 5:g}" for step in range(int(5 * right) + 1)}
    most = null.counts.index(max(null.counts))
    shown = f"{wording.number(own.value)} ({wording.CI95} {wording.interval(own)})" if own else wording.NOT_MEASURED
    return Histogram(
        title="Distance against independent models",
        description=f"The subject's distance: {shown}. Of {sum(null.counts):,} pairs of independent models, the "
        f"nearest has {wording.number(null.nearest)}; most often it is between {wording.number(null.edges[most])} and "
        f"{wording.number(null.edges[most + 1])}.",
        edges=null.edges,
        counts=null.counts,
        limit=null.nearest,
        limit_label=f"nearest independent pair: {wording.number(null.nearest)}",
        own=own,
        ruler=Ruler(min(0.0, null.edges[0]), right, ticks, AXIS),
    )


def _null_tables(null: NullDistribution, own: Interval | None) -> list[Table]:
    marks = [
        ("This model and the reference", *_texts(own)),
        ("Nearest independent pair", wording.number(null.nearest), ""),
    ]
    marked = Table("Marked distances", ("What", "Distance", wording.CI95), marks, frozenset({1, 2}))
    return [marked, bins_of(null, "distance")]


def _by_category(nearest: Comparison | None) -> Figure:
    id, heading = "agreement", "Agreement by category of questions"
    able = able_of(nearest)
    if nearest is None or able is None or not able.categories:
        return Figure(id, heading, Marked("Categories were not compared."))
    overall = able.contrast.interval
    rows = [("all questions", str(sum(one.blocks for one in able.categories)), *_texts(overall))]
    rows += [(one.category, str(one.blocks), *_texts(_interval(one.distance))) for one in able.categories]
    headings = ("Category", "Blocks", "Distance", wording.CI95)
    table = Table(
        "ABLE contrast distance by category, each in blocks of questions", headings, rows, frozenset({1, 2, 3})
    )
    finding = Marked(
        "How far the model is from {reference} on each kind of question.", {"reference": nearest.reference}
    )
    reading = (
        f"Each point is a distance, each bar its {wording.CI95}. Few questions tell less than all: the intervals of "
        "single categories are wide, and no judgement rests on them."
    )
    return Figure(id, heading, finding, _dots(able), reading, tables=[table])


def _dots(able: AbleValues) -> DotChart:
    """One row for all questions and one for each category."""
    rows = [_dot("all questions", able.contrast.interval, own=True)]
    rows += [_dot(one.category, _interval(one.distance)) for one in able.categories]
    high = min(FARTHEST, max([1.0, *(row.interval[1] for row in rows if row.interval)]))
    ticks = {step / 5: f"{step / 5:g}" for step in range(int(5 * high) + 1)}
    each = ", ".join(f"{one.category} {_texts(_interval(one.distance))[0]}" for one in able.categories)
    return DotChart(
        "Agreement by category of questions",
        f"ABLE contrast distance by category of questions: {each}.",
        rows,
        Ruler(0.0, high, ticks, AXIS),
    )


def _dot(label: str, found: Interval | None, *, own: bool = False) -> Dot:
    if found is None:
        return Dot(label, wording.NOT_MEASURED, None)
    return Dot(label, wording.number(found.value), found.value, (found.low, found.high), own, guide=own)


def _interval(distance: Distance | None) -> Interval | None:
    return distance.interval if distance else None


def _texts(found: Interval | None) -> tuple[str, str]:
    return (wording.number(found.value) if found else wording.NOT_MEASURED), wording.interval(found)
