"""Whether an endpoint serves the weights of a named model."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from provcheck.types.base import Count, Positive, Record

ServedFinding = Literal["identical", "near", "changed", "not comparable"]


class ServedMatch(Record):
    """An endpoint against one reference, token by token; no relation is judged by it.

    identical: no further from the reference than rounding takes the reference from itself. near: a little further.
    changed: much further. The numbers are None where the two could not be compared.
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
