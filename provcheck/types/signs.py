"""Signs of disguise: what is odd about a model. A sign is no accusation, and moves no verdict."""

from __future__ import annotations

from pydantic import Field

from provcheck.types.base import Number, Record


class Makeup(Record):
    """What a model's config.json states, and what its files hold, as far as it may be odd; nothing is judged here."""

    stated: dict[str, Number | str] = Field(
        default_factory=dict, description="settings of config.json that change what the same weights do, by our names"
    )
    looks: dict[str, dict[str, Number]] = Field(
        default_factory=dict, description="the numbers that each look at the files gave, by the name of the look"
    )
    not_looked_at: dict[str, str] = Field(default_factory=dict, description="looks that were not taken, each with why")


class Sign(Record):
    """Something odd, the numbers that it rests on, and what else may explain it."""

    name: str = Field(pattern=r"^[a-z-]+$", description="the same in every version, for programs")
    reference: str | None = Field(default=None, description="the related model beside which it is odd; None for itself")
    finding: str = Field(description="what is odd, in a sentence")
    innocent: str = Field(description="what would explain it without any wish to hide, in a sentence")
    numbers: dict[str, Number] = Field(default_factory=dict)


class Signs(Record):
    """What was looked at, and what was found odd."""

    found: tuple[Sign, ...] = ()
    looked_at: tuple[str, ...] = ()
    not_looked_at: dict[str, str] = Field(default_factory=dict, description="what was not looked at, each with why")
