"""A fitted linear support vector machine as plain numbers, applied with numpy alone, and how it is fitted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from provcheck.types import Bools, Floats

PENALTY = 1.0
"""C of the SVM on standardized features."""

CLIPPED_AT = 4.0
"""Standardized features are clipped at this many standard deviations."""

TOLERANCE = 1e-8
"""Gradient at which the logistic fit has converged; scikit-learn's default shifts probabilities by whole percents."""


@dataclass(frozen=True)
class LinearSVM:
    """A linear SVM with Platt's sigmoid, on standardized features clipped to +-4.

    features: their names; mean, scale, weights: (F,); sigmoid: slope and offset of the logistic curve that turns a
    score into a probability (Platt, 1999).
    """

    features: tuple[str, ...]
    mean: Floats
    scale: Floats
    weights: Floats
    intercept: float
    sigmoid: tuple[float, float]

    def scores(self, features: Floats) -> Floats:
        """(M,) signed distances from the separating plane for (M, F) features; NaN stays NaN."""
        standardised = np.clip((features - self.mean) / self.scale, -CLIPPED_AT, CLIPPED_AT)
        return np.asarray(standardised @ self.weights + self.intercept)

    def score(self, features: Mapping[str, float]) -> float:
        """The score of one pair; NaN where a feature is missing."""
        return float(self.scores(np.array([[features.get(name, np.nan) for name in self.features]]))[0])

    def probability_of(self, scores: Floats | float) -> Floats:
        """Probability of the positive class at these scores."""
        slope, offset = self.sigmoid
        with np.errstate(over="ignore"):  # where exp overflows, the probability is 0
            return np.asarray(1 / (1 + np.exp(-(slope * np.asarray(scores) + offset))))

    def probability(self, features: Mapping[str, float]) -> float:
        """Probability of the positive class for one pair."""
        return float(self.probability_of(self.score(features)))

    def arrays(self, name: str) -> dict[str, Floats]:
        """The numbers by name, for a file."""
        return {
            f"{name}.mean": self.mean,
            f"{name}.scale": self.scale,
            f"{name}.weights": self.weights,
            f"{name}.constants": np.array([self.intercept, *self.sigmoid]),
        }

    @classmethod
    def from_arrays(cls, name: str, features: tuple[str, ...], arrays: Mapping[str, Floats]) -> LinearSVM:
        """The SVM of that name. Raises KeyError or ValueError for arrays that do not hold one."""
        mean, scale, weights = (arrays[f"{name}.{part}"] for part in ("mean", "scale", "weights"))
        intercept, slope, offset = (float(value) for value in arrays[f"{name}.constants"])
        return cls(features, mean, scale, weights, intercept, (slope, offset))

    def trimmed(self) -> LinearSVM:
        """The same machine without the features of no weight."""
        kept = self.weights != 0
        names = tuple(name for name, keep in zip(self.features, kept, strict=True) if keep)
        return replace(self, features=names, mean=self.mean[kept], scale=self.scale[kept], weights=self.weights[kept])

    def is_monotone(self, directions: Mapping[str, int]) -> bool:
        """Whether no feature moves the score the wrong way: 1 for one that may only raise it, -1 for only lower."""
        signs = np.array([directions[name] for name in self.features], dtype=np.float64)
        return bool((self.weights * signs >= 0).all())

    def is_sound(self, largest: float) -> bool:
        """Whether a fit could give these numbers: finite, none beyond `largest`, one for each feature."""
        arrays = (self.mean, self.scale, self.weights)
        constants = np.array([self.intercept, *self.sigmoid])
        return (
            all(array.dtype.kind == "f" and array.shape == (len(self.features),) for array in arrays)
            and all(bool((np.abs(array) <= largest).all()) for array in (*arrays, constants))
            and bool((self.scale > 0).all())
        )


def fit_svm(
    features: Floats, positive: Bools, directions: Mapping[str, int], scores: Floats | None = None
) -> LinearSVM:
    """Fit the plane on (P, F) features, and the sigmoid through out-of-fold `scores`, or else the SVM's own.

    Features of no weight are left out of what it reads.
    """
    machine = fit_plane(features, positive, directions)
    own = machine.scores(features) if scores is None else scores
    known = np.isfinite(own)
    return replace(machine.trimmed(), sigmoid=_logistic(own[known], positive[known]))


def fit_plane(features: Floats, positive: Bools, directions: Mapping[str, int]) -> LinearSVM:
    """Fit an SVM for its scores only, not for probabilities.

    `directions`: for each feature by name 1 if more of it must never lower the score, -1 if it must never raise it. The
    fit is repeated without the feature whose weight is the farthest on the wrong side, until there is none; those left
    out have weight 0.
    """
    mean, scale = features.mean(axis=0), np.maximum(features.std(axis=0), 1e-6)
    x = np.clip((features - mean) / scale, -CLIPPED_AT, CLIPPED_AT)
    signs = np.array(list(directions.values()), dtype=np.float64)
    weights, intercept, kept = np.zeros(len(signs)), 0.0, np.arange(len(signs))
    while len(kept):
        found, intercept = _plane(x[:, kept], positive)
        if (found * signs[kept] >= 0).all():
            weights[kept] = found
            break
        kept = np.delete(kept, int((found * signs[kept]).argmin()))
    return LinearSVM(tuple(directions), mean, scale, weights, intercept if len(kept) else 0.0, (1.0, 0.0))


def _plane(x: Floats, positive: Bools) -> tuple[Floats, float]:
    """Weights and intercept on standardized features.

    A single feature needs no plane: its score is the standardized feature itself, which cannot overfit.
    """
    if x.shape[1] == 1:
        rises = x[positive].mean() >= x[~positive].mean()
        return np.array([1.0 if rises else -1.0]), 0.0
    from sklearn.svm import LinearSVC

    machine = LinearSVC(C=PENALTY, class_weight="balanced", dual=False, tol=TOLERANCE, max_iter=10_000)
    fitted = machine.fit(x, positive)
    return fitted.coef_[0], float(fitted.intercept_[0])


def _logistic(scores: Floats, positive: Bools) -> tuple[float, float]:
    """Slope and offset of the logistic curve through scores and classes (Platt, 1999).

    The classes have Platt's smoothed targets instead of 0 and 1, so that the curve stays finite where a score separates
    them. Flat where all scores are the same.
    """
    from sklearn.linear_model import LogisticRegression

    yes, no = int(positive.sum()), int((~positive).sum())
    target = np.where(positive, (yes + 1) / (yes + 2), 1 / (no + 2))
    if np.ptp(scores) == 0:
        return 0.0, float(np.log(target.mean() / (1 - target.mean())))
    both, classes = np.tile(scores, 2)[:, None], np.repeat([True, False], len(scores))
    curve = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=TOLERANCE)
    curve.fit(both, classes, sample_weight=np.concatenate([target, 1 - target]))
    return float(curve.coef_[0, 0]), float(curve.intercept_[0])
