"""How well a matrix of distances groups models by a label: tree, clusters, neighbours, map.

ABLE, section 4.2 (figure 5: hierarchical clustering of cosine distances; figure 4: t-SNE).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from provcheck.studies.statistics import Estimate, shuffled
from provcheck.types import Floats, Ints

PERMUTATIONS = 499

Statistic = Callable[[Floats, Ints], float]
"""Of distances (M, M) and labels (M,)."""


def labels_of(names: Sequence[str]) -> Ints:
    """(M,) a number for each name."""
    return np.unique(np.array(names), return_inverse=True)[1].astype(np.int64)


def cophenetic(distances: Floats, _labels: Ints) -> float:
    """Correlation of the distances with those along the tree by average linkage; 1: they are those of a tree."""
    from scipy.cluster.hierarchy import cophenet, linkage
    from scipy.spatial.distance import squareform

    flat = squareform(distances, checks=False)
    return float(cophenet(linkage(flat, "average"), flat)[0])


def purity(distances: Floats, labels: Ints) -> float:
    """The tree cut into as many clusters as there are labels: share of models that bear their cluster's first label."""
    return _purity_in(_clusters(distances, labels), labels)


def neighbours(distances: Floats, labels: Ints) -> float:
    """Share of the models, whose label another bears, whose nearest bears it too."""
    return _neighbours_in(_nearest(distances), labels)


def silhouette(distances: Floats, labels: Ints) -> float:
    """Mean silhouette (Rousseeuw, 1987): from -1 to 1, above 0 where models are nearer to their own label's."""
    from sklearn.metrics import silhouette_score

    return float(silhouette_score(distances, labels, metric="precomputed"))


def against_chance(statistic: Statistic, distances: Floats, labels: Ints) -> tuple[float, float]:
    """What the statistic is with labels dealt at random, and the p-value of the actual ones."""
    if statistic is purity:
        clusters = _clusters(distances, labels)
        return shuffled(labels, lambda dealt: _purity_in(clusters, dealt), PERMUTATIONS)
    if statistic is neighbours:
        nearest = _nearest(distances)
        return shuffled(labels, lambda dealt: _neighbours_in(nearest, dealt), PERMUTATIONS)
    return shuffled(labels, lambda dealt: statistic(distances, dealt), PERMUTATIONS)


def estimate(statistic: Statistic, distances: Floats, labels: Ints, families: Ints) -> Estimate:
    """The statistic with the 95 % interval of a jackknife over families, since their members are not independent.

    Drawing models with replacement would put copies of one model side by side, which every statistic here rewards.
    """
    value, kept = statistic(distances, labels), [np.flatnonzero(families != one) for one in np.unique(families)]
    left = [statistic(distances[np.ix_(rows, rows)], labels[rows]) for rows in kept if len(set(labels[rows])) > 1]
    found, count = np.array(left), len(left)
    error = float(np.sqrt((count - 1) / count * ((found - found.mean()) ** 2).sum()))
    least = 0.0 if statistic in (purity, neighbours) else -1.0
    return Estimate(value, max(least, value - 1.96 * error), min(1.0, value + 1.96 * error), len(distances))


def _clusters(distances: Floats, labels: Ints) -> Ints:
    from scipy.cluster.hierarchy import fcluster, linkage
    from scipy.spatial.distance import squareform

    tree = linkage(squareform(distances, checks=False), "average")
    return np.asarray(fcluster(tree, len(set(labels)), "maxclust"), dtype=np.int64)


def _purity_in(clusters: Ints, labels: Ints) -> float:
    return sum(int(np.bincount(labels[clusters == one]).max()) for one in np.unique(clusters)) / len(labels)


def _nearest(distances: Floats) -> Ints:
    apart = distances.copy()
    np.fill_diagonal(apart, np.inf)
    return np.asarray(apart.argmin(axis=1), dtype=np.int64)


def _neighbours_in(nearest: Ints, labels: Ints) -> float:
    several = np.bincount(labels)[labels] > 1
    return float((labels[nearest] == labels)[several].mean()) if several.any() else float("nan")
