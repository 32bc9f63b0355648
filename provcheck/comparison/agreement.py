"""How far the subject is from one reference on each category of questions."""

from __future__ import annotations

import numpy as np

from provcheck.bank import Bank
from provcheck.comparison.distance import cosine_distances
from provcheck.types import Agreement, Measurement


def agreement(measurement: Measurement, bank: Bank, reference: str) -> tuple[Agreement, ...]:
    """ABLE contrast distance on each category alone, in the order of the probe set.

    A few questions tell less than all: the intervals are wide, and no judge reads these numbers.
    """
    row = [entry.id for entry in bank.references].index(reference)
    blocks = np.array(bank.manifest.block_categories)
    return tuple(_on(measurement, bank, row, category, blocks == category) for category in dict.fromkeys(blocks))


def _on(measurement: Measurement, bank: Bank, row: int, category: str, chosen: np.ndarray) -> Agreement:
    distances = cosine_distances(measurement.contrast_blocks[chosen], bank.contrast_blocks[row, chosen][None])
    return Agreement(category=str(category), blocks=int(chosen.sum()), distance=distances.at(0))
