"""Precision, casts, zeros and grids of single matrices."""

from __future__ import annotations

import numpy as np
import pytest

from provcheck.changes.deltas import spectrum_of
from provcheck.changes.grids import Grid, grid_of, precision_bits, rounded_to, zero_share
from provcheck.types import Floats

RANDOM = np.random.RandomState(3)
MATRIX: Floats = RANDOM.standard_normal((64, 128)).astype(np.float32)


def rounded(bits: int, group: int, *, lift: float = 0.0) -> Floats:
    """Codes of so many bits; `lift` moves the grid, as formats with a zero point do."""
    groups = MATRIX.reshape(-1, group).astype(np.float64)
    if lift:
        low, high = groups.min(axis=1, keepdims=True), groups.max(axis=1, keepdims=True)
        scale = (high - low) / (2**bits - 1)
        return np.asarray(np.round((groups - low) / scale) * scale + low).reshape(MATRIX.shape)
    scale = np.abs(groups).max(axis=1, keepdims=True) / (2 ** (bits - 1) - 1)
    return np.asarray(np.round(groups / scale) * scale).reshape(MATRIX.shape)


@pytest.mark.parametrize("lift", [0.0, 1.0])
@pytest.mark.parametrize(("bits", "group"), [(4, 32), (4, 64), (4, 128), (8, 128), (8, 32)])
def test_grids_by_bits_and_group(bits: int, group: int, lift: float) -> None:
    found = rounded(bits, group, lift=lift).astype(np.float16).astype(np.float32)
    expected = Grid(bits, 0 if group == MATRIX.shape[1] else group)
    assert grid_of(found) == expected
    assert grid_of(np.ascontiguousarray(found.T)) == expected, "columns are tried too"


def test_uneven_values_from_a_short_list_are_a_grid() -> None:
    """As those of NF4: sixteen values, not evenly spaced."""
    levels = np.sort(RANDOM.standard_normal(16))
    assert grid_of(levels[RANDOM.randint(0, 16, size=(64, 128))].astype(np.float32)) is not None


@pytest.mark.parametrize("kind", ["plain", "half", "pruned", "bfloat16"])
def test_weights_that_were_not_quantized_lie_on_no_grid(kind: str) -> None:
    made = {
        "plain": MATRIX,
        "half": MATRIX.astype(np.float16).astype(np.float32),
        "pruned": np.where(np.abs(MATRIX) < 0.7, 0, MATRIX),
        "bfloat16": rounded_to(MATRIX, 8),
    }[kind]
    assert grid_of(made) is None


def test_precision_and_casts() -> None:
    half = MATRIX.astype(np.float16).astype(np.float32)
    assert (precision_bits(MATRIX), precision_bits(half), precision_bits(rounded_to(MATRIX, 8))) == (24, 11, 8)
    assert np.array_equal(rounded_to(MATRIX, 11), half)
    assert precision_bits(np.ones(5, dtype=np.float32)) == 1
    assert zero_share(np.array([[0.0, 1.0], [2.0, 0.0]])) == 0.5


def test_the_rank_of_a_change_is_that_above_rounding() -> None:
    low = MATRIX + RANDOM.standard_normal((64, 5)) @ RANDOM.standard_normal((5, 128)) / 10
    found = spectrum_of(*(one.astype(np.float16).astype(np.float32) for one in (low, MATRIX)))
    assert found is not None and (found.rank, found.full_rank) == (5, 64) and found.flatness > 2
    noise = spectrum_of(MATRIX + 0.1 * RANDOM.standard_normal(MATRIX.shape), MATRIX)
    assert noise is not None and noise.rank == 64 and noise.flatness == pytest.approx(1, abs=0.1)
    assert spectrum_of(MATRIX, MATRIX) is None
