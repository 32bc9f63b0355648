"""Probes, and the numbers one model gives on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from pydantic import Field

from provcheck.types.base import Count, Floats, Number, Positive, Record
from provcheck.types.subject import Subject


class Question(Record):
    """A multiple-choice question of a probe set."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    category: str
    subject: str
    question: str = Field(min_length=1)
    options: tuple[str, ...] = Field(min_length=2)
    answer: int


class Text(Record):
    """A text of a probe set."""

    id: str = Field(pattern=r"^[a-z0-9-]+$")
    domain: str
    text: str = Field(min_length=1)


BLOCKS = 48
"""Blocks of questions, about; each category has its share of them, one at least."""


@dataclass(frozen=True)
class Block:
    """Neighbouring questions of one category; `places` are their places in the probe set."""

    category: str
    places: tuple[int, ...]


def blocks_of(categories: Sequence[str]) -> tuple[Block, ...]:
    """Blocks of about equal size for questions of these categories, by category in order of appearance."""
    places: dict[str, list[int]] = {}
    for place, category in enumerate(categories):
        places.setdefault(category, []).append(place)
    share = BLOCKS / max(1, len(categories))
    return tuple(
        Block(category, tuple(int(place) for place in part))
        for category, members in places.items()
        for part in np.array_split(members, min(len(members), max(1, round(share * len(members)))))
    )


@dataclass(frozen=True)
class ProbeSet:
    """Fixed questions (for ABLE) and texts (for log-likelihood); `digest` covers content and order."""

    name: str
    digest: str
    questions: tuple[Question, ...]
    texts: tuple[Text, ...]

    @property
    def blocks(self) -> tuple[Block, ...]:
        """The questions in blocks of one category each."""
        return blocks_of([question.category for question in self.questions])


@dataclass(frozen=True)
class Basis:
    """What two measurements must have in common to be compared."""

    algorithm: str
    probes: str
    probes_digest: str


class Coverage(Record):
    """How many probes were really measured; the rest was left out, for the reasons counted in `left_out`."""

    questions: Count
    questions_total: Count
    texts: Count
    texts_total: Count
    left_out: dict[str, Count] = Field(default_factory=dict)

    @property
    def share(self) -> float:
        """The smaller of the two measured shares, 0 to 1."""
        return min(self.questions / max(1, self.questions_total), self.texts / max(1, self.texts_total))


class MeasurementFacts(Record):
    """How a measurement was made."""

    algorithm: str
    probes: str
    probes_digest: str
    coverage: Coverage
    bits_per_byte: Number | None = Field(description="mean code length of the model on the texts")
    device: str
    dtype: str
    versions: dict[str, str]
    seconds: Positive
    measured_at: datetime

    @property
    def basis(self) -> Basis:
        """What the measurement can be compared with."""
        return Basis(self.algorithm, self.probes, self.probes_digest)


@dataclass(frozen=True, eq=False)
class Measurement:
    """The numbers one model gives.

    paper_blocks, contrast_blocks: (B, 256) float32, projected word attributions of each block of questions, for the
    two ABLE views; their sum over B is the embedding. loglik_nats: (N,) float64, NaN where a text was left out.
    words: (W,) float32 word attributions before any normalisation, or None when not kept.
    """

    subject: Subject
    facts: MeasurementFacts
    paper_blocks: Floats
    contrast_blocks: Floats
    loglik_nats: Floats
    words: Floats | None = None

    @property
    def paper(self) -> Floats:
        """(256,) ABLE embedding of the paper's view."""
        return np.asarray(self.paper_blocks.sum(axis=0))

    @property
    def contrast(self) -> Floats:
        """(256,) ABLE embedding of the contrast view."""
        return np.asarray(self.contrast_blocks.sum(axis=0))
