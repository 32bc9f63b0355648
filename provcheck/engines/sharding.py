"""A shard: what one of several independent runs does, as in a Slurm array or a matrix of CI jobs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self, TypeVar

from provcheck.errors import UsageError

T = TypeVar("T")
HINT = "write --shard 2/8 for the second of eight runs"


@dataclass(frozen=True)
class Shard:
    """Number `place` of `count`, from 1: of what stands in a list, entry `place` and every `count`-th after it."""

    place: int
    count: int

    @classmethod
    def read(cls, text: str) -> Self:
        """`2/8`. Raises UsageError."""
        found = re.fullmatch(r"([0-9]{1,6})/([0-9]{1,6})", text, re.ASCII)
        place, count = map(int, found.groups()) if found else (0, 0)
        if not 1 <= place <= count:
            raise UsageError(f"{text!a} is no shard: it is a number from 1 on, a slash, and how many there are", HINT)
        return cls(place, count)

    def of(self, items: Sequence[T]) -> Sequence[T]:
        """Its share, by the order of the list alone. Raises UsageError where nothing is left for it."""
        share = items[self.place - 1 :: self.count]
        if not share:
            raise UsageError(f"nothing is left for shard {self} of {len(items)} models", "use fewer shards")
        return share

    @property
    def label(self) -> str:
        """For the name of a file."""
        return f"{self.place}-of-{self.count}"

    def __str__(self) -> str:
        return f"{self.place}/{self.count}"
