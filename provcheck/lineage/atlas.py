"""The map: models in two dimensions, t-SNE of ABLE contrast distances (ABLE paper, figure 4)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from provcheck.bank import Bank
from provcheck.comparison.distance import pairwise_distances
from provcheck.lineage.tips import Tips, gather, whole
from provcheck.types import BankMap, Comparison, Floats, MapPoint, Measurement

LEAST = 4

PERPLEXITY = 15.0
"""Neighbours that count, about. From 5 to 30 the maps of zoo-v1 keep a model's kin equally well around it."""

LEARNING_RATE = 10.0
"""scikit-learn's default, 50 at least, throws small maps apart."""

SEED = 0


def draw_map(measurement: Measurement, bank: Bank, comparisons: Sequence[Comparison]) -> BankMap:
    """Subject and references on one map: all of them, or of a large bank the nearest and one of each family."""
    rows, _ = whole(bank, [comparison.reference for comparison in comparisons])
    return project(gather(bank, rows, measurement))


def project(tips: Tips) -> BankMap:
    """The map of these models by t-SNE (van der Maaten and Hinton, 2008), farthest coordinate 1. Same in, same out.

    Near is alike; distances between groups say little.
    """
    if reason := tips.why_not(LEAST, "map"):
        return BankMap(reason=reason)
    places = t_sne(pairwise_distances(tips.blocks))
    if not np.isfinite(places).all():
        return BankMap(reason="t-SNE found no places for these models")
    families = [*([None] if tips.subject is not None else []), *(one.family for one in tips.references)]
    points = tuple(
        MapPoint(id=id, family=family, x=float(x), y=float(y), subject=tips.subject is not None and not place)
        for place, (id, family, (x, y)) in enumerate(zip(tips.ids, families, places, strict=True))
    )
    return BankMap(points=points)


def t_sne(distances: Floats) -> Floats:
    """(M, 2) places for (M, M) distances, from -1 to 1."""
    from sklearn.manifold import TSNE

    perplexity = min(PERPLEXITY, max(1.0, (len(distances) - 1) / 3))
    start = classical_scaling(distances)
    solver = TSNE(
        metric="precomputed",
        init=start / start[:, 0].std() * 1e-4 if start[:, 0].std() > 0 else "random",
        random_state=SEED,
        perplexity=perplexity,
        learning_rate=LEARNING_RATE,
        method="exact",
    )
    with threadpool_limits(1):  # several wait for one another
        places = solver.fit_transform(distances.copy())  # which it squares where they are
    return np.asarray((places / max(1e-12, np.abs(places).max())).round(4), dtype=np.float64)


def classical_scaling(distances: Floats) -> Floats:
    """(M, 2) classical multidimensional scaling: where t-SNE begins, so that large distances have their say.

    Each axis points to its farthest model, for the sign of an eigenvector means nothing.
    """
    squares = distances**2
    centred = -0.5 * (squares - squares.mean(axis=0) - squares.mean(axis=1)[:, None] + squares.mean())
    values, vectors = np.linalg.eigh((centred + centred.T) / 2)
    axes = vectors[:, [-1, -2]] * np.sqrt(np.maximum(values[[-1, -2]], 0.0))
    farthest = axes[np.abs(axes).argmax(axis=0), [0, 1]]
    return np.asarray(axes * np.where(farthest < 0, -1.0, 1.0))
