"""How sure a study's numbers are: Mantel test, bootstrap over models, and orders drawn at random.

All draws come from numpy's frozen RandomState with one seed, so that a study gives the same numbers again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from provcheck.types import Floats, Ints

SEED = 20264
RESAMPLES = 500
PERMUTATIONS = 999
RESAMPLES_OF_MATRICES = 200


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval, and over how many things it was taken."""

    value: float
    low: float
    high: float
    n: int

    @property
    def ci95(self) -> tuple[float, float]:
        """The ends of the interval."""
        return self.low, self.high


def upper(matrix: Floats) -> Floats:
    """(M (M - 1) / 2,) the entries above the diagonal."""
    return np.asarray(matrix[np.triu_indices(len(matrix), 1)], dtype=np.float64)


def correlation(first: Floats, second: Floats) -> float:
    """Pearson's r of two vectors; NaN where one of them is constant."""
    x, y = first - first.mean(), second - second.mean()
    scale = np.sqrt((x**2).sum() * (y**2).sum())
    return float((x * y).sum() / scale) if scale > 0 else float("nan")


def mantel(first: Floats, second: Floats, resamples: int = RESAMPLES) -> Estimate:
    """Pearson's r of two distance matrices (M, M) above the diagonal, with a bootstrap interval over models.

    Models, not pairs, are drawn with replacement; a model drawn twice is no pair with itself. Mantel (1967).
    """
    return mean_mantel([(first, second)], resamples)


def mean_mantel(pairs: Sequence[tuple[Floats, Floats]], resamples: int = RESAMPLES) -> Estimate:
    """The mean of `mantel` over several pairs of matrices of the same models, such as several draws of probes.

    Its interval covers both the draws and the models: each resample takes the next pair.
    """
    stream, count = np.random.RandomState(SEED), len(pairs[0][0])
    rows, columns = np.triu_indices(count, 1)
    samples = []
    for number in range(resamples):
        first, second = pairs[number % len(pairs)]
        drawn = stream.randint(count, size=count)
        i, j = drawn[rows], drawn[columns]
        apart = i != j
        samples.append(correlation(first[i[apart], j[apart]], second[i[apart], j[apart]]))
    low, high = _ends(np.array(samples))
    return Estimate(float(np.mean([correlation(upper(one), upper(two)) for one, two in pairs])), low, high, count)


def mantel_p_value(first: Floats, second: Floats, permutations: int = PERMUTATIONS) -> float:
    """Share of orders of one side's models, drawn at random, that correlate as well; the actual order counts as one."""
    stream = np.random.RandomState(SEED)
    own, other = correlation(upper(first), upper(second)), upper(second)
    orders = (stream.permutation(len(first)) for _ in range(permutations))
    as_well = sum(correlation(upper(first[np.ix_(order, order)]), other) >= own - 1e-12 for order in orders)
    return (1 + as_well) / (1 + permutations)


def bootstrapped(count: int, statistic: Callable[[Ints], float], resamples: int = RESAMPLES) -> Estimate:
    """A statistic of `count` independent things, given their indexes; its interval is that of drawing them again."""
    stream = np.random.RandomState(SEED)
    samples = [statistic(stream.randint(count, size=count)) for _ in range(resamples)]
    low, high = _ends(np.array(samples))
    return Estimate(statistic(np.arange(count)), low, high, count)


def shuffled(labels: Ints, statistic: Callable[[Ints], float], permutations: int = PERMUTATIONS) -> tuple[float, float]:
    """What a statistic of labels is on average for orders drawn at random, and the p-value of the actual order."""
    stream = np.random.RandomState(SEED)
    own = statistic(labels)
    found = np.array([statistic(stream.permutation(labels)) for _ in range(permutations)])
    return float(found.mean()), float((1 + (found >= own - 1e-12).sum()) / (1 + permutations))


def _ends(samples: Floats) -> tuple[float, float]:
    low, high = np.nanpercentile(samples, [2.5, 97.5])
    return float(low), float(high)
