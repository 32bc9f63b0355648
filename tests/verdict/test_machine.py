"""The machine as plain numbers does what scikit-learn's does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from provcheck.types import Floats
from provcheck.verdict.features import NAMES
from provcheck.verdict.machine import Machine
from provcheck.verdict.training import PENALTY, Bools, fit_machine, fit_surface

FEATURES = len(NAMES)
COLUMN_SCALES = np.resize([1.0, 50.0, 0.01], FEATURES)


def make_data(seed: int, count: int = 60) -> tuple[Floats, Bools]:
    """Two overlapping classes; the columns have different units."""
    stream = np.random.default_rng(seed)
    positive = np.arange(count) % 3 == 0
    return (stream.normal(size=(count, FEATURES)) + positive[:, None]) * COLUMN_SCALES, positive


def clipped(features: Floats, training: Floats) -> Floats:
    return np.asarray(np.clip((features - training.mean(axis=0)) / training.std(axis=0), -4, 4))


MACHINE = fit_machine(*make_data(0))
rows = st.lists(st.floats(-1e3, 1e3), min_size=FEATURES, max_size=FEATURES)


@settings(max_examples=15)
@given(st.integers(0, 1000))
def test_scores_are_those_of_scikit_learn(seed: int) -> None:
    features, positive = make_data(seed)
    strangers = make_data(seed + 5000)[0] * 3
    fitted = SVC(C=PENALTY, kernel="linear", class_weight="balanced").fit(clipped(features, features), positive)
    machine = fit_machine(features, positive)
    for asked in (features, strangers):
        np.testing.assert_allclose(machine.scores(asked), fitted.decision_function(clipped(asked, features)), atol=1e-9)


def test_the_sigmoid_is_the_logistic_curve_through_the_scores() -> None:
    features, positive = make_data(1)
    scores = np.random.default_rng(1).normal(size=len(positive)) + positive
    curve = LogisticRegression(tol=1e-9).fit(scores[:, None], positive)
    machine = fit_machine(features, positive, NAMES, scores)
    np.testing.assert_allclose(machine.probability_of(scores), curve.predict_proba(scores[:, None])[:, 1], atol=1e-4)
    without = fit_machine(features, positive)
    own = without.scores(features)
    curve = LogisticRegression(tol=1e-9).fit(own[:, None], positive)
    np.testing.assert_allclose(without.probabilities(features), curve.predict_proba(own[:, None])[:, 1], atol=1e-4)


def test_pairs_without_a_score_do_not_move_the_sigmoid() -> None:
    features, positive = make_data(1)
    scores = np.random.default_rng(1).normal(size=len(positive)) + positive
    some = np.where(np.arange(len(scores)) < 40, scores, np.nan)
    expected = LogisticRegression(tol=1e-9).fit(scores[:40, None], positive[:40])
    slope, offset = fit_machine(features, positive, NAMES, some).sigmoid
    assert (slope, offset) == pytest.approx((expected.coef_[0, 0], expected.intercept_[0]), abs=1e-3)


def test_round_trip_through_arrays() -> None:
    arrays = {**MACHINE.arrays("one"), **fit_machine(*make_data(2)).arrays("two")}
    again = Machine.from_arrays("one", arrays)
    features = make_data(3)[0]
    np.testing.assert_array_equal(again.probabilities(features), MACHINE.probabilities(features))
    assert (again.intercept, again.sigmoid) == (MACHINE.intercept, MACHINE.sigmoid)
    assert not np.array_equal(Machine.from_arrays("two", arrays).scores(features), MACHINE.scores(features))


def test_a_missing_array_is_missed() -> None:
    arrays = MACHINE.arrays("one")
    del arrays["one.weights"]
    with pytest.raises(KeyError, match=r"one\.weights"):
        Machine.from_arrays("one", arrays)


@given(rows)
def test_far_out_is_no_farther_than_four(row: list[float]) -> None:
    features = np.array([row])
    standard = MACHINE.standardise(features)
    assert (np.abs(standard) <= 4).all()
    edge = np.clip(features, MACHINE.mean - 4 * MACHINE.scale, MACHINE.mean + 4 * MACHINE.scale)
    np.testing.assert_allclose(MACHINE.scores(features), MACHINE.scores(edge), atol=1e-9)


@given(st.lists(st.floats(-30, 30), min_size=2, max_size=9).map(sorted))
def test_probability_rises_with_the_score(scores: list[float]) -> None:
    probabilities = MACHINE.probability_of(np.array(scores))
    assert MACHINE.sigmoid[0] > 0
    assert (np.diff(probabilities) >= 0).all()
    assert ((probabilities >= 0) & (probabilities <= 1)).all()


def test_what_is_not_a_number_stays_so() -> None:
    features = make_data(1)[0][:2]
    features[0, 1] = np.nan
    assert np.isnan(MACHINE.scores(features)).tolist() == [True, False]


def test_a_column_without_spread_is_no_division_by_zero() -> None:
    features, positive = make_data(4)
    features[:, 1] = 7.0
    assert np.isfinite(fit_machine(features, positive).scores(features)).all()


def test_only_the_used_features_count() -> None:
    features, positive = make_data(5)
    used = (NAMES[0], NAMES[2])
    machine = fit_surface(features, positive, used)
    assert {NAMES[column] for column in np.flatnonzero(machine.weights)} == set(used)
    alone = SVC(C=PENALTY, kernel="linear", class_weight="balanced")
    alone.fit(clipped(features, features)[:, [0, 2]], positive)
    expected = alone.decision_function(clipped(features, features)[:, [0, 2]])
    np.testing.assert_allclose(machine.scores(features), expected, atol=1e-9)
