"""The base of all records, and the words that every module uses."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

Floats = NDArray[np.floating[Any]]

Count = Annotated[int, Field(ge=0, le=2**53)]
"""What JSON readers of every language read alike."""

Share = Annotated[float, Field(ge=0, le=1)]
CosineDistance = Annotated[float, Field(ge=0, le=2)]
Coordinate = Annotated[float, Field(ge=-1e6, le=1e6)]
Number = Annotated[float, Field(ge=-1e30, le=1e30)]
Positive = Annotated[float, Field(ge=0, le=1e30)]
"""Bounded, so that no arithmetic on the numbers of a foreign file overflows."""


ALGORITHM = "able-kl/2"
"""Name and version of the measuring algorithm; measurements of different versions are never compared.

able-kl/2: each block holds questions of one category.
able-kl/1: ABLE with both views, 256 dimensions, 48 blocks; log-likelihood of every text from the second token on.
"""


REPORT_SCHEMA_VERSION = 2
"""2: digest of the report itself and of everything that went in, policy, background, map, agreement by category.
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


class FileDigest(Record):
    """One file that went into a measurement. `sha256` is taken from the file itself."""

    name: str
    bytes: Count
    sha256: str
