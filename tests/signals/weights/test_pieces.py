"""Equal pieces of bits against a literal loop."""

from __future__ import annotations

import numpy as np
import pytest

from provcheck.signals.weights import pieces
from provcheck.signals.weights.pieces import equal_pieces


def random_bits(seed: int, models: int, rows: int, size: int = 8) -> np.ndarray:
    """Few different bytes, so that pieces are often equal; the last rows hold no neuron."""
    found = np.random.default_rng(seed).integers(0, 3, (models, rows, size), dtype=np.uint8)
    found[:, -2:] = 0
    return found


def literal(one: np.ndarray, two: np.ndarray) -> int:
    """Pairs of neurons with an equal piece of 16 bits, all zeros aside."""
    return sum(
        bool(first[place : place + 2].any() and (first[place : place + 2] == second[place : place + 2]).all())
        for first in one
        for second in two
        for place in range(0, one.shape[1], 2)
    )


@pytest.mark.parametrize("models", [1, 5])
def test_they_are_counted_as_by_a_literal_loop(models: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "AT_ONCE", 2)
    (one,), others = random_bits(1, 1, 9), random_bits(2, models, 9)
    assert equal_pieces(one, others).tolist() == [literal(one, two) for two in others]


def test_the_order_of_neurons_does_not_matter_and_noise_does_little() -> None:
    random = np.random.default_rng(3)
    bits = random.integers(0, 256, (60, 128, 16), dtype=np.uint8)
    flipped = np.packbits(random.random((128, 128)) < 0.15, axis=1)
    counts = equal_pieces(bits[7][random.permutation(128)] ^ flipped, bits)
    assert counts.argmax() == 7 and counts[7] > 5 * np.delete(counts, 7).max()
