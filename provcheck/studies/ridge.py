"""Ridge regression of scores on coordinates of models, always predicted for groups of models that were left out.

McDonald (2009), as in ABLE, section 4.5. Computed in the dual, since there are more coordinates than models.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from provcheck.types import Floats, Ints

PENALTIES = tuple(10.0**power for power in range(-3, 4))
"""Of the mean squared length of the coordinates; one is chosen inside each training set."""


def predict_left_out(coordinates: Floats, scores: Floats, groups: Ints) -> Floats:
    """(M, T) predictions of scores (M, T) from coordinates (M, K); a model's group (M,) takes no part in its own.

    The penalty is chosen for each training set and task by leave-one-out inside it.
    """
    found = np.empty_like(scores, dtype=np.float64)
    for group in np.unique(groups):
        out = groups == group
        found[out] = _fit_and_predict(coordinates[~out], scores[~out], coordinates[out])
    return found


def _fit_and_predict(known: Floats, scores: Floats, asked: Floats) -> Floats:
    centre, mean = known.mean(axis=0), scores.mean(axis=0)
    x, y = known - centre, scores - mean
    kernel = x @ x.T
    values, vectors = np.linalg.eigh(kernel)
    values, turned = np.maximum(values, 0.0), vectors.T @ y
    unit = max(float(values.mean()), 1e-30)
    errors = np.array([_left_out_errors(values, vectors, turned, y, unit * one) for one in PENALTIES])
    best = errors.argmin(axis=0)
    duals = np.stack([turned[:, at] / (values + unit * PENALTIES[one]) for at, one in enumerate(best)], axis=1)
    return np.asarray(((asked - centre) @ x.T) @ (vectors @ duals) + mean)


def _left_out_errors(values: Floats, vectors: Floats, turned: Floats, y: Floats, penalty: float) -> Floats:
    """(T,) mean squared leave-one-out errors, from the diagonal of the hat matrix; the mean counts as one more fit."""
    shrunk = values / (values + penalty)
    leverage = (vectors**2) @ shrunk + 1 / len(y)
    residuals = y - vectors @ (shrunk[:, None] * turned)
    return np.asarray(((residuals / np.maximum(1 - leverage, 1e-6)[:, None]) ** 2).mean(axis=0))


def fit_between(models: Floats, questions: Floats, labels: Floats, penalty: float) -> Floats:
    """(K, D) the map B with labels (M, N) near models (M, K) B questions (N, D)', by ridge on both sides.

    ABLE, section 4.4: a linear map takes frozen embeddings of questions into the space of frozen ones of models.
    """
    left, right = _penalised(models.T @ models, penalty), _penalised(questions.T @ questions, penalty)
    return np.asarray(np.linalg.solve(left, models.T @ labels @ questions) @ np.linalg.inv(right))


def _penalised(square: Floats, penalty: float) -> Floats:
    return np.asarray(square + penalty * np.trace(square) / len(square) * np.eye(len(square)))


def numbered(names: Sequence[str]) -> Ints:
    """(M,) a number for each name, the same for the same."""
    places = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([places[name] for name in names], dtype=np.int64)
