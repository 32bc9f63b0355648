"""Fit the judge on the documented pairs of a bank; cross-validated so that no root appears on both sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from provcheck.bank import Bank
from provcheck.types import Floats, Relation
from provcheck.verdict.features import NAMES, Space, Vectors, pair_features
from provcheck.verdict.machine import Machine

PENALTY = 1.0
"""C of the SVM on standardised features."""

RELATED_BY = ("contrast_distance",)
IDENTICAL_BY = ("contrast_distance",)
SAME_RECIPE_BY = ("contrast_distance", "log_winsorised_kl")
"""What each machine looks at. Chosen on the calibration roots of zoo-v1, out of fold: whether a pair is related, every
further feature made worse; those of KL tell another seed or size from a stranger, but no kin from either.
"""

FOLDS, REPEATS, SEED = 4, 10, 20263

Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Pairs:
    """Documented pairs: features (P, F), relation of each, and the two models (P, 2) as rows of the bank."""

    features: Floats
    relations: tuple[Relation, ...]
    models: Ints

    @property
    def related(self) -> Bools:
        """(P,) whether a pair counts as an accusation."""
        return np.array([relation.related for relation in self.relations], dtype=bool)

    def where(self, chosen: Bools) -> Pairs:
        """Some of the pairs."""
        kept = tuple(relation for relation, keep in zip(self.relations, chosen, strict=True) if keep)
        return Pairs(self.features[chosen], kept, self.models[chosen])


def documented_pairs(bank: Bank, space: Space, rows: Sequence[int]) -> Pairs:
    """All pairs among `rows` whose relation is documented and whose features could be measured."""
    vectors = Vectors.of(bank)
    ordered = sorted(rows)
    features: list[Floats] = [np.empty((0, len(NAMES)))]
    relations: list[Relation] = []
    models: list[tuple[int, int]] = []
    for place, row in enumerate(ordered[:-1]):
        others = ordered[place + 1 :]
        own = bank.kinship.roots(bank.references[row].id)
        features.append(pair_features(bank, space, vectors.rows([row]), own, others))
        relations += [bank.kinship.relation(bank.references[row].id, bank.references[other].id) for other in others]
        models += [(row, other) for other in others]
    pairs = Pairs(np.concatenate(features), tuple(relations), np.array(models, dtype=np.int64).reshape(-1, 2))
    known = np.array([relation is not Relation.INCONCLUSIVE for relation in pairs.relations], dtype=bool)
    return pairs.where(known & np.isfinite(pairs.features).all(axis=1))


def fit_machine(
    features: Floats, positive: Bools, used: tuple[str, ...] = NAMES, scores: Floats | None = None
) -> Machine:
    """Fit an SVM on the `used` features and its sigmoid, through out-of-fold `scores`, or else the machine's own."""
    machine = fit_surface(features, positive, used)
    own = machine.scores(features) if scores is None else scores
    known = np.isfinite(own)
    return replace(machine, sigmoid=_platt(own[known], positive[known]))


def fit_surface(features: Floats, positive: Bools, used: tuple[str, ...] = NAMES) -> Machine:
    """Fit an SVM whose scores are wanted, not its probabilities."""
    from sklearn.svm import SVC

    columns = [NAMES.index(name) for name in used]

    mean, scale = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)
    x = np.clip((features - mean) / scale, -4.0, 4.0)
    fitted = SVC(C=PENALTY, kernel="linear", class_weight="balanced").fit(x[:, columns], positive)
    weights = np.zeros(features.shape[1])
    weights[columns] = fitted.coef_[0]
    return Machine(mean, scale, weights, float(fitted.intercept_[0]), (1.0, 0.0))


def out_of_fold_scores(bank: Bank, pairs: Pairs, positive: Bools) -> Floats:
    """(P,) mean score of each pair over the repeats in which neither model's roots were trained on; else NaN.

    Roots are dealt into folds; a pair is tested when all roots of both models lie in one fold, and trained on when none
    of them does. Pairs across folds are on neither side.
    """
    roots = [bank.kinship.roots(reference.id) for reference in bank.references]
    names = sorted(frozenset().union(*(roots[row] for row in np.unique(pairs.models))))
    total, count = np.zeros(len(positive)), np.zeros(len(positive))
    stream = np.random.RandomState(SEED)
    for _ in range(REPEATS):
        fold_of = dict(zip(names, stream.permutation(len(names)) % FOLDS, strict=True))
        folds = [{fold_of[root] for root in roots[i] | roots[j]} for i, j in pairs.models]
        for fold in range(FOLDS):
            tested = np.array([touched == {fold} for touched in folds])
            trained = np.array([fold not in touched for touched in folds])
            if not tested.any() or len(set(positive[trained])) < 2:
                continue
            machine = fit_surface(pairs.features[trained], positive[trained], RELATED_BY)
            total[tested] += machine.scores(pairs.features[tested])
            count[tested] += 1
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _platt(scores: Floats, positive: Bools) -> tuple[float, float]:
    """Slope and offset of the logistic curve through scores and classes."""
    from sklearn.linear_model import LogisticRegression

    curve = LogisticRegression(solver="newton-cholesky").fit(scores[:, None], positive)
    return float(curve.coef_[0, 0]), float(curve.intercept_[0])
