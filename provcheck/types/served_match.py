"""Whether an endpoint serves the weights of a named model."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from provcheck.types.base import Count, Number, Positive, Record, Share

ServedFinding = Literal["identical", "near", "changed", "not comparable"]
ServedCause = Literal["trained further", "trained further or another model"]


class ServedLimits(Record):
    """Up to where findings reach; each was set on models for calibration alone, and but for the last has a margin."""

    identical: Positive = Field(description="ratio of unchanged copies")
    identical_drift: Positive = Field(description="drift of unchanged copies: ratio times the root of the pull")
    near: Positive = Field(description="ratio of quantizations to 8 bits")
    rounded_pull: Positive = Field(description="pull of quantizations to 4 and 8 bits")
    coarse_nats: Positive = Field(description="median distance of quantizations to 4 bits")
    stranger_nats: Positive = Field(
        description="median distance from which on it may be a model of another root: midway, in logarithms, between "
        "the farthest quantization and the nearest such model"
    )


class ServedKind(Record):
    """What was found of one kind of change on models that had no part in the limits."""

    kind: str
    models: Count = Field(description="models that were served so")
    cases: Count = Field(description="ways of serving them, all models together")
    identical: Count = Field(description="cases by finding; the three make up all cases")
    near: Count
    changed: Count
    trained: Count = Field(description="cases that were told to be trained further")
    stranger: Count = Field(description="cases that were told to be trained further or another model")
    right_models: Count = Field(
        description="models with every case right: found identical where nothing was changed, else not"
    )
    low: Share = Field(description="95 % interval of that share of models (Clopper and Pearson, 1934)")
    high: Share
    ratios: tuple[Positive, Positive, Positive] = Field(description="lowest, median and highest ratio")


class ServedUnchanged(Record):
    """How many unchanged models looked at least so changed in some way of serving them."""

    as_far: Count
    models: Count = Field(description="models that the limits were set on, each served in several ways")
    low: Share = Field(description="95 % interval of that share (Clopper and Pearson, 1934)")
    high: Share


class ServedMatch(Record):
    """An endpoint against one reference, token by token; no relation is judged by it.

    identical: no further from the reference than rounding takes the reference from itself. near: no further than
    8-bit quantization does. changed: further. The numbers are None where the two could not be compared.
    """

    reference: str
    finding: ServedFinding
    sentence: str = Field(description="what that means, or why the two could not be compared")
    texts: Count = 0
    tokens: Count = 0
    median_nats: Positive | None = Field(
        default=None, description="median over tokens of how far the endpoint is from the reference in float32"
    )
    rounding_nats: Positive | None = Field(
        default=None, description="the same of the reference in bfloat16, measured here on the same tokens"
    )
    ratio: Positive | None = Field(default=None, description="the first over the second")
    pull: Number | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="how much more of the distances goes with the token itself than with the one before it",
    )
    cause: ServedCause | None = Field(
        default=None, exclude_if=lambda value: value is None, description="left out where it cannot be told"
    )
    limits: ServedLimits | None = Field(default=None, exclude_if=lambda value: value is None)
    unchanged: ServedUnchanged | None = Field(default=None, exclude_if=lambda value: value is None)
    kinds: tuple[ServedKind, ...] = Field(default=(), exclude_if=lambda value: not value)
