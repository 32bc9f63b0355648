"""The lineage tree: Neighbor-Joining on ABLE cosine distances, as in the ABLE paper (section 4.2)."""

from __future__ import annotations

import warnings

import numpy as np

from provcheck.bank import Bank
from provcheck.comparison.distance import pairwise_distances
from provcheck.types import BankMap, Comparison, Floats, Lineage, MapPoint, Measurement

NEAREST = 20
"""References nearest to the subject that are put on the tree, beside one of each family."""

MAX_FAMILIES = 40


def place(measurement: Measurement, bank: Bank, comparisons: tuple[Comparison, ...]) -> Lineage:
    """Place the subject on a tree with its nearest references and one representative of each family.

    `comparisons` are nearest first. The tree needs two references at least.
    """
    chosen = _choose(bank, [comparison.reference for comparison in comparisons])
    if len(chosen) < 2:
        return Lineage(newick=None, nearest_on_tree=None, reason="a tree needs at least two references")
    names = [measurement.subject.id + " (subject)", *(bank.references[row].id for row in chosen)]
    own = measurement.contrast_blocks[None].astype(np.float32)
    distances = pairwise_distances(np.concatenate([own, bank.contrast_blocks[chosen].astype(np.float32)]))
    if not np.isfinite(distances).all():
        return Lineage(newick=None, nearest_on_tree=None, reason="a model has no attributions")
    return _neighbor_joining(distances, names)


def draw_map(measurement: Measurement, bank: Bank, comparisons: tuple[Comparison, ...]) -> BankMap:
    """Subject and references in two dimensions: t-SNE (van der Maaten and Hinton, 2008) of the contrast distances."""
    rows = _choose(bank, [comparison.reference for comparison in comparisons])
    if len(rows) < 3:
        return BankMap(reason="a map needs at least three references")
    own = measurement.contrast_blocks[None].astype(np.float32)
    distances = pairwise_distances(np.concatenate([own, bank.contrast_blocks[rows].astype(np.float32)]))
    if not np.isfinite(distances).all():
        return BankMap(reason="a model has no attributions")
    from sklearn.manifold import TSNE

    places = TSNE(metric="precomputed", init="random", random_state=0, perplexity=min(15, len(rows) / 3))
    x, y = places.fit_transform(distances).T.round(3)
    points = [MapPoint(id=measurement.subject.id, family=None, x=x[0], y=y[0], subject=True)]
    for place, row in enumerate(rows, 1):
        entry = bank.references[row]
        points.append(MapPoint(id=entry.id, family=entry.family, x=x[place], y=y[place]))
    return BankMap(points=tuple(points))


def _choose(bank: Bank, nearest_first: list[str]) -> list[int]:
    """Rows of the nearest references and of the nearest one of each family."""
    rows = {reference.id: row for row, reference in enumerate(bank.references)}
    families: dict[str, int] = {}
    for id in nearest_first:
        families.setdefault(bank.references[rows[id]].family, rows[id])
    return sorted({rows[id] for id in nearest_first[:NEAREST]} | set(list(families.values())[:MAX_FAMILIES]))


def _neighbor_joining(distances: Floats, names: list[str]) -> Lineage:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from skbio import DistanceMatrix
        from skbio.tree import nj

        symmetric = (distances + distances.T) / 2
        tree = nj(DistanceMatrix(symmetric, [str(tip) for tip in range(len(names))]))
        between = tree.cophenet()
    from_subject = [between["0", str(tip)] for tip in range(1, len(names))]
    for tip in tree.tips():
        tip.name = " ".join(names[int(tip.name)].split())  # Newick has no line breaks in names
    nearest = names[1 + int(np.argmin(from_subject))]
    return Lineage(newick=str(tree).strip(), nearest_on_tree=nearest)
