"""A fitted linear support vector machine as plain numbers, applied with numpy alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from provcheck.types import Floats


@dataclass(frozen=True)
class Machine:
    """A linear SVM with Platt's sigmoid, on standardised features clipped to +-4.

    mean, scale, weights: (F,), weights are 0 for features that it does not use; sigmoid: slope and offset of the
    logistic curve that turns a score into a probability (Platt, 1999).
    """

    mean: Floats
    scale: Floats
    weights: Floats
    intercept: float
    sigmoid: tuple[float, float]

    def standardise(self, features: Floats) -> Floats:
        """(M, F) features in units of the calibration pairs' spread."""
        return np.asarray(np.clip((features - self.mean) / self.scale, -4.0, 4.0))

    def scores(self, features: Floats) -> Floats:
        """(M,) signed distances from the separating plane; above 0 is the positive class. NaN stays NaN."""
        return np.asarray(self.standardise(features) @ self.weights + self.intercept)

    def probabilities(self, features: Floats) -> Floats:
        """(M,) probability of the positive class."""
        return self.probability_of(self.scores(features))

    def probability_of(self, scores: Floats) -> Floats:
        """(M,) probability that belongs to scores."""
        slope, offset = self.sigmoid
        with np.errstate(over="ignore"):  # beyond the largest number the probability is 0
            return np.asarray(1 / (1 + np.exp(-(slope * scores + offset))))

    def arrays(self, name: str) -> dict[str, Floats]:
        """The numbers by name, for a file."""
        return {
            f"{name}.mean": self.mean,
            f"{name}.scale": self.scale,
            f"{name}.weights": self.weights,
            f"{name}.constants": np.array([self.intercept, *self.sigmoid]),
        }

    @classmethod
    def from_arrays(cls, name: str, arrays: dict[str, Floats]) -> Machine:
        """The machine of that name."""
        mean, scale, weights = (arrays[f"{name}.{part}"] for part in ("mean", "scale", "weights"))
        intercept, slope, offset = (float(value) for value in arrays[f"{name}.constants"])
        return cls(mean, scale, weights, intercept, (slope, offset))
