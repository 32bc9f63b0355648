from __future__ import annotations

import numpy as np
import pytest

from provcheck.studies.statistics import bootstrapped, correlation, mantel, mantel_p_value, shuffled, upper
from provcheck.types import Floats


def distances(points: Floats) -> Floats:
    return np.asarray(np.linalg.norm(points[:, None] - points[None], axis=-1))


POINTS = np.random.default_rng(0).standard_normal((20, 5))


def test_the_same_distances_correlate_fully_and_others_do_not() -> None:
    own, other = distances(POINTS), distances(np.random.default_rng(1).standard_normal((20, 5)))
    found = mantel(own, 3 * own)
    assert (found.value, found.low, found.high) == pytest.approx((1.0, 1.0, 1.0))
    assert found.n == 20
    assert abs(mantel(own, other).value) < 0.3
    assert mantel_p_value(own, own) == 0.001
    assert mantel_p_value(own, other) > 0.05


def test_it_is_the_mantel_test_of_scikit_bio() -> None:
    from skbio import DistanceMatrix
    from skbio.stats.distance import mantel as theirs

    own = distances(POINTS)
    other = distances(POINTS + np.random.default_rng(2).standard_normal((20, 5)))
    value, p, _ = theirs(DistanceMatrix(own), DistanceMatrix(other), alternative="greater", permutations=999, seed=1)
    assert mantel(own, other).value == pytest.approx(value)
    assert mantel_p_value(own, other) == pytest.approx(p, abs=0.01)


def test_the_interval_holds_the_value_and_narrows_with_more_models() -> None:
    def width(count: int) -> float:
        stream = np.random.default_rng(3)
        points = stream.standard_normal((count, 5))
        found = mantel(distances(points), distances(points + stream.standard_normal((count, 5))))
        assert found.low < found.value < found.high
        return found.high - found.low

    assert width(80) < width(15)


def test_constant_vectors_have_no_correlation() -> None:
    assert np.isnan(correlation(np.ones(3), np.arange(3.0)))
    assert list(upper(np.arange(9.0).reshape(3, 3))) == [1, 2, 5]


def test_bootstrap_and_shuffling_repeat() -> None:
    values = np.random.default_rng(4).standard_normal(50)
    first = bootstrapped(50, lambda drawn: float(np.median(values[drawn])))
    assert first == bootstrapped(50, lambda drawn: float(np.median(values[drawn])))
    assert first.value == np.median(values) and first.n == 50
    assert first.low < first.value < first.high
    labels = np.repeat([0, 1], 10)
    mean, p = shuffled(labels, lambda order: float((order[:10] == 0).mean()))
    assert mean == pytest.approx(0.5, abs=0.02)
    assert p == 0.001
