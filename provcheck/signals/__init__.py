"""Signals: each kind of evidence in a folder of its own, behind one table.

`TABLE` is the only place that names them; each is imported on first use. Those that place models order references by
nearness, and draw tree and map, by the mean of their distances.

contract     what a signal must do; `provcheck/README.md` and CONTRIBUTING.md walk through adding one
stacks       arrays of several models together
describing   columns, figures and charts as plain data, for renderings to draw
able         gradient attributions of the words of fixed questions
likelihood   log-likelihoods of fixed texts
weights      matching neurons of the MLP blocks
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from statistics import fmean
from typing import Any, TypeVar

from provcheck.signals.contract import LinearView, Measured, NamedNumber, Signal
from provcheck.types import Comparison, Interval, NotMeasured, Record, Report, SignalValues
from provcheck.wording import joined

__all__ = [
    "TABLE",
    "LinearView",
    "Measured",
    "NamedNumber",
    "Signal",
    "all_signals",
    "directions",
    "distance_of",
    "exact_p_value_of",
    "features_of",
    "find_signal",
    "in_words",
    "nearest_first",
    "pairs_of",
    "rank_of",
    "read_record",
    "read_report",
    "signal_of",
]

TABLE = {
    "able": "provcheck.signals.able:Able",
    "likelihood": "provcheck.signals.likelihood:Likelihood",
    "weights": "provcheck.signals.weights:Weights",
}
"""Name -> module and class."""

R = TypeVar("R", bound=Record)


def find_signal(name: str) -> Signal:
    """The signal of that name. Raises KeyError."""
    module, _, kind = TABLE[name].partition(":")
    signal: Signal = getattr(import_module(module), kind)()
    return signal


def all_signals() -> dict[str, Signal]:
    """Every signal by name, in the order of their rank."""
    return {name: find_signal(name) for name in TABLE}


def pairs_of(signals: Mapping[str, SignalValues | NotMeasured]) -> Iterable[tuple[Signal, SignalValues | NotMeasured]]:
    """Each signal of a comparison that this version knows, with its values, in the order of their rank."""
    return ((find_signal(name), signals[name]) for name in TABLE if name in signals)


def features_of(comparison: Comparison) -> dict[str, float]:
    """What a judge may read from a comparison: `signal.feature` -> number. Unmeasured signals are left out."""
    return {
        f"{signal.name}.{feature}": value
        for signal, values in pairs_of(comparison.signals)
        if isinstance(values, SignalValues)
        for feature, value in signal.features(values).items()
    }


def signal_of(feature: str) -> str:
    """The signal that gives a feature: the part of its name before the dot."""
    return feature.partition(".")[0]


def directions(features: Iterable[str]) -> dict[str, int]:
    """For each feature 1 if it is larger the more alike two models are, else -1. Raises KeyError."""
    return {name: 1 if name.partition(".")[2] in find_signal(signal_of(name)).rising else -1 for name in features}


def in_words(names: Iterable[str]) -> str:
    """The titles of signals within a sentence: `ABLE, log-likelihood and weights`."""
    titles = [find_signal(name).title for name in names]
    return joined([title if title.isupper() else title.lower() for title in titles])


def distance_of(comparison: Comparison) -> Interval | None:
    """How far apart the two models are: the weighted mean over the signals that place models on a tree.

    Without any of these, the distance in the first signal that gives one, whatever its unit; None where there is none.
    """
    return _distance(comparison)[1]


def rank_of(comparison: Comparison) -> tuple[int, float]:
    """Sort key for nearness: how many of the signals that place models are missing, then the distance."""
    missing, found = _distance(comparison)
    return (missing, found.value) if found else (len(TABLE) + 1, 0.0)


def exact_p_value_of(comparison: Comparison) -> float | None:
    """The p-value of the first signal that has one which needs no calibration."""
    found = (
        one.exact_p_value(values) for one, values in pairs_of(comparison.signals) if isinstance(values, SignalValues)
    )
    return next((value for value in found if value is not None), None)


def nearest_first(comparisons: Sequence[Comparison], chosen: str | None = None) -> list[Comparison]:
    """Sorted by nearness, the chosen reference and equal weight files before all others."""
    return sorted(
        comparisons, key=lambda one: (one.reference != chosen, not one.same_weights, *rank_of(one), one.reference)
    )


def read_record(kind: type[R], found: Any) -> R:
    """Parse a record that holds signals, a report or a comparison. Raises pydantic's ValidationError."""
    known = all_signals()
    classes = {
        "values": {name: signal.values for name, signal in known.items()},
        "background": {name: signal.background for name, signal in known.items() if signal.background},
    }
    return kind.model_validate(found, context=classes)


def read_report(found: Any) -> Report:
    """Parse a report from JSON values. Raises pydantic's ValidationError."""
    return read_record(Report, found)


def _distance(comparison: Comparison) -> tuple[int, Interval | None]:
    """The distance, and how many signals that should have a part in it have none."""
    placing: list[tuple[float, Interval | None]] = []
    others: list[Interval | None] = []
    for signal, values in pairs_of(comparison.signals):
        found = signal.distance(values) if isinstance(values, SignalValues) else None
        if signal.places:
            placing.append((signal.places, found))
        else:
            others.append(found)
    known = [(weight, one) for weight, one in placing if one]
    if known:
        return len(placing) - len(known), _mean(known)
    return len(TABLE), next((one for one in others if one), None)


def _mean(weighted: Sequence[tuple[float, Interval]]) -> Interval:
    weights = [weight for weight, _ in weighted]
    value, low, high = (fmean([getattr(one, end) for _, one in weighted], weights) for end in ("value", "low", "high"))
    return Interval(value=value, low=low, high=high)
