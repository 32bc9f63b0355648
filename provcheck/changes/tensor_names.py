"""Stored tensors by block and kind: `model.layers.3.mlp.up_proj.weight` is `mlp.up_proj.weight` of block 3."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from math import prod

import numpy as np

from provcheck.io.safetensors import all_finite
from provcheck.signals.weights.stored import Unfit, shown
from provcheck.types import Floats, Tensors

LARGEST = 2**26
"""Numbers of a tensor that are read at once; of a larger one, evenly spaced rows."""

NUMBERED = re.compile(r"^(.*?\.)?(\d{1,6})\.(.+)$")


@dataclass(frozen=True, eq=False)
class Names:
    """Whole names by kind: of each block, and of what stands outside of blocks. Kinds with numbers are experts."""

    tensors: Tensors
    blocks: tuple[Mapping[str, str], ...]
    outside: Mapping[str, str]

    @property
    def parts(self) -> tuple[Mapping[str, str], ...]:
        """The blocks, and what is outside of them."""
        return (*self.blocks, self.outside)

    def read(self, name: str) -> Floats:
        """The tensor as float32; of one with more than LARGEST numbers, evenly spaced rows. Raises Unfit for NaN."""
        shape = self.tensors.shape(name)
        if prod(shape) > LARGEST:
            return self.rows(name, max(1, LARGEST * shape[0] // prod(shape)))
        return _finite(name, np.asarray(self.tensors[name], dtype=np.float32))

    def rows(self, name: str, most: int) -> Floats:
        """At most so many rows as float32, evenly spaced from first to last. Raises Unfit for NaN."""
        count = self.tensors.shape(name)[0]
        places = np.unique(np.linspace(0, count - 1, min(most, count)).astype(np.int64))
        return _finite(name, np.asarray(self.tensors.rows(name, places), dtype=np.float32))

    def matrix(self, name: str) -> Floats:
        """The tensor as (rows, columns); experts in one tensor lie below one another."""
        found = self.read(name)
        return found.reshape(-1, found.shape[-1])

    def is_matrix(self, name: str) -> bool:
        """Whether it has two axes or more that are longer than 1."""
        return sum(size > 1 for size in self.tensors.shape(name)) > 1

    def matrices(self, block: int) -> dict[str, str]:
        """The matrices of a block: whole names by kind."""
        return {kind: name for kind, name in self.blocks[block].items() if self.is_matrix(name)}

    def shape(self, name: str) -> tuple[int, ...]:
        """From the header."""
        return self.tensors.shape(name)


def names_of(tensors: Tensors) -> Names:
    """Sort the tensors that hold floats. The largest numbered list is the blocks; all other names are outside."""
    readable = [name for name in tensors if tensors.holds_floats(name) and 0 not in tensors.shape(name)]
    found = {name: match for name in readable if (match := NUMBERED.match(name))}
    lists = Counter(match[1] or "" for match in found.values())
    chosen = min(lists, key=lambda one: (-lists[one], one)) if lists else None
    inside = {name: match for name, match in found.items() if (match[1] or "") == chosen}
    numbers = sorted({int(match[2]) for match in inside.values()})
    blocks = tuple({match[3]: name for name, match in inside.items() if int(match[2]) == number} for number in numbers)
    root = ".".join((chosen or "").split(".")[:-2])
    outside = {_without(name, root): name for name in readable if name not in inside}
    return Names(tensors, blocks, outside)


def common(first: Mapping[str, str], second: Mapping[str, str], one: Names, two: Names) -> list[tuple[str, str, str]]:
    """Kind and both names of the tensors that two blocks have in common, with the same shape."""
    return [
        (kind, name, second[kind])
        for kind, name in first.items()
        if kind in second and one.shape(name) == two.shape(second[kind])
    ]


def _without(name: str, root: str) -> str:
    return name.removeprefix(f"{root}.") if root else name


def _finite(name: str, values: Floats) -> Floats:
    if not all_finite(values):
        raise Unfit(f"the tensor '{shown(name)}' holds numbers that are not finite")
    return values
