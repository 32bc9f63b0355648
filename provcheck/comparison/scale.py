"""The papers' scale of KL divergence: which documented kind of change is of the size that was measured."""

from __future__ import annotations

import math
from functools import cache

import yaml
from pydantic import Field

from provcheck import data
from provcheck.types import Record


class Band(Record):
    """One kind of change on the scale; median in bits/byte; `settings` are rows of the paper's table."""

    name: str
    median: float
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
    settings: tuple[Setting, ...]
    bands: tuple[Band, ...]


@cache
def load_scale() -> Scale:
    """The scale that ships with provcheck."""
    return Scale.model_validate(yaml.safe_load(data.kl_scale_file().read_text(encoding="utf-8")))


def place_on_scale(
    kl_bits_per_byte: float, subject_bits: float | None, reference_bits: float | None
) -> tuple[str | None, str | None]:
    """Band and None, or None and the reason why the papers' scale says nothing here.

    The band is the one whose median is nearest on a logarithmic scale.
    """
    scale = load_scale()
    if subject_bits is None or reference_bits is None:
        return None, "the code length of a model on the texts is not known"
    if max(subject_bits, reference_bits) > scale.max_bits_per_byte:
        return None, (
            f"a model spends {max(subject_bits, reference_bits):.2f} bits a byte on the texts; the papers' scale was "
            f"measured on models that spend at most {scale.max_bits_per_byte:g}"
        )
    size = math.log(max(kl_bits_per_byte, 1e-6))
    return min(scale.bands, key=lambda band: abs(math.log(band.median) - size)).name, None
