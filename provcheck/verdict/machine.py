"""A fitted support vector machine as plain numbers, applied with numpy alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from provcheck.types import Floats


@dataclass(frozen=True)
class Machine:
    """A radial-basis SVM with Platt's sigmoid, on standardised features clipped to +-4.

    mean, scale: (F,); vectors: (V, F) support vectors; weights: (V,) their signed dual coefficients; sigmoid: slope and
    offset of the logistic curve that turns a score into a probability (Platt, 1999).
    """

    mean: Floats
    scale: Floats
    vectors: Floats
    weights: Floats
    intercept: float
    gamma: float
    sigmoid: tuple[float, float]

    def standardise(self, features: Floats) -> Floats:
        """(M, F) features in units of the calibration pairs' spread."""
        return np.asarray(np.clip((features - self.mean) / self.scale, -4.0, 4.0))

    def scores(self, features: Floats) -> Floats:
        """(M,) signed distances from the separating surface; above 0 is the positive class. NaN stays NaN."""
        x = self.standardise(features)
        squares = ((x[:, None, :] - self.vectors[None]) ** 2).sum(axis=2)
        return np.asarray(np.exp(-self.gamma * squares) @ self.weights + self.intercept)

    def probabilities(self, features: Floats) -> Floats:
        """(M,) probability of the positive class."""
        return self.probability_of(self.scores(features))

    def probability_of(self, scores: Floats) -> Floats:
        """(M,) probability that belongs to scores."""
        slope, offset = self.sigmoid
        return np.asarray(1 / (1 + np.exp(-(slope * scores + offset))))

    def arrays(self, name: str) -> dict[str, Floats]:
        """The numbers by name, for a file."""
        return {
            f"{name}.mean": self.mean,
            f"{name}.scale": self.scale,
            f"{name}.vectors": self.vectors,
            f"{name}.weights": self.weights,
            f"{name}.constants": np.array([self.intercept, self.gamma, *self.sigmoid]),
        }

    @classmethod
    def from_arrays(cls, name: str, arrays: dict[str, Floats]) -> Machine:
        """The machine of that name."""
        mean, scale, vectors, weights = (arrays[f"{name}.{part}"] for part in ("mean", "scale", "vectors", "weights"))
        intercept, gamma, slope, offset = (float(value) for value in arrays[f"{name}.constants"])
        return cls(mean, scale, vectors, weights, intercept, gamma, (slope, offset))
