"""The machine as plain numbers does what scikit-learn's does; with a single feature it is a threshold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from sklearn.svm import LinearSVC

from provcheck.types import Bools, Floats
from provcheck.verdict.svm import CLIPPED_AT, PENALTY, TOLERANCE, LinearSVM, fit_plane, fit_svm

NAMES = tuple(f"toy.{name}" for name in "abcdef")
COLUMN_SCALES = np.resize([1.0, 50.0, 0.01], len(NAMES))


def machine_of_scikit_learn() -> LinearSVC:
    return LinearSVC(C=PENALTY, class_weight="balanced", dual=False, tol=TOLERANCE, max_iter=10_000)


def make_data(seed: int, count: int = 60) -> tuple[Floats, Bools]:
    """Two overlapping classes; the columns have different units."""
    stream = np.random.default_rng(seed)
    positive = np.arange(count) % 3 == 0
    return (stream.normal(size=(count, len(NAMES))) + positive[:, None]) * COLUMN_SCALES, positive


def as_they_fall(features: Floats, positive: Bools) -> dict[str, int]:
    """The signs that the plane has anyway, so that no feature is left out."""
    plane = machine_of_scikit_learn().fit(clipped(features, features), positive)
    return {name: 1 if weight > 0 else -1 for name, weight in zip(NAMES, plane.coef_[0], strict=True)}


def only(column: int, sign: int = 1) -> dict[str, int]:
    """The direction of a single feature."""
    return {NAMES[column]: sign}


def clipped(features: Floats, training: Floats) -> Floats:
    return np.asarray(np.clip((features - training.mean(axis=0)) / training.std(axis=0), -4, 4))


def literal_platt(scores: Floats, positive: Bools) -> tuple[float, float]:
    """Slope and offset by Platt (1999), section 2.2: the least cross-entropy against targets that are never 0 or 1."""
    yes, no = positive.sum(), (~positive).sum()
    target = np.where(positive, (yes + 1) / (yes + 2), 1 / (no + 2))

    def cross_entropy(line: Floats) -> float:
        shown = line[0] * scores + line[1]
        return float((np.logaddexp(0, shown) - target * shown).sum())

    found = minimize(cross_entropy, np.array([1.0, 0.0]), method="BFGS", options={"gtol": 1e-8})
    return float(found.x[0]), float(found.x[1])


def curve(line: tuple[float, float], scores: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-(line[0] * scores + line[1]))))


MACHINE = fit_svm(*make_data(0), as_they_fall(*make_data(0)))
rows = st.lists(st.floats(-1e3, 1e3), min_size=len(NAMES), max_size=len(NAMES))


# Several features: the plane of a support vector machine


@settings(max_examples=15)
@given(st.integers(0, 1000))
def test_scores_are_those_of_scikit_learn(seed: int) -> None:
    features, positive = make_data(seed)
    strangers = make_data(seed + 5000)[0] * 3
    fitted = machine_of_scikit_learn().fit(clipped(features, features), positive)
    machine = fit_svm(features, positive, as_they_fall(features, positive))
    for asked in (features, strangers):
        np.testing.assert_allclose(machine.scores(asked), fitted.decision_function(clipped(asked, features)), atol=1e-9)


def test_a_plane_is_the_machine_without_its_curve() -> None:
    features, positive = make_data(5)
    plane, machine = (
        fit_plane(features, positive, as_they_fall(features, positive)),
        fit_svm(features, positive, as_they_fall(features, positive)),
    )
    np.testing.assert_array_equal(plane.scores(features), machine.scores(features))


def test_only_the_named_features_count() -> None:
    """Asked by name, whatever else is known of the pair, and in whatever order."""
    features, positive = make_data(5)
    names = (NAMES[2], NAMES[0])
    machine = fit_plane(features[:, [2, 0]], positive, dict.fromkeys(names, 1))
    alone = machine_of_scikit_learn()
    alone.fit(clipped(features, features)[:, [0, 2]], positive)
    expected = alone.decision_function(clipped(features, features)[:, [0, 2]])
    assert machine.features == names
    for row, score in zip(features, expected, strict=True):
        assert machine.score(dict(zip(NAMES, row.tolist(), strict=True))) == pytest.approx(score, abs=1e-9)


@given(rows)
def test_far_out_is_no_farther_than_four(row: list[float]) -> None:
    features = np.array([row])
    assert CLIPPED_AT == 4
    edge = np.clip(features, MACHINE.mean - 4 * MACHINE.scale, MACHINE.mean + 4 * MACHINE.scale)
    np.testing.assert_allclose(MACHINE.scores(features), MACHINE.scores(edge), atol=1e-9)
    limit = 4 * np.abs(MACHINE.weights).sum() + abs(MACHINE.intercept)
    assert (np.abs(MACHINE.scores(features)) <= limit + 1e-9).all()


def test_what_is_not_a_number_stays_so() -> None:
    features = make_data(1)[0][:2]
    features[0, 1] = np.nan
    assert np.isnan(MACHINE.scores(features)).tolist() == [True, False]


def test_a_pair_without_one_of_the_features_has_no_score() -> None:
    whole = dict(zip(NAMES, make_data(1)[0][0].tolist(), strict=True))
    assert np.isfinite(MACHINE.score(whole))
    for name in NAMES:
        part = {other: value for other, value in whole.items() if other != name}
        assert np.isnan(MACHINE.score(part)) and np.isnan(MACHINE.probability(part))
    assert np.isnan(MACHINE.score({}))


def test_a_column_without_spread_is_no_division_by_zero() -> None:
    features, positive = make_data(4)
    features[:, 1] = 7.0
    assert np.isfinite(fit_plane(features, positive, dict.fromkeys(NAMES, 1)).scores(features)).all()
    alone = fit_svm(features[:, 1:2], positive, only(1))
    assert (alone.scores(features[:, 1:2]) == 0).all()
    yes, no = positive.sum(), (~positive).sum()
    share = (yes * (yes + 1) / (yes + 2) + no / (no + 2)) / (yes + no)
    np.testing.assert_allclose(alone.probability_of(alone.scores(features[:, 1:2])), share)


# A single feature: a threshold


@given(seed=st.integers(0, 1000), column=st.integers(0, len(NAMES) - 1), rises=st.booleans())
def test_a_single_feature_is_a_threshold(seed: int, column: int, rises: bool) -> None:
    """The score is the standardised feature, higher towards the positive class; scikit-learn is not asked."""
    features, positive = make_data(seed)
    positive = positive if rises else ~positive
    one = features[:, [column]]
    towards = 1 if one[positive].mean() >= one[~positive].mean() else -1
    machine = fit_svm(one, positive, only(column, towards))
    assert (machine.weights.tolist(), machine.intercept) == ([towards], 0)
    np.testing.assert_allclose(machine.scores(one), towards * clipped(one, one)[:, 0], rtol=1e-12)
    for row, score in zip(one[:, 0].tolist(), machine.scores(one), strict=True):
        assert machine.score({NAMES[column]: row, "toy.other": 1e9}) == score


@given(seed=st.integers(0, 200), values=st.lists(st.floats(-200, 200), min_size=2, max_size=20).map(sorted))
def test_a_single_feature_is_monotone(seed: int, values: list[float]) -> None:
    features, positive = make_data(seed)
    machine = fit_svm(features[:, [1]], positive, only(1))
    direction = machine.weights[0]
    scores = machine.scores(np.array(values)[:, None])
    assert (np.diff(scores) * direction >= 0).all()
    assert (np.diff(machine.probability_of(scores)) * direction * machine.sigmoid[0] >= 0).all()


def test_a_threshold_ranks_pairs_as_the_plane_of_one_feature_does() -> None:
    """A support vector machine of one feature only moves and stretches the axis."""
    features, positive = make_data(6)
    one = features[:, [0]]
    plane = machine_of_scikit_learn().fit(clipped(one, one), positive)
    found = fit_plane(one, positive, only(0)).scores(one)
    np.testing.assert_array_equal(np.argsort(found), np.argsort(plane.decision_function(clipped(one, one))))


# No weight of the wrong sign


@settings(max_examples=25)
@given(seed=st.integers(0, 1000), signs=st.lists(st.sampled_from([1, -1]), min_size=6, max_size=6))
def test_no_feature_moves_the_score_the_wrong_way(seed: int, signs: list[int]) -> None:
    """Whatever the data say: those that would are left out, and the others fitted again without them."""
    features, positive = make_data(seed)
    directions = dict(zip(NAMES, signs, strict=True))
    plane, machine = fit_plane(features, positive, directions), fit_svm(features, positive, directions)
    assert plane.features == NAMES and plane.is_monotone(directions)
    kept = [place for place in range(len(NAMES)) if plane.weights[place] != 0]
    assert machine.features == tuple(NAMES[place] for place in kept)
    np.testing.assert_allclose(machine.scores(features[:, kept]), plane.scores(features), atol=1e-6)
    again = fit_plane(features[:, kept], positive, {NAMES[place]: signs[place] for place in kept})
    np.testing.assert_allclose(again.scores(features[:, kept]), plane.scores(features), atol=1e-6)
    for place, sign in enumerate(signs):
        more = features.copy()
        more[:, place] += sign * COLUMN_SCALES[place]
        assert (plane.scores(more) >= plane.scores(features)).all()


def test_a_feature_that_only_another_explains_away_is_left_out() -> None:
    """Alone it rises with the class; beside the other, a plane would give it a negative weight."""
    stream = np.random.default_rng(3)
    positive = np.arange(200) % 2 == 0
    noise = stream.normal(size=200)
    features = np.column_stack([positive + noise + 0.1 * stream.normal(size=200), 0.3 * positive + noise])
    assert features[positive, 1].mean() > features[~positive, 1].mean()
    x = clipped(features, features)
    assert machine_of_scikit_learn().fit(x, positive).coef_[0, 1] < 0
    found = fit_plane(features, positive, dict.fromkeys(NAMES[:2], 1))
    assert found.weights.tolist() == [1, 0]


@given(st.integers(0, 1000))
def test_where_all_say_the_wrong_thing_nothing_is_read(seed: int) -> None:
    """The probability is then the share of the class, whatever is asked."""
    positive = np.arange(100) % 4 == 0
    features = np.random.default_rng(seed).normal(size=(100, 3)) + 5 * positive[:, None]
    machine = fit_svm(features, positive, dict.fromkeys(NAMES[:3], -1))
    assert machine.features == () and machine.is_sound(1e12) and machine.is_monotone({})
    assert machine.score({"toy.a": 9.0}) == 0
    assert machine.probability({}) == pytest.approx(0.25, abs=0.02)
    again = LinearSVM.from_arrays("none", (), machine.arrays("none"))
    assert again.probability({}) == machine.probability({})


# The curve


def test_the_sigmoid_is_platts_curve_through_the_scores() -> None:
    features, positive = make_data(1)
    scores = np.random.default_rng(1).normal(size=len(positive)) + positive
    machine = fit_svm(features, positive, as_they_fall(features, positive), scores)
    np.testing.assert_allclose(machine.sigmoid, literal_platt(scores, positive), atol=1e-4)
    np.testing.assert_allclose(
        machine.probability_of(scores), curve(literal_platt(scores, positive), scores), atol=1e-4
    )
    without = fit_svm(features, positive, as_they_fall(features, positive))
    own = without.scores(features)
    np.testing.assert_allclose(without.probability_of(own), curve(literal_platt(own, positive), own), atol=1e-4)


@settings(max_examples=15)
@given(seed=st.integers(0, 1000), gap=st.floats(-1, 6), share=st.integers(2, 10))
def test_the_sigmoid_of_a_threshold(seed: int, gap: float, share: int) -> None:
    """Also where the feature separates the classes, and where it says the wrong thing."""
    positive = np.arange(80) % share == 0
    one = np.random.default_rng(seed).normal(size=(80, 1)) + gap * positive[:, None]
    towards = 1 if one[positive].mean() >= one[~positive].mean() else -1
    machine = fit_svm(one, positive, only(0, towards))
    own = machine.scores(one)
    np.testing.assert_allclose(machine.probability_of(own), curve(literal_platt(own, positive), own), atol=1e-4)


def test_pairs_without_a_score_do_not_move_the_sigmoid() -> None:
    features, positive = make_data(1)
    scores = np.random.default_rng(1).normal(size=len(positive)) + positive
    some = np.where(np.arange(len(scores)) < 40, scores, np.nan)
    expected = literal_platt(scores[:40], positive[:40])
    assert fit_svm(features, positive, as_they_fall(features, positive), some).sigmoid == pytest.approx(
        expected, abs=1e-3
    )


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=30).map(sorted))
def test_probabilities_rise_with_the_score(scores: list[float]) -> None:
    probabilities = MACHINE.probability_of(np.array(scores))
    assert MACHINE.sigmoid[0] > 0
    assert (np.diff(probabilities) >= 0).all()
    assert ((probabilities >= 0) & (probabilities <= 1)).all()


def test_the_probability_of_a_pair_is_that_of_its_score() -> None:
    for row in make_data(3)[0]:
        pair = dict(zip(NAMES, row.tolist(), strict=True))
        assert MACHINE.probability(pair) == pytest.approx(float(curve(MACHINE.sigmoid, np.array(MACHINE.score(pair)))))


# The file


def test_round_trip_through_arrays() -> None:
    arrays = {**MACHINE.arrays("one"), **fit_svm(*make_data(2), as_they_fall(*make_data(2))).arrays("two")}
    again = LinearSVM.from_arrays("one", NAMES, arrays)
    features = make_data(3)[0]
    np.testing.assert_array_equal(again.scores(features), MACHINE.scores(features))
    np.testing.assert_array_equal(again.probability_of(features[:, 0]), MACHINE.probability_of(features[:, 0]))
    assert (again.features, again.intercept, again.sigmoid) == (NAMES, MACHINE.intercept, MACHINE.sigmoid)
    assert not np.array_equal(LinearSVM.from_arrays("two", NAMES, arrays).scores(features), MACHINE.scores(features))


def test_a_missing_array_is_missed() -> None:
    arrays = MACHINE.arrays("one")
    del arrays["one.weights"]
    with pytest.raises(KeyError, match=r"one\.weights"):
        LinearSVM.from_arrays("one", NAMES, arrays)


@pytest.mark.parametrize("part", ["mean", "scale", "weights", "constants"])
@pytest.mark.parametrize("value", [np.nan, np.inf, 1e13])
def test_numbers_that_no_fit_gives_are_not_sound(part: str, value: float) -> None:
    assert MACHINE.is_sound(1e12)
    arrays = {name: array.copy() for name, array in MACHINE.arrays("one").items()}
    arrays[f"one.{part}"][0] = value
    assert not LinearSVM.from_arrays("one", NAMES, arrays).is_sound(1e12)


def test_a_machine_of_other_features_or_without_a_scale_is_not_sound() -> None:
    arrays = {name: array.copy() for name, array in MACHINE.arrays("one").items()}
    assert not LinearSVM.from_arrays("one", NAMES[:-1], arrays).is_sound(1e12)
    for scale in (0.0, -1.0):
        arrays["one.scale"][2] = scale
        assert not LinearSVM.from_arrays("one", NAMES, arrays).is_sound(1e12)
