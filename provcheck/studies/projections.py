"""What the random projection does to ABLE's distances: its seed and its dimension.

ABLE, section 3.4 and appendix B: entries N(0, 1/K), K from 4 to 1,024; relation prediction converges near K = 256
(figure 7).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from provcheck.bank import Bank
from provcheck.studies.material import RawAttributions
from provcheck.studies.probe_subsets import euclidean, question_grams, unit_contrast
from provcheck.studies.statistics import SEED, correlation, upper
from provcheck.types import Bools, Floats, Relation

DIMENSIONS = (4, 32, 64, 128, 256, 512, 1024)
"""Those of the paper's figure 7."""

PROJECTIONS = 5
"""Seeds, as many as the paper's independent runs."""


@dataclass(frozen=True)
class Dimension:
    """What K dimensions leave of a view: r with the distances without projection, and AUC of related pairs."""

    kept: Floats
    between_seeds: Floats
    auc: Floats


def ablate_dimensions(bank: Bank, raw: RawAttributions, *, contrast: bool) -> dict[int, Dimension]:
    """By dimension, over PROJECTIONS seeds of the matrix."""
    whole = upper(question_grams(raw, contrast=contrast).of(np.arange(len(raw.places))))
    related, documented = related_pairs(bank, raw)
    both = bool(related[documented].any()) and not related[documented].all()
    embeddings = list(projected(raw, contrast=contrast))
    found = {}
    for dimension in DIMENSIONS:
        apart = [distances(one, dimension) for one in embeddings]
        flat = [upper(one) for one in apart]
        found[dimension] = Dimension(
            np.array([correlation(whole, one) for one in flat]),
            np.array([correlation(one, two) for one, two in combinations(flat, 2)]),
            np.array([auc(one, related, documented) for one in apart] if both else []),
        )
    return found


def projected(raw: RawAttributions, *, contrast: bool) -> Iterator[Floats]:
    """(M, 1024) embeddings for each seed; the first K columns are a projection to K dimensions, up to a factor.

    Every question is multiplied by its own part of the matrix, so that the whole of it is never in memory.
    """
    for seed in range(PROJECTIONS):
        stream, found = np.random.default_rng(SEED + seed), np.zeros((len(raw.rows), max(DIMENSIONS)))
        for places, options in zip(raw.places, raw.options, strict=True):
            values = (raw.relative if contrast else raw.words)[:, places]
            values = unit_contrast(values, options) if contrast else values
            matrix = stream.standard_normal((len(places), max(DIMENSIONS)), dtype=np.float32)
            found += values.astype(np.float32) @ matrix
        yield found


def distances(embeddings: Floats, dimension: int) -> Floats:
    """(M, M) Euclidean distances of the first `dimension` columns at unit length."""
    chosen = embeddings[:, :dimension]
    return euclidean(chosen @ chosen.T)


def related_pairs(bank: Bank, raw: RawAttributions) -> tuple[Bools, Bools]:
    """(P,) of the pairs above the diagonal: whether they are related, and whether their relation is documented."""
    ids = [bank.references[row].id for row in raw.rows]
    relations = [bank.ancestry.relation(ids[i], ids[j]) for i, j in zip(*np.triu_indices(len(ids), 1), strict=True)]
    related = np.array([one.related for one in relations], dtype=bool)
    return related, np.array([one is not Relation.INCONCLUSIVE for one in relations], dtype=bool)


def auc(apart: Floats, related: Bools, documented: Bools) -> float:
    """How often a related pair is nearer than an independent one, from (M, M) distances; 0.5 is chance."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(related[documented], -upper(apart)[documented]))
