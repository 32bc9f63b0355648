"""What the weights show to readers: columns, glossary, and how the neurons match in numbers and as a picture."""

from __future__ import annotations

from typing import cast

from provcheck import wording
from provcheck.signals.describing import (
    Cell,
    Chart,
    Column,
    Dot,
    DotChart,
    Figure,
    Histogram,
    Marked,
    Ruler,
    Table,
    bins_of,
)
from provcheck.signals.weights.block_map import blocks_figure
from provcheck.signals.weights.reading import HIGH, counted, match, reasons
from provcheck.signals.weights.values import INTRINSIC_COUNTS, SHARED_START_MATCH, WeightsValues, weights_of
from provcheck.types import Comparison, Interval, NotMeasured, NullDistribution, Report, SignalValues

__all__ = ["COLUMNS", "GLOSSARY", "figures", "reasons"]

AXIS = "anchored or intrinsic match: 0 as in independent models, 1 as in the same weights"
SHARES = {step / 5: f"{step / 5:g}" for step in range(6)}

GLOSSARY = {
    "neuron": "One of the many small units in a block (layer) of a model. It looks for a pattern in what it reads, "
    "and writes an answer when it finds it.",
    "match": "The share of neurons that have a twin in the other model. Two neurons pair up if each reads most like "
    "the other, and are twins as far as they also write alike. In independent models about half of the neurons pair "
    "up by chance, but the pairs do not write alike: their match is about 0. The same weights have 1.",
    "anchored, coordinate and intrinsic match": "Three ways to see neurons. Anchored: through common words; rotating "
    "or reordering the stored numbers does not change it. Coordinate: by the stored numbers themselves; a rotation "
    "destroys it. Intrinsic: through the model's own attention; it needs no words. Who hides a copy must defeat all "
    "three.",
    "exact p-value": "How probable it is that neurons of the same number are so alike by chance; 1e-9 is one in a "
    "billion. It assumes only that the two models were initialised independently: then the order of the neurons in "
    "one says nothing about their order in the other. No other models are needed to compute it. A small one means a "
    "common origin of weights or of random initialisation; it does not say which, nor who copied whom. A large one "
    "clears nobody, since reordering neurons hides what it looks for.",
}


def _anchored(values: SignalValues) -> Cell:
    found = cast("WeightsValues", values)
    if found.anchored_match is None:
        return Cell(wording.NOT_MEASURED, WHY_NOT["anchored match"])
    pairs = f"{found.matched:,} of {found.neurons:,}" if found.anchored_match >= HIGH else ""
    share = 100 * max(0.0, found.anchored_match)
    return Cell(match(found.anchored_match), pairs, (0.0, share, share))


def _coordinate(values: SignalValues) -> Cell:
    return Cell(match(cast("WeightsValues", values).coordinate_match))


def _intrinsic(values: SignalValues) -> Cell:
    return Cell(match(cast("WeightsValues", values).intrinsic_match))


def _exact(values: SignalValues) -> Cell:
    found = cast("WeightsValues", values).exact_p_value
    return Cell(wording.NOT_MEASURED if found is None else wording.bound(found))


COLUMNS = (
    Column("anchored match", "share; 1 is the same", _anchored),
    Column("coordinate match", "as stored", _coordinate, brief=False, page=False),
    Column("intrinsic match", "by own attention", _intrinsic, brief=False, page=False),
    Column("exact p-value", "by chance alone", _exact, brief=False),
)

WHY_NOT = {
    "anchored match": "the models have too few words in common",
    "coordinate match": "the models differ in width",
    "intrinsic match": "the attention of a model cannot be read",
    "exact p-value": "no blocks of the same number have as many neurons",
}
MEANS = {
    "anchored match": "through common words; survives rotation and reordering",
    "coordinate match": "the numbers as stored; a rotation hides it",
    "intrinsic match": "through the model's own attention; survives rotation",
    "exact p-value": "neurons of the same number; reordering hides it",
}


def figures(report: Report, nearest: Comparison | None) -> list[Figure]:
    """How many neurons found their twin, and which blocks they are in."""
    return [_twins(report, nearest), blocks_figure(nearest)]


def _null(report: Report, nearest: Comparison) -> NullDistribution | None:
    """The kin matches of independent pairs, if the report has them in a form that can be drawn."""
    null = report.judge.null_of("weights.kin_match", nearest)
    return null if null and len(null.edges) == len(null.counts) + 1 and sum(null.counts) > 0 else None


def _twins(report: Report, nearest: Comparison | None) -> Figure:
    id, heading, found = "twins", "How many neurons found their twin", weights_of(nearest)
    if nearest is None or found is None:
        return Figure(id, heading, Marked(f"Neurons were not compared: {_why_not(nearest)}."))
    names, tables, null = {"reference": nearest.reference}, [_table(found)], _null(report, nearest)
    if null is None:
        reading = (
            "Each point is a share of neurons, seen in one of three ways. Independent models have about 0 in each; how "
            "far those of this bank go is not known here, since no judge that reads the weights is calibrated for it."
        )
        return Figure(id, heading, Marked(_finding(found), names), _dots(found), reading, tables)
    limit = (
        f" On the scale below, which also counts the intrinsic match, it is at {match(found.kin_match)}, and the "
        f"highest of {wording.plural(sum(null.counts), 'pair')} of independent models at {match(null.nearest)}."
    )
    reading = (
        "The grey hill counts pairs of models that are known to share no weights, by their anchored match, or by "
        f"{INTRINSIC_COUNTS:g} times their intrinsic match where that is higher, but at most 1. The dashed line is the "
        "highest of these pairs: right of it no independent models were ever seen. No match up to "
        f"{SHARED_START_MATCH:g} accuses: models that share only their random initialisation may come near that."
    )
    finding = Marked(_finding(found) + limit, names)
    return Figure(id, heading, finding, _histogram(null, found.kin_match), reading, tables, [bins_of(null, "match")])


def _finding(found: WeightsValues) -> str:
    lead = counted(found)
    if lead is None:
        return "The neurons of this model and of {reference} cannot be compared."
    pairs = ""
    if lead[1] >= HIGH:
        pairs = f": in the most similar blocks, {found.matched:,} of {found.neurons:,} neurons pair up"
    return f"From this model to {{reference}} the {lead[0]} is {match(lead[1])}{pairs}."


def _histogram(null: NullDistribution, own: float) -> Histogram:
    pairs, shown = sum(null.counts), match(own)
    left = min(0.0, null.edges[0])
    return Histogram(
        title="Match against independent models",
        description=f"The subject's match: {shown}. Of {pairs:,} pairs of independent models, the highest has "
        f"{match(null.nearest)}.",
        edges=null.edges,
        counts=null.counts,
        limit=null.nearest,
        limit_label=f"highest independent pair: {match(null.nearest)}",
        own=Interval(value=own, low=own, high=own),
        ruler=Ruler(left, max(1.0, null.edges[-1]), SHARES, AXIS),
        own_label=shown,
    )


def _dots(found: WeightsValues) -> Chart:
    """One row for each match."""
    matches = {name: value for name, value in _numbers(found).items() if name != "exact p-value"}
    rows = [
        Dot(name, match(value), value, own=name == "anchored match", guide=name == "anchored match")
        for name, value in matches.items()
    ]
    each = ", ".join(f"{name} {match(value)}" for name, value in matches.items())
    left = min(0.0, *(value for value in matches.values() if value is not None), 0.0)
    return DotChart(
        "Three matches of the neurons", f"{each}.", rows, Ruler(left, 1.0, SHARES, "share of neurons with a twin")
    )


def _numbers(found: WeightsValues) -> dict[str, float | None]:
    return {
        "anchored match": found.anchored_match,
        "coordinate match": found.coordinate_match,
        "intrinsic match": found.intrinsic_match,
        "exact p-value": found.exact_p_value,
    }


def _table(found: WeightsValues) -> Table:
    rows = []
    for name, value in _numbers(found).items():
        shown = wording.bound(value) if value is not None and name == "exact p-value" else match(value)
        rows.append((name, shown, WHY_NOT[name] if value is None else MEANS[name]))
    caption = "This model and the reference, by their neurons"
    return Table(caption, ("Number", "Found", "What it goes by"), rows, frozenset({1}))


def _why_not(nearest: Comparison | None) -> str:
    if nearest is None:
        return "there is no reference"
    found = nearest.signals.get("weights")
    return found.not_measured.removesuffix(".") if isinstance(found, NotMeasured) else "no reason is stated"
