from __future__ import annotations

import numpy as np
import pytest

from provcheck.studies.ridge import fit_between, numbered, predict_left_out


def test_a_linear_score_is_predicted_for_models_left_out() -> None:
    stream = np.random.default_rng(0)
    x = stream.standard_normal((40, 60)) @ np.diag(np.r_[np.full(3, 10.0), np.full(57, 0.1)])
    y = x[:, :2]
    found = predict_left_out(x, y, np.arange(40))
    assert np.corrcoef(found[:, 0], y[:, 0])[0, 1] > 0.95


def test_a_score_of_chance_is_not() -> None:
    stream = np.random.default_rng(0)
    found = predict_left_out(stream.standard_normal((60, 80)), y := stream.standard_normal((60, 1)), np.arange(60))
    assert abs(np.corrcoef(found[:, 0], y[:, 0])[0, 1]) < 0.4


def test_a_group_takes_no_part_in_its_own_prediction() -> None:
    stream = np.random.default_rng(1)
    x, y, groups = stream.standard_normal((20, 5)), stream.standard_normal((20, 2)), np.arange(20) // 4
    moved = y.copy()
    moved[groups == 2] += 100
    before, after = predict_left_out(x, y, groups), predict_left_out(x, moved, groups)
    assert before[groups == 2] == pytest.approx(after[groups == 2])
    assert not np.allclose(before[groups == 1], after[groups == 1])


def test_a_map_between_embeddings_is_recovered() -> None:
    stream = np.random.default_rng(2)
    models, questions, true = (stream.standard_normal(shape) for shape in ((30, 4), (50, 6), (4, 6)))
    found = fit_between(models, questions, models @ true @ questions.T, 1e-9)
    assert found == pytest.approx(true, abs=1e-5)


def test_names_are_numbered_in_order_of_appearance() -> None:
    assert list(numbered(["b", "a", "b"])) == [0, 1, 0]
