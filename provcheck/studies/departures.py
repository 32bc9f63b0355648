"""What the study `trajectory` measures on runs: steps, exponents, outliers, and where a fine-tune leaves its run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from provcheck.studies.runs import BESIDE, Run, even_part, exponents
from provcheck.types import Bools, Floats


@dataclass(frozen=True)
class Path:
    """A run with distances among its checkpoints: KL (C, C) in bits/byte, and weights' squares (C, C) if known.

    `outlying` (C,): which are outliers by KL, and by weights.
    """

    run: Run
    name: str
    kl: Floats
    weights: Floats | None
    outlying: Bools
    outlying_weights: Bools | None

    @property
    def early_and_late(self) -> tuple[Floats, Floats]:
        """KL of neighbours in the first and last third of the evenly spaced checkpoints, less outliers."""
        places = [place for place in even_part(self.run.steps) if not self.outlying[place]]
        found = np.array([self.kl[i, j] for i, j in pairwise(places)])
        third = max(1, len(found) // 3)
        return found[:third], found[-third:]

    def exponents(self, squared: Floats) -> dict[int, float]:
        """c by starting step, of the evenly spaced checkpoints, less outliers."""
        kept = np.array([place for place in even_part(self.run.steps) if not self.outlying[place]])
        spacing = int(self.run.steps[-1] - self.run.steps[-2])
        return exponents(self.run.steps[kept], squared[np.ix_(kept, kept)], spacing)


@dataclass(frozen=True)
class Departure:
    """Of each checkpoint of a fine-tune: the nearest of its run by step, KL to that and to where it left, bits/byte."""

    nearest_steps: list[int]
    to_run: Floats
    to_base: Floats
    usual: float
    base_step: int

    @property
    def left_at(self) -> int | None:
        """Index of the first checkpoint from which on all are farther from the run than its checkpoints from each
        other."""
        inside = np.flatnonzero(self.to_run <= self.usual)
        first = int(inside[-1]) + 1 if len(inside) else 0
        return first if first < len(self.to_run) else None


def departure(tune: Path, mains: Sequence[Path], kl: Floats) -> Departure | None:
    """Of a fine-tune; None where the run that it started from is not among these. `kl` (M, M) is of the whole bank."""
    base = tune.run.left
    parent = next((one for one in mains if base in one.run.rows), None)
    if base is None or parent is None:
        return None
    apart = kl[np.ix_(tune.run.rows, parent.run.rows)]
    place = int(np.flatnonzero(parent.run.rows == base)[0])
    around = [parent.kl[at, at + 1] for at in range(max(0, place - BESIDE), min(len(parent.kl) - 1, place + BESIDE))]
    return Departure(
        [int(parent.run.steps[at]) for at in apart.argmin(axis=1)],
        apart.min(axis=1),
        kl[tune.run.rows, base],
        float(np.max(around)),
        int(parent.run.steps[place]),
    )
