"""One tensor against its partner: how far it moved, and whether the difference is of low rank, or like noise."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from provcheck.changes.grids import precision_bits
from provcheck.types import Floats

ROWS = 512
"""Rows of a difference that its singular values are taken of, evenly spaced; a rank below it shows all the same."""

HALF_SMALLEST = 2.0**-24
"""Distance of the smallest float16 numbers."""


@dataclass(frozen=True)
class Spectrum:
    """Of a difference: its rank above rounding, the rank that it could have, and its likeness to noise."""

    rank: int
    full_rank: int
    flatness: float


def relative_change(first: Floats, second: Floats) -> float | None:
    """||first - second|| / ||second||; None where the second is zero and the first is not."""
    size, change = float(np.linalg.norm(second)), float(np.linalg.norm(first - second))
    return change / size if size else None if change else 0.0


def cosine(first: Floats, second: Floats) -> float:
    """Of two arrays of one shape."""
    lengths = float(np.linalg.norm(first)) * float(np.linalg.norm(second))
    return float(np.vdot(first, second) / max(lengths, 1e-30))


def spectrum_of(first: Floats, second: Floats) -> Spectrum | None:
    """The singular values of first - second, (rows, columns); None where nothing changed.

    A singular value counts if it is larger than rounding makes any: the numbers of both models are rounded to the
    coarser of their precisions, which adds noise of ulp / sqrt(12) to each; the largest singular value of noise of
    deviation s is s (sqrt(rows) + sqrt(columns)).
    """
    places = np.linspace(0, len(first) - 1, min(ROWS, len(first))).astype(np.int64)
    one, two = (matrix[places].astype(np.float64) for matrix in (first, second))
    difference = one - two
    if not difference.any():
        return None
    rows, columns = difference.shape
    gram = difference @ difference.T if rows <= columns else difference.T @ difference
    values = np.sqrt(np.maximum(np.linalg.eigvalsh(gram), 0))[::-1]
    edge = np.sqrt(rows) + np.sqrt(columns)
    floor = _rounding(one, min(precision_bits(first), precision_bits(second))) * np.sqrt(2) * edge
    size = float(np.sqrt(np.mean(difference**2)))
    return Spectrum(int((values > floor).sum()), min(rows, columns), float(values[0] / (size * edge)))


def _rounding(values: Floats, bits: int) -> float:
    """Deviation that rounding to so many bits gives these numbers, root mean square."""
    _, exponent = np.frexp(values)
    steps = np.ldexp(1.0, exponent - bits)
    if bits == 11:
        steps = np.maximum(steps, HALF_SMALLEST)
    return float(np.sqrt(np.mean(steps**2) / 12))
