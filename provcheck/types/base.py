"""The base of all records, and the words that every module uses."""

from __future__ import annotations

import hashlib
import json
import os
from enum import IntEnum, StrEnum
from typing import Annotated, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

StrPath = str | os.PathLike[str]
"""A file, a folder, or the name of what ships."""

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

Count = Annotated[int, Field(ge=0, le=2**53)]
"""Bounded by what every JSON reader can represent exactly."""

Share = Annotated[float, Field(ge=0, le=1)]
CosineDistance = Annotated[float, Field(ge=0, le=2)]
Coordinate = Annotated[float, Field(ge=-1e6, le=1e6)]
Number = Annotated[float, Field(ge=-1e30, le=1e30)]
Positive = Annotated[float, Field(ge=0, le=1e30)]
"""Bounded, so that arithmetic on the numbers of an untrusted file cannot overflow."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

REPORT_SCHEMA_VERSION = 4
"""4: the judge states each panel of signals that it judged by; a comparison names its own. Since then also `at_hand`
and `named` of comparisons, `unavailable` and `durations`, left out where there is nothing to state.
3: comparisons, measurement and background hold signals by name; the judge has a record of its own.
2: digest of the report itself and of everything that went in, policy, background, map, agreement by category.
1: first version.
"""


class ExitCode(IntEnum):
    """pytest's exit codes, the same for every output format."""

    OK = 0
    CHECK_FAILED = 1
    INTERRUPTED = 2
    INTERNAL_ERROR = 3
    USAGE_ERROR = 4
    NO_CHECKS = 5


class Relation(StrEnum):
    """How a subject's weights relate to those of a reference."""

    IDENTICAL = "identical"
    DERIVED = "derived"
    SAME_RECIPE = "same-recipe"
    UNRELATED = "unrelated"
    INCONCLUSIVE = "inconclusive"

    @property
    def related(self) -> bool:
        """Whether it counts as an accusation."""
        return self in (Relation.IDENTICAL, Relation.DERIVED)

    @property
    def independent(self) -> bool:
        """Whether it counts as an acquittal."""
        return self in (Relation.SAME_RECIPE, Relation.UNRELATED)


class Outcome(StrEnum):
    """What became of a check."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"
    INCONCLUSIVE = "inconclusive"
    ERROR = "error"


class Record(BaseModel):
    """Base of everything that is written to a file: frozen, and unknown fields are an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Digested(Record):
    """A record whose last field, `digest`, covers everything else in it, so that a change shows."""

    def computed_digest(self) -> str:
        """What `digest` must be: sha256 (hex) over the canonical JSON of everything else."""
        return canonical_digest(self.model_dump(mode="json", exclude={"digest"}))

    def with_digest(self) -> Self:
        """The same record with its digest."""
        return self.model_copy(update={"digest": self.computed_digest()})


class FileDigest(Record):
    """One file that went into a measurement. `sha256` is taken from the file itself, or None if it was read in part."""

    name: str
    bytes: Count
    sha256: str | None = Field(description="None where only parts of the file were fetched, so it was not computed")
    stated_etag: str | None = Field(
        default=None,
        exclude_if=lambda value: value is None,
        description="where sha256 was not computed: the ETag that the Hub states, for a file in LFS its sha256; not "
        "checked",
    )


def canonical_digest(value: Any) -> str:
    """sha256 (hex) over the canonical JSON of a value: sorted keys, no spaces, ASCII."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
