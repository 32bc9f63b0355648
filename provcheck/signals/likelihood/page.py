"""What the log-likelihoods show to readers: columns, picture, sentences."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, floor, log10
from typing import cast

from provcheck import wording
from provcheck.signals.describing import Cell, Column, Dot, DotChart, Figure, Marked, Ruler, Table
from provcheck.signals.likelihood.kl_scale import SMALLEST, KLBackground, KLBand
from provcheck.signals.likelihood.values import MAX_KL, LikelihoodValues, likelihood_of
from provcheck.types import Comparison, NotMeasured, Report, SignalFacts, SignalValues

MAX_TICKS = 8
LARGEST = 1e6
"""bits/byte; larger values are drawn at the end of the axis."""

FAR = f"over {MAX_KL:g}"
"""In place of a number of bits/byte that tells no more."""

STEPS = "each step is ten times the one before"
OUTSIDE = "scale does not apply to these models"
PAPERS, OWN = "the papers'", "this bank's"
"""Whose scale it is."""


BANDS = {
    "checkpoint": "two stages of one training",
    "seed": "one recipe run twice",
    "fine-tune / quantization / size": "tuned, quantized, resized",
    "same type": "two models of one type",
    "random pair": "two random models",
}
"""The papers' kinds of change in plain words."""

GLOSSARY = {
    "KL": "How differently two models rate the same texts (Kullback-Leibler divergence). Two runs of one recipe can be "
    "closer than a model and its fine-tune, so KL alone shows no descent. It is estimated from the variance of "
    f"log-likelihoods, which holds for near models: from {MAX_KL:g} bits per byte on it says no more than that they "
    "are far apart.",
    "bits per byte": "The unit of KL: information per byte of text.",
}


def _kl(values: SignalValues) -> Cell:
    found = cast("LikelihoodValues", values)
    if found.beyond_range:
        return Cell(FAR, "beyond its range")
    place = f"like: {_in_words(found.scale_band)}" if found.scale_band else "outside the papers' scale"
    return Cell(_value(found), place)


def _band(values: SignalValues) -> Cell:
    return Cell(cast("LikelihoodValues", values).scale_band or "-")


COLUMNS = (
    Column("KL bits/byte", "± standard error", _kl),
    Column("KL band", "place on the papers' scale", _band, brief=False, page=False),
)


def facts(found: SignalFacts) -> list[tuple[str, str]]:
    """How well the model predicts the texts."""
    bits = found.values.get("bits_per_byte")
    text = wording.NOT_MEASURED if bits is None else f"{wording.number(bits)} bits per byte; less is better"
    return [("Prediction of the texts", text)]


def figures(report: Report, nearest: Comparison | None) -> list[Figure]:
    """KL among the kinds of change of the papers, or of the bank."""
    scale = report.background.get("likelihood")
    bands, source = (scale.kl_bands, scale.kl_source) if isinstance(scale, KLBackground) else ((), "")
    whose = OWN if isinstance(scale, KLBackground) and scale.kl_bank else PAPERS
    id, heading, kl = "kl-scale", f"KL divergence among {whose} kinds of change", likelihood_of(nearest)
    if nearest is None or kl is None:
        return [Figure(id, heading, Marked(f"KL was not measured: {_why_not(nearest)}."))]
    if kl.beyond_range:
        far = f"{MAX_KL:g} bits per byte or more, beyond the range of the estimate, which holds for near models only."
        finding = f"Between this model and {{reference}}: {far}"
        return [Figure(id, heading, Marked(finding, {"reference": nearest.reference}))]
    place = (
        f"Among {whose} kinds of change this is like: {_in_words(kl.scale_band)}."
        if kl.scale_band
        else f"{whose.capitalize()} scale does not apply here: {kl.reason or 'no reason is stated'}."
    )
    finding = f"Between this model and {{reference}}: {_value(kl)} bits per byte. {_braced(place)}"
    rows = [("measured here", "this model and the reference", _value(kl))]
    rows += [(band.name, _in_words(band.name), wording.number(band.median)) for band in bands]
    caption = f"KL divergence in bits per byte: measured with its standard error, and {whose} medians"
    table = Table(caption, ("Kind of change", "In plain words", "Bits per byte"), rows, frozenset({2}))
    reading = (
        "The bar around the measured value is its standard error; the grey points are medians of documented kinds of "
        "change. KL alone accuses nobody: two runs of one recipe can be closer than a model and its fine-tune."
    ) + (f" Source: {source}." if source else "")
    names = {"reference": nearest.reference}
    return [Figure(id, heading, Marked(finding, names), _chart(kl, bands, whose), reading, annex=[table])]


def _chart(kl: LikelihoodValues, bands: Sequence[KLBand], whose: str) -> DotChart:
    """One row for the measured value with its standard error, and one for each band's median."""
    applies = kl.scale_band is not None
    interval = (kl.bits_per_byte - kl.se, kl.bits_per_byte + kl.se) if kl.se else None
    rows = [Dot("measured here", _value(kl), kl.bits_per_byte, interval, own=True, guide=True)]
    rows += [Dot(_in_words(one.name), wording.number(one.median), one.median, hollow=not applies) for one in bands]
    medians = ", ".join(f"{_in_words(band.name)} {wording.number(band.median)}" for band in bands)
    place = f"like: {_in_words(kl.scale_band)}" if kl.scale_band else f"{whose} scale does not apply"
    against = f" {whose.capitalize()} medians: {medians}." if bands else ""
    return DotChart(
        f"KL divergence on {whose} scale",
        f"Measured: {_value(kl)} bits per byte, {place}.{against}",
        rows,
        _ruler(
            [row.value for row in rows if row.value],
            kl.se,
            f"bits per byte; {STEPS if applies else f'{whose} {OUTSIDE}'}",
        ),
    )


def _ruler(values: Sequence[float], error: float, label: str) -> Ruler:
    low = floor(log10(max(SMALLEST, min(values, default=1.0))))
    high = max(low + 1, ceil(log10(min(LARGEST, max(SMALLEST, max(values, default=1.0) + error)))))
    step = ceil((high - low + 1) / MAX_TICKS)
    ticks = {10.0**power: f"{10.0**power:,g}" for power in range(low, high + 1, step)}
    return Ruler(10.0**low, 10.0**high, ticks, label, logarithmic=True)


def _value(values: LikelihoodValues) -> str:
    return wording.with_error(values.bits_per_byte, values.se)


def _in_words(band: str | None) -> str:
    """A kind of change on the papers' scale in plain words."""
    return BANDS.get(band or "", band or "")


def _braced(text: str) -> str:
    """The text with its braces escaped, so that a template takes it literally."""
    return text.replace("{", "{{").replace("}", "}}")


def _why_not(nearest: Comparison | None) -> str:
    if nearest is None:
        return "there is no reference"
    found = nearest.signals.get("likelihood")
    return found.not_measured if isinstance(found, NotMeasured) else "no reason is stated"
