"""The papers' scale of KL divergence: which documented kind of change has about the measured size."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import cache

from pydantic import Field, JsonValue

from provcheck.io import data
from provcheck.io.digests import file_digest
from provcheck.io.yaml import read_yaml
from provcheck.signals.likelihood.values import MAX_KL
from provcheck.types import Positive, Record, canonical_digest

FILE, MAX_BYTES = "kl_scale.yaml", 100_000
FITTED = "kl_scale"
"""Where the context of a bank's stack holds a scale that was measured on the bank's own pairs."""

SMALLEST = 1e-6
"""bits/byte; keeps the logarithm finite."""


class Band(Record):
    """One kind of change on the scale; median in bits/byte; `settings` are rows of the paper's table."""

    name: str
    median: float = Field(gt=0, le=1e30)
    settings: tuple[str, ...]


class Setting(Record):
    """One row of the paper's table: KL divergence in bits/byte."""

    name: str
    meaning: str
    median: float
    mean: float
    sd: float


class Scale(Record):
    """The scale with its source and the range of models it was measured on."""

    source: str
    table: str
    max_bits_per_byte: float = Field(description="either model spending more than this leaves the scale")
    settings: tuple[Setting, ...] = ()
    bands: tuple[Band, ...] = Field(min_length=1)
    bank: str | None = Field(default=None, description="the bank that it was measured on; None: the papers' scale")

    @property
    def whose(self) -> str:
        """Whose it is, in words."""
        return "this bank's" if self.bank else "the papers'"


class KLBand(Record):
    """One kind of change on the papers' KL scale; median in bits/byte."""

    name: str
    median: Positive


class KLBackground(Record):
    """The scale that a report goes by: the papers', or that of a bank."""

    kl_bands: tuple[KLBand, ...] = ()
    kl_source: str = ""
    kl_bank: str | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="the bank whose own pairs the scale was measured on, in place of the papers'",
    )


@cache
def load_scale() -> Scale:
    """The scale that ships with provcheck."""
    return Scale.model_validate(read_yaml(data.published_file(FILE), MAX_BYTES))


def scale_of(context: Mapping[str, JsonValue] | None) -> Scale:
    """The scale that a bank holds for its own models, or else the papers'. Raises ValueError for what is none."""
    own = context.get(FITTED) if context else None
    return load_scale() if own is None else Scale.model_validate(own)


def background(context: Mapping[str, JsonValue] | None = None) -> tuple[KLBackground, str]:
    """The scale for a report, and the sha256 of its file, or of its content where a bank holds it."""
    scale = scale_of(context)
    bands = tuple(KLBand(name=band.name, median=band.median) for band in scale.bands)
    found = KLBackground(kl_bands=bands, kl_source=f"{scale.source}, {scale.table}", kl_bank=scale.bank)
    return found, canonical_digest(scale.model_dump()) if scale.bank else file_digest(data.published_file(FILE))


def place_on_scale(
    kl_bits_per_byte: float, first_bits: float | None, second_bits: float | None, scale: Scale | None = None
) -> tuple[str | None, str | None]:
    """Band and None, or None and the reason why the scale, by default the papers', says nothing here.

    The band is the one whose median is nearest on a logarithmic scale. `first_bits`, `second_bits`: what the two models
    spend on the texts, in bits/byte.
    """
    scale = scale or load_scale()
    if first_bits is None or second_bits is None:
        return None, "the code length of a model on the texts is not known"
    if max(first_bits, second_bits) > scale.max_bits_per_byte:
        return None, (
            f"a model spends {max(first_bits, second_bits):.2f} bits a byte on the texts; {scale.whose} scale was "
            f"measured on models that spend at most {scale.max_bits_per_byte:g}"
        )
    if kl_bits_per_byte >= MAX_KL:
        return None, f"KL is {MAX_KL:g} bits a byte or more, beyond the range of its estimate"
    size = math.log(max(kl_bits_per_byte, SMALLEST))
    return min(scale.bands, key=lambda band: abs(math.log(band.median) - size)).name, None


def rank_on_scale(band: str | None) -> int | None:
    """Place of a band on the scale, from 0; -1 for a name that is not on it."""
    names = [one.name for one in load_scale().bands]
    return None if band is None else names.index(band) if band in names else -1
