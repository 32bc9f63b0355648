"""The section of the page on an endpoint: does it serve the weights of a reference?"""

from __future__ import annotations

from dataclasses import replace
from math import ceil, floor, log10

from markupsafe import Markup

from provcheck import wording
from provcheck.io.text import short_name
from provcheck.rendering.figures import DrawnFigure, drawn
from provcheck.signals.describing import Dot, DotChart, Figure, Marked, Ruler, Table
from provcheck.types import Report, ServedKind, ServedMatch

HEADING = "Does the endpoint serve these weights?"
LEAST, MOST = 0.1, 1_000.0
"""Ends of the axis; what is beyond them stands at the end."""

READING = (
    "Each row is a kind of change, made to small models that had no part in the limits: the dot is the median, the bar "
    "reaches from the lowest to the highest. Training steps have a rate of 1e-4. "
    "To the left of the first limit is what rounding does to unchanged weights."
)
HEADINGS = (
    "Change", "Models", "Cases", "Identical", "Near", "Changed", "Trained further", "Or another model", "Right",
)  # fmt: skip


def served_figures(report: Report) -> list[DrawnFigure]:
    """A section for each reference that the endpoint was to serve."""
    return [_section(one, place) for place, one in enumerate(report.served)]


def _section(one: ServedMatch, place: int) -> DrawnFigure:
    about = Marked("{finding}: {reference}. ", {"reference": one.reference, "finding": one.finding.capitalize()})
    tables = [_numbers(one)] if one.ratio is not None else []
    annex = [_rates(one.kinds)] if one.kinds else []
    reading = READING if one.kinds else ""
    id = f"served-{place}" if place else "served"
    figure = drawn(Figure(id, HEADING, about, _chart(one), reading, tables, annex))
    return replace(figure, finding=Markup("{}{}").format(figure.finding, one.sentence))


def _numbers(one: ServedMatch) -> Table:
    rows = [
        ("Texts and tokens compared", f"{one.texts:,} and {one.tokens:,}", ""),
        ("Median distance from the reference in float32, nats", _number(one.median_nats), ""),
        ("The same of the reference in bfloat16, nats", _number(one.rounding_nats), ""),
        ("Ratio of the two", _number(one.ratio), ""),
    ]
    if limits := one.limits:
        rows[1] = (
            *rows[1][:2],
            f"4-bit quantization up to {wording.number(limits.coarse_nats)}, another model from "
            f"{wording.number(limits.stranger_nats)}",
        )
        rows[3] = (
            *rows[3][:2],
            f"identical up to {wording.number(limits.identical)}, near up to {wording.number(limits.near)}",
        )
        rows.append(
            (
                "Pull to particular tokens",
                _number(one.pull),
                f"quantization up to {wording.number(limits.rounded_pull)}",
            )
        )
    if share := one.unchanged:
        interval = f"95 % interval {share.low:.1%} to {share.high:.1%}"
        rows.append(("Unchanged models that looked at least so changed", f"{share.as_far} of {share.models}", interval))
    return Table(
        f"What was compared with {short_name(one.reference)}", ("", "Measured", "Limits"), rows, frozenset({1})
    )


def _rates(kinds: tuple[ServedKind, ...]) -> Table:
    rows = [
        (
            one.kind,
            *(str(count) for count in (one.models, one.cases, one.identical, one.near, one.changed)),
            *(str(count) for count in (one.trained, one.stranger)),
            f"{one.right_models} of {wording.plural(one.models, 'model')} ({one.low:.0%} to {one.high:.0%})",
        )
        for one in kinds
    ]
    return Table("What was found of models that had no part in the limits", HEADINGS, rows, frozenset(range(1, 8)))


def _chart(one: ServedMatch) -> DotChart | None:
    if one.ratio is None or not one.kinds:
        return None
    rows = [Dot("this endpoint", f"{_number(one.ratio)}", max(one.ratio, LEAST), own=True, guide=True)]
    if one.limits:
        rows.append(
            Dot(
                "limit of identical",
                wording.number(one.limits.identical),
                one.limits.identical,
                guide=True,
                hollow=True,
            )
        )
    rows += [_dot(kind) for kind in one.kinds]
    values = [one.ratio, *(end for kind in one.kinds for end in kind.ratios)]
    said = "; ".join(
        f"{kind.kind} {wording.number(kind.ratios[0])} to {wording.number(kind.ratios[2])}" for kind in one.kinds
    )
    return DotChart(
        "Distance of the endpoint among kinds of change",
        f"This endpoint: {_number(one.ratio)}. {said}.",
        rows,
        _ruler(values),
    )


def _dot(kind: ServedKind) -> Dot:
    low, middle, high = kind.ratios
    return Dot(kind.kind, wording.number(middle), max(middle, LEAST), (low, high))


def _ruler(values: list[float]) -> Ruler:
    low = floor(log10(max(LEAST, min(values))))
    high = max(low + 1, ceil(log10(min(MOST, max(LEAST, *values)))))
    ticks = {10.0**power: f"{10.0**power:g}" for power in range(low, high + 1)}
    label = "distance from the reference, in steps of what rounding to bfloat16 does to it"
    return Ruler(10.0**low, 10.0**high, ticks, label, logarithmic=True)


def _number(value: float | None) -> str:
    return wording.NOT_MEASURED if value is None else wording.number(value)
