"""The stored tensors of a model under the names of its layout, with their shapes checked before anything is read.

Names and shapes come from strangers. What does not fit raises `Unfit`, whose text is the reason that a reader sees.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np

from provcheck.io.text import plain, short_name
from provcheck.signals.weights.layouts import Names
from provcheck.types import Floats, Tensors

Shape = tuple[int, ...]


class Unfit(Exception):
    """The stored tensors are not what the layout says: the reason, as a sentence."""


@dataclass(frozen=True)
class Stored:
    """Tensors whose names start with `prefix`: `names`, whole, and perhaps others."""

    tensors: Tensors
    names: Collection[str]
    prefix: str = ""

    def under(self, prefix: str) -> Stored:
        """Those with a longer prefix."""
        return Stored(self.tensors, self.names, self.prefix + prefix)

    def blocks(self, pattern: str) -> dict[int, Stored]:
        """Those of each number that stands for `{}` in the pattern, a prefix."""
        found: dict[int, set[str]] = {}
        for name, number in self._numbered(pattern.replace("{}", "*")):
            found.setdefault(number, set()).add(name)
        return {
            number: Stored(self.tensors, names, self.prefix + pattern.format(number)) for number, names in found.items()
        }

    def numbers(self, pattern: str) -> list[int]:
        """The numbers that stand for `*` in stored names with that beginning, in order."""
        return sorted({number for _, number in self._numbered(pattern)})

    def _numbered(self, pattern: str) -> Iterator[tuple[str, int]]:
        start, _, end = (self.prefix + pattern).partition("*")
        beginning = re.compile(re.escape(start) + r"(0|[1-9][0-9]{0,8})" + re.escape(end))
        return ((name, int(match[1])) for name in self.names if (match := beginning.match(name)))

    def find(self, names: Names) -> str | None:
        """The whole name of the first that is stored."""
        for name in (names,) if isinstance(names, str) else filter(None, names):
            for whole in (f"{self.prefix}{name}.weight", self.prefix + name):
                if whole in self.names:
                    return whole
        return None

    def shape(self, name: Names) -> Shape:
        """The shape of a tensor of floats, none of its sizes zero. Raises Unfit."""
        whole = self.find(name)
        if whole is None:
            wanted = name if isinstance(name, str) else name[0]
            raise Unfit(f"no tensor '{shown(self.prefix + wanted)}' is stored")
        if not self.tensors.holds_floats(whole):
            raise Unfit(f"the tensor '{shown(whole)}' holds no floating-point numbers")
        shape = self.tensors.shape(whole)
        if 0 in shape:
            raise Unfit(f"the tensor '{shown(whole)}' is empty")
        return shape

    def expect(self, name: Names, *shapes: Shape) -> Shape:
        """The shape, which must be one of these. Raises Unfit."""
        found = self.shape(name)
        if found not in shapes:
            raise Unfit(f"the tensor '{shown(self.find(name) or '')}' has the shape {found}, not {shapes[0]}")
        return found

    def matrix(self, name: Names) -> tuple[int, int]:
        """The shape of a tensor that must have two axes. Raises Unfit."""
        shape = self.shape(name)
        if len(shape) != 2:
            raise Unfit(f"the tensor '{shown(self.find(name) or '')}' has {len(shape)} axes, not 2")
        return shape[0], shape[1]

    def read(self, name: Names) -> Floats:
        """The tensor as a float32 array of its own. Raises Unfit if it is not stored."""
        whole = self.find(name)
        if whole is None:
            raise Unfit(f"no tensor '{shown(self.prefix)}{name}' is stored")
        return np.array(self.tensors[whole], dtype=np.float32)


def shown(name: str) -> str:
    """A stored name, safe in a sentence."""
    return short_name(plain(name))
