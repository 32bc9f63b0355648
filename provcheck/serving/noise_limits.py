"""How far unchanged copies go, and changed ones: the limits that ship, and what they did on models held out.

`reference_embeddings/serving_noise.json` holds every case that was measured; its limits follow from those of the models
for calibration, its rates from the others.
"""

from __future__ import annotations

from functools import cache

from pydantic import Field, ValidationError

from provcheck.errors import ProvcheckError
from provcheck.io import data
from provcheck.io.untrusted import first_fault, read_bounded
from provcheck.serving.token_distances import Distance
from provcheck.types import (
    Number,
    Positive,
    Record,
    ServedCause,
    ServedFinding,
    ServedKind,
    ServedLimits,
    ServedUnchanged,
)

FILE, MAX_BYTES = "serving_noise.json", 5_000_000
UNCHANGED = "unchanged"
"""The kind of the cases in which nothing but number format, kernel or batch differs."""


class Case(Record):
    """One model served in one way, against itself in float32."""

    model: str
    split: str
    kind: str
    variant: str
    ratio: Positive
    pull: Number
    median_nats: Positive


class Noise(Record):
    """The file."""

    command: str
    limits: ServedLimits
    unchanged: dict[str, Positive] = Field(
        description="by model for calibration: the largest excess of its unchanged copies"
    )
    kinds: tuple[ServedKind, ...]
    models: dict[str, tuple[str, ...]]
    rows: tuple[Case, ...]


@cache
def noise() -> Noise:
    """What ships."""
    try:
        return Noise.model_validate_json(read_bounded(data.published_file(FILE), MAX_BYTES))
    except ValidationError as error:
        raise ProvcheckError(f"{FILE} cannot be used: {first_fault(error)}", "install provcheck again") from None


def drift(ratio: float, pull: float) -> float:
    """The part of the distance that goes with the tokens themselves, in steps of rounding like the ratio."""
    return float(ratio * max(0.0, pull) ** 0.5)


def excess(ratio: float, pull: float, limits: ServedLimits) -> float:
    """How far a case is beyond what unchanged copies reach; up to 1 it is within."""
    return max(ratio / limits.identical, drift(ratio, pull) / limits.identical_drift)


def finding_of(ratio: float, pull: float, limits: ServedLimits) -> ServedFinding:
    """What the numbers say."""
    if excess(ratio, pull, limits) <= 1:
        return "identical"
    return "near" if ratio <= limits.near else "changed"


def cause_of(ratio: float, pull: float, median_nats: float, limits: ServedLimits) -> ServedCause | None:
    """What the change comes from, where that can be told: quantization alone never looked like this."""
    if finding_of(ratio, pull, limits) == "identical":
        return None
    if median_nats >= limits.stranger_nats:
        return "trained further or another model"
    return "trained further" if pull > limits.rounded_pull or median_nats > limits.coarse_nats else None


def unchanged_as_far(found: Distance) -> ServedUnchanged:
    """How many unchanged models looked at least so changed, in some way of serving them."""
    known = noise()
    own = excess(found.ratio, found.pull, known.limits)
    as_far = sum(one >= own for one in known.unchanged.values())
    low, high = exact_interval(as_far, len(known.unchanged))
    return ServedUnchanged(as_far=as_far, models=len(known.unchanged), low=low, high=high)


def exact_interval(events: int, trials: int) -> tuple[float, float]:
    """95 % interval of a rate (Clopper and Pearson, 1934); 0 to 1 without trials."""
    from scipy.stats import binomtest

    if trials == 0:
        return 0.0, 1.0
    found = binomtest(events, trials).proportion_ci(0.95, method="exact")
    return round(float(found.low), 6), round(float(found.high), 6)
