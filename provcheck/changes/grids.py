"""How stored numbers look: exact zeros, the precision of their significands, grids of few values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from provcheck.types import Floats

BITS = (4, 8)
SMALLEST, GREATEST = 16, 256
"""Weights that may share a scale, other than a whole row."""

SAMPLED = 64
"""Groups of a matrix that are looked at."""

ON_GRID = 0.1
"""Mean distance to the nearest grid point, in steps, up to which numbers lie on it. Off the grid it is 0.25; float16
rounds 8-bit codes by 0.01 to 0.03 of a step."""

FEW_BITS = 4
"""With more, groups hold too few weights to tell a short list of values."""

FULL, SIGNIFICAND = 24, 23
"""Bits of a float32's significand: all, and those stored."""


@dataclass(frozen=True)
class Grid:
    """Bits of the codes, and how many weights share a scale (0: a whole row or column)."""

    bits: int
    group: int


def zero_share(matrix: Floats) -> float:
    """Share of exact zeros."""
    return float(np.mean(matrix == 0))


def precision_bits(values: Floats) -> int:
    """Bits of the significand that some number uses: at most 24 in float32, 11 in float16, 8 in bfloat16."""
    codes = np.ascontiguousarray(values, dtype=np.float32).view(np.uint32) & np.uint32((1 << SIGNIFICAND) - 1)
    used = int(np.bitwise_or.reduce(codes, axis=None)) if codes.size else 0
    return FULL - ((used & -used).bit_length() - 1) if used else 1


def rounded_to(values: Floats, bits: int) -> Floats:
    """float32 numbers rounded to float16 (11 bits) or bfloat16 (8 bits); unchanged for other precisions."""
    values = np.ascontiguousarray(values, dtype=np.float32)
    if bits == 11:
        return values.astype(np.float16).astype(np.float32)
    if bits != 8:
        return values
    codes = values.view(np.uint32).astype(np.uint64)
    return (((codes + 0x7FFF + ((codes >> 16) & 1)) >> 16 << 16).astype(np.uint32)).view(np.float32)


def grid_of(matrix: Floats) -> Grid | None:
    """The coarsest grid that the numbers lie on, by rows or columns; None if they lie on none."""
    for bits in BITS:
        for rows in (matrix, matrix.T):
            for size in _sizes(rows.shape[1]):
                if _on_grid(_groups(rows, size), bits):
                    return Grid(bits, 0 if size == rows.shape[1] else size)
    return None


def _sizes(width: int) -> list[int]:
    """Group sizes that rows can be cut into: whole rows first, then the largest."""
    parts = [size for size in range(min(GREATEST, width - 1), SMALLEST - 1, -1) if width % size == 0]
    return [width, *parts] if width >= SMALLEST else []


def _groups(rows: Floats, size: int) -> Floats:
    """(G, size) some groups, none of them all zero."""
    chosen = rows[:: max(1, rows.size // size // SAMPLED)]
    groups = np.ascontiguousarray(chosen).reshape(-1, size)
    groups = groups[:: max(1, len(groups) // SAMPLED)]
    return groups[groups.any(axis=1)].astype(np.float64)


def _on_grid(groups: Floats, bits: int) -> bool:
    """Symmetric around zero with the largest code at the end, from end to end, or simply few values, often repeated."""
    if not len(groups):
        return False
    top = 2 ** (bits - 1) - 1
    size = np.abs(groups).max(axis=1, keepdims=True)
    low, high = groups.min(axis=1, keepdims=True), groups.max(axis=1, keepdims=True)
    return (
        _distance(groups, groups / size * top, (np.abs(groups) < size) & (groups != 0)) <= ON_GRID
        or _distance(
            groups, (groups - low) / np.maximum(high - low, 1e-30) * (2**bits - 1), (groups > low) & (groups < high)
        )
        <= ON_GRID
        or (bits == FEW_BITS and _few_values(groups, 2**bits))
    )


def _distance(groups: Floats, steps: Floats, inner: Floats) -> float:
    """Mean distance from whole steps of the numbers that do not define the grid; a half where there are none."""
    off = np.abs(steps - np.round(steps))[inner.astype(bool)]
    return float(off.mean()) if off.size > len(groups) else 0.5


def _few_values(groups: Floats, most: int) -> bool:
    """Whether groups hold at most so many values, each twice or more on average, zeros aside."""
    ordered = np.sort(groups, axis=1)
    distinct = 1 + (np.diff(ordered, axis=1) != 0).sum(axis=1)
    filled = (groups != 0).sum(axis=1)
    return bool(np.quantile(distinct, 0.95) <= most and np.median(filled) >= 2 * np.median(distinct))
