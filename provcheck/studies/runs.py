"""Training runs in a bank: checkpoints in the order of their steps, how they diffuse, and which of them are outliers.

kl-trajectories, section 3 and appendix D: squared distance from step t0 grows as |t - t0|^c, and c is fitted by least
squares on logarithms over a window behind t0 (ten checkpoints; appendix D.5). Outlier checkpoints and texts are taken
out first (appendix D.1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from provcheck.bank import Bank
from provcheck.bank.manifest import BankEntry
from provcheck.types import Bools, Floats, Ints

WINDOW = 10
"""Checkpoints behind the start of a window, as in the paper: 120k to 130k, one every 1,000 steps."""

DROPPED_TEXTS = 0.03
"""Share of the texts whose log-likelihood jumps most between neighbouring checkpoints."""

BESIDE = 4
"""Neighbouring steps, on each side, that a step is compared with."""

OUTLYING = 2.5
"""Robust standard deviations beyond which both steps, to a checkpoint and from it, make it an outlier: of independent
normal steps, fewer than one pair in 20,000 are both beyond. Set after the provoked spike of the bank `trajectories` was
seen (4.0 and 3.1 by KL); of the runs without one, no checkpoint has both steps beyond 1.8."""


@dataclass(frozen=True)
class Run:
    """Checkpoints of one training, by step: `rows` (C,) in the bank, `steps` (C,).

    `left` is the row of the checkpoint that it started from, where that belongs to another run.
    """

    rows: Ints
    steps: Ints
    left: int | None = None

    def without(self, outliers: Bools) -> Run:
        """The run less these checkpoints (C,)."""
        return replace(self, rows=self.rows[~outliers], steps=self.steps[~outliers])


def runs_of(bank: Bank) -> list[Run]:
    """Chains of references with a step, each the parent of the next, in the bank's order."""
    entries = bank.references
    following: dict[int, int] = {}
    before: dict[int, int] = {}
    for row, one in enumerate(entries):
        parent = bank.rows.get(one.parents[0]) if len(one.parents) == 1 else None
        if one.step is None or parent is None or entries[parent].step is None:
            continue
        before[row] = parent
        if parent not in following and _goes_on(entries[parent], one):
            following[parent] = row
    starts = [
        row for row, one in enumerate(entries) if one.step is not None and following.get(before.get(row, -1)) != row
    ]
    return [_run(entries, start, following, before.get(start)) for start in starts]


def _goes_on(parent: BankEntry, child: BankEntry) -> bool:
    later = parent.step is not None and child.step is not None and parent.step < child.step
    return later and parent.mechanism in (child.mechanism, "from-scratch")


def _run(entries: Sequence[BankEntry], start: int, following: dict[int, int], left: int | None) -> Run:
    rows = [start]
    while rows[-1] in following:
        rows.append(following[rows[-1]])
    return Run(np.array(rows), np.array([entries[row].step for row in rows]), left)


def steady_texts(loglik_nats: Floats, runs: Sequence[Ints]) -> Ints:
    """Indexes of the texts (N,) less the 3 % with the largest change between neighbouring checkpoints of any run.

    loglik_nats (M, N), NaN where a text was left out: such texts are no steady ones. `runs`: rows of each run.
    """
    jumps = np.max([np.abs(np.diff(loglik_nats[rows], axis=0)).max(axis=0) for rows in runs], axis=0)
    known = np.isfinite(jumps)
    limit = np.quantile(jumps[known], 1 - DROPPED_TEXTS)
    return np.flatnonzero(known & (jumps <= limit))


def even_part(steps: Ints) -> Ints:
    """Indexes of the checkpoints from which on they are evenly spaced: the longest such stretch at the end."""
    gaps = np.diff(steps)
    if not len(gaps):
        return np.arange(len(steps))
    uneven = np.flatnonzero(gaps != gaps[-1])
    return np.arange(uneven[-1] + 1 if len(uneven) else 0, len(steps))


def exponent(steps: Ints, squared: Floats) -> float:
    """The power c with which squared distances (K,) grow with steps (K,) from their start, by least squares."""
    x, y = np.log(steps.astype(np.float64)), np.log(squared)
    x = x - x.mean()
    return float((x * (y - y.mean())).sum() / (x**2).sum())


def exponents(steps: Ints, squared: Floats, spacing: int) -> dict[int, float]:
    """c by the step at which a window of ten evenly spaced checkpoints starts; squared distances are (C, C)."""
    found: dict[int, float] = {}
    for start in range(len(steps) - WINDOW):
        ahead = slice(start + 1, start + WINDOW + 1)
        apart = squared[start, ahead]
        if (np.diff(steps[start : start + WINDOW + 1]) == spacing).all() and (apart > 0).all():
            found[int(steps[start])] = exponent(steps[ahead] - steps[start], apart)
    return found


def outliers(squared: Floats) -> Bools:
    """(C,) which checkpoints are far from both of their neighbours, against the steps around; distances (C, C).

    A step is far where its logarithm lies more than 2.5 robust standard deviations (of all steps of the run, each
    less the median of the four before and the four behind it) above that median.
    """
    taken = np.log(np.maximum(np.diagonal(squared, 1), 1e-30))
    around = [np.r_[taken[max(0, at - BESIDE) : at], taken[at + 1 : at + 1 + BESIDE]] for at in range(len(taken))]
    excess = taken - np.array([np.median(one) if len(one) else value for one, value in zip(around, taken, strict=True)])
    spread = 1.4826 * float(np.median(np.abs(excess - np.median(excess))))
    far = excess > OUTLYING * max(spread, 1e-9)
    return np.asarray(np.r_[False, far] & np.r_[far, False])
