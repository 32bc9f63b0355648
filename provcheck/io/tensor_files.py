"""The weights of a model in safetensors files, mapped into memory: only what is asked for is read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import prod
from pathlib import Path

import numpy as np

from provcheck.io.partial_file import Span
from provcheck.io.safetensors import READABLE, Bytes, Entry, as_floats, read_header
from provcheck.types import Floats, Ints, Tensors

Shape = tuple[int, ...]

SCALES = ("_scale_inv", "_scale")
"""Endings of the factors by which a float8 tensor is multiplied: one, one a row, or one a block (DeepSeek, vLLM)."""


class TensorFiles(Tensors):
    """The tensors of several safetensors files by name, as floats; those of float8 are multiplied by their scales."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._places = {name: (path, head) for path in paths for head in [read_header(path)] for name in head.entries}

    def __getitem__(self, name: str) -> Floats:
        entry, data = self._mapped(name)
        return self._scaled(name, as_floats(np.asarray(data), entry.dtype, entry.shape))

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def shape(self, name: str) -> Shape:
        """From the header."""
        return self._entry(name).shape

    def holds_floats(self, name: str) -> bool:
        """From the header; scales that do not fit make a tensor unreadable."""
        scale = self._scale(name)
        fits = scale is None or (self.holds_floats(scale) and _blocks(self.shape(scale), self.shape(name)) is not None)
        return fits and self._entry(name).dtype in READABLE

    def rows(self, name: str, places: Ints) -> Floats:
        """Only these rows are read; for a scaled tensor all are."""
        if self._scale(name):
            return self[name][places]
        entry, data = self._mapped(name, places)
        chosen = data.reshape(entry.shape[0], -1)[places]
        return as_floats(chosen.reshape(-1), entry.dtype, (len(places), *entry.shape[1:]))

    def _need(self, path: Path, spans: Iterable[Span]) -> None:
        """Called before these bytes of a file are read; whole files need nothing."""

    def span(self, name: str) -> tuple[Path, Span]:
        """Where a tensor lies, from the header."""
        path, header = self._places[name]
        entry = header.entries[name]
        return path, (header.start + entry.begin, header.start + entry.end)

    def _entry(self, name: str) -> Entry:
        return self._places[name][1].entries[name]

    def _mapped(self, name: str, rows: Ints | None = None) -> tuple[Entry, Bytes]:
        """The bytes of a tensor, of which all or these rows will be read."""
        entry, (path, (start, end)) = self._entry(name), self.span(name)
        size = end - start
        if not size:
            return entry, np.zeros(0, dtype=np.uint8)
        self._need(path, [(start, start + size)] if rows is None else _spans(start, size // entry.shape[0], rows))
        return entry, np.memmap(path, dtype=np.uint8, mode="r", offset=start, shape=(size,))

    def _scale(self, name: str) -> str | None:
        if not self._entry(name).dtype.startswith("F8_"):
            return None
        return next((name + ending for ending in SCALES if name + ending in self._places), None)

    def _scaled(self, name: str, values: Floats) -> Floats:
        scale = self._scale(name)
        blocks = _blocks(self.shape(scale), values.shape) if scale else None
        if scale is None or blocks is None:
            return values
        factors = (
            self[scale].astype(np.float32).reshape(*self.shape(scale), *(1,) * (values.ndim - len(self.shape(scale))))
        )
        for axis, length in enumerate(blocks):
            factors = np.repeat(factors, length, axis=axis).take(range(values.shape[axis]), axis=axis)
        values *= factors
        return values


def _spans(start: int, size: int, rows: Ints) -> list[Span]:
    """Where these rows of so many bytes lie."""
    begins = (start + size * int(row) for row in np.unique(rows))
    return [(begin, begin + size) for begin in begins]


def _blocks(scales: Shape, shape: Shape) -> tuple[int, ...] | None:
    """How many elements along each axis share a factor, a power of two or all; None if the scales do not fit."""
    scales = (*scales, *(1,) * (len(shape) - len(scales)))
    if len(scales) != len(shape) or 0 in scales:
        return None
    lengths = tuple(
        max(1, size) if count == 1 else 1 << (max(0, size - 1) // count).bit_length()
        for count, size in zip(scales, shape, strict=True)
    )
    fits = all(-(-size // length) == count for count, size, length in zip(scales, shape, lengths, strict=True))
    return lengths if fits or prod(scales) == 1 else None
