"""The map: models in two dimensions, by t-SNE of their distances (ABLE paper, figure 4)."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from threadpoolctl import threadpool_limits

from provcheck.bank import Bank
from provcheck.cache import MeasurementCache
from provcheck.lineage.keeping import kept_or_made
from provcheck.lineage.leaves import Leaves, gather, whole
from provcheck.lineage.trees import load_skbio
from provcheck.types import BankMap, Comparison, Floats, MapPoint, Measurement

LEAST = 4

PERPLEXITY = 15.0
"""Roughly how many neighbors count. From 5 to 30 the maps of zoo-v1 keep a model's kin equally well around it."""

LEARNING_RATE = 10.0
"""scikit-learn's default, 50 at least, scatters small maps."""

SEED = 0


def draw_map(
    measurement: Measurement, bank: Bank, comparisons: Sequence[Comparison], kept: MeasurementCache | None = None
) -> BankMap:
    """Subject and references on one map: all of them, or for a large bank the nearest and one of each family.

    `kept`: where maps are looked up.
    """
    rows, _ = whole(bank, [comparison.reference for comparison in comparisons])
    return kept_or_made(project, BankMap, gather(bank, rows, measurement), kept)


def project(leaves: Leaves) -> BankMap:
    """The map of these models by t-SNE (van der Maaten and Hinton, 2008), farthest coordinate 1. Deterministic.

    Models near each other are alike; distances between groups say little.
    """
    if reason := leaves.why_not(LEAST, "map"):
        return BankMap(reason=reason)
    places = t_sne(leaves.distances)
    if not np.isfinite(places).all():
        return BankMap(reason="t-SNE found no places for these models")
    subject = leaves.subject is not None
    families = [*([None] if subject else []), *(one.family for one in leaves.references)]
    points = tuple(
        MapPoint(id=id, family=family, x=float(x), y=float(y), subject=subject and not place)
        for place, (id, family, (x, y)) in enumerate(zip(leaves.ids, families, places, strict=True))
    )
    return BankMap(points=points)


def t_sne(distances: Floats) -> Floats:
    """(M, 2) positions for (M, M) distances, from -1 to 1."""
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
    with threadpool_limits(1):  # several threads would wait for one another
        places = solver.fit_transform(distances.copy())  # t-SNE squares them in place
    return np.asarray((places / max(1e-12, np.abs(places).max())).round(4), dtype=np.float64)


def classical_scaling(distances: Floats) -> Floats:
    """(M, 2) principal coordinates: where t-SNE starts, so that large distances count.

    Each axis points to its farthest model, since the sign of an eigenvector is arbitrary.
    """
    with warnings.catch_warnings():
        # distances that are not Euclidean have negative eigenvalues, which are not used
        warnings.simplefilter("ignore")
        from skbio.stats.ordination import pcoa

        found = pcoa(load_skbio().DistanceMatrix((distances + distances.T) / 2), dimensions=2)
    axes = np.asarray(found.samples.to_numpy(), dtype=np.float64)
    farthest = axes[np.abs(axes).argmax(axis=0), [0, 1]]
    return np.asarray(axes * np.where(farthest < 0, -1.0, 1.0))
