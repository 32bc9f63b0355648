"""KL divergence against the papers' own recipe, step by step."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provcheck.signals.likelihood import Likelihood
from provcheck.signals.likelihood.divergence import (
    FLOOR,
    MIN_TEXTS,
    clipped,
    divergence,
    pairwise_divergences,
    row_centred,
)
from provcheck.signals.likelihood.values import LOGLIK, LikelihoodValues
from provcheck.signals.stacks import compare_all
from provcheck.types import Floats, Stack
from tests.comparison.factory import MEAN_BYTES, random_loglik


def literal_map(matrix: Floats, mean_bytes: float) -> list[list[float]]:
    """Coordinates whose squared Euclidean distances are KL in bits/byte: clip, centre rows, centre columns, rescale.

    Clipped at 8 bits/byte instead of at the bottom 2 % of the matrix, so that no other model moves a pair.
    """
    rows = [[max(value, -8 * mean_bytes * np.log(2)) for value in row] for row in matrix.tolist()]
    models, texts = len(rows), len(rows[0])
    for row in rows:
        mean = sum(row) / texts
        row[:] = [value - mean for value in row]
    for text in range(texts):
        mean = sum(row[text] for row in rows) / models
        for row in rows:
            row[text] -= mean
    unit = (2 * mean_bytes * np.log(2) * texts) ** 0.5
    return [[value / unit for value in row] for row in rows]


def literal_kl(first: list[float], second: list[float]) -> tuple[float, float]:
    """Squared distance of two rows of the map, and its standard error (kl-scale, appendix C)."""
    squares = [(a - b) ** 2 for a, b in zip(first, second, strict=True)]
    kl = sum(squares)
    return kl, (sum(square**2 for square in squares) - kl**2 / len(squares)) ** 0.5


def test_the_papers_recipe_gives_the_same_numbers() -> None:
    matrix = np.stack([random_loglik(seed, 60) for seed in range(6)])
    matrix[2, 5] = -900.0
    rows = literal_map(matrix, MEAN_BYTES)
    for i in range(6):
        for j in range(6):
            kl, se = literal_kl(rows[i], rows[j])
            found = divergence(matrix[i], matrix[j], MEAN_BYTES)
            assert found.bits_per_byte == pytest.approx(kl, rel=1e-9, abs=1e-15)
            assert found.se == pytest.approx(se, rel=1e-9, abs=1e-15)
            assert found.texts == 60


def test_the_standard_error_is_that_of_repeated_texts() -> None:
    stream = np.random.default_rng(0)
    draws = [divergence(stream.normal(-70, 10, size=400), stream.normal(-70, 10, size=400), 100.0) for _ in range(300)]
    spread = np.std([draw.bits_per_byte for draw in draws])
    assert np.mean([draw.se for draw in draws]) == pytest.approx(spread, rel=0.15)


@given(st.integers(0, 1000), st.floats(-50, 50))
def test_symmetric_zero_for_identical_and_blind_to_a_constant(seed: int, shift: float) -> None:
    one, two = random_loglik(seed), random_loglik(seed + 1)
    there, back = divergence(one, two, MEAN_BYTES), divergence(two, one, MEAN_BYTES)
    assert there.bits_per_byte == pytest.approx(back.bits_per_byte, rel=1e-12)
    assert there.se == pytest.approx(back.se, rel=1e-9)
    assert divergence(one, one, MEAN_BYTES).bits_per_byte == 0
    shifted = divergence(one, two + shift, MEAN_BYTES)
    assert shifted.bits_per_byte == pytest.approx(there.bits_per_byte, rel=1e-9)


def test_texts_that_one_model_lacks_are_left_out() -> None:
    one, two = random_loglik(1, 60), random_loglik(2, 60)
    holes = one.copy(), two.copy()
    holes[0][:7] = np.nan
    holes[1][5:10] = np.nan
    found = divergence(*holes, MEAN_BYTES)
    assert found == divergence(one[10:], two[10:], MEAN_BYTES)
    assert found.texts == 50


@pytest.mark.parametrize(("texts", "enough"), [(0, False), (MIN_TEXTS - 1, False), (MIN_TEXTS, True)])
def test_too_few_common_texts_give_no_divergence(texts: int, enough: bool) -> None:
    one, two = random_loglik(1, 60), random_loglik(2, 60)
    one[texts:] = np.nan
    found = divergence(one, two, MEAN_BYTES)
    assert found.texts == texts
    assert bool(np.isfinite([found.bits_per_byte, found.se]).all()) == enough


def test_the_floor_is_what_bytes_cost_that_are_all_equally_probable() -> None:
    """Whatever other models there are; what was not measured stays so."""
    found = clipped(np.array([-1.0, -1e6, np.nan]), 100.0)
    assert found[0] == -1 and found[1] == pytest.approx(100 * np.log(1 / 256)) and np.isnan(found[2])


def test_one_garbled_text_does_not_decide_when_clipped() -> None:
    one, two = random_loglik(1), random_loglik(2)
    garbled = one.copy()
    garbled[0] = -5000.0
    worst = one.copy()
    worst[0] = -FLOOR * MEAN_BYTES * np.log(2)
    assert divergence(garbled, two, MEAN_BYTES) == divergence(worst, two, MEAN_BYTES)
    assert divergence(garbled, two, MEAN_BYTES).bits_per_byte > divergence(one, two, MEAN_BYTES).bits_per_byte


def test_single_precision_banks_lose_nothing_that_counts() -> None:
    one, two = random_loglik(1), random_loglik(2)
    exact = divergence(one, two, MEAN_BYTES)
    stored = divergence(one, two.astype(np.float32), MEAN_BYTES)
    assert stored.bits_per_byte == pytest.approx(exact.bits_per_byte, rel=1e-5)


@given(st.integers(0, 10_000))
def test_all_pairs_at_once_are_what_each_is_alone(seed: int) -> None:
    stream = np.random.default_rng(seed)
    loglik = stream.normal(-300, 40, size=(5, 60)).astype(np.float32)
    loglik[1] = loglik[0]
    loglik[2, :20], loglik[3, 25:], loglik[4, :] = np.nan, np.nan, stream.choice([np.nan, -300.0], 60)
    matrix = pairwise_divergences(loglik, 60.0)
    stack = Stack({"mean_text_bytes": 60.0}, ({},) * 5, {LOGLIK: loglik})
    together = {(i, j): values for i, j, values in compare_all(Likelihood(), stack)}
    for i, j in product(range(5), repeat=2):
        alone = divergence(loglik[i], loglik[j], 60.0)
        np.testing.assert_allclose(matrix[i, j], alone.bits_per_byte, rtol=1e-9, atol=1e-12)
        found = together.get((min(i, j), max(i, j)))
        if i == j or not np.isfinite(alone.bits_per_byte):
            assert found is None
            continue
        assert isinstance(found, LikelihoodValues)
        values = (found.bits_per_byte, found.se, found.winsorised_bits_per_byte, found.texts)
        np.testing.assert_allclose(values, (alone.bits_per_byte, alone.se, alone.winsorised, alone.texts), rtol=1e-9)


def test_rows_are_clipped_and_centred_over_the_texts_of_all() -> None:
    loglik = np.stack([random_loglik(seed, 60) for seed in range(3)])
    loglik[1, 7] = np.nan
    loglik[2, 3] = -900.0
    rows = row_centred(loglik, MEAN_BYTES)
    kept = np.maximum(np.delete(loglik, 7, axis=1), -FLOOR * MEAN_BYTES * np.log(2))
    np.testing.assert_allclose(rows, kept - kept.mean(axis=1, keepdims=True), atol=1e-12)
    assert rows.shape == (3, 59)


def test_differences_beyond_three_deviations_are_pulled_in() -> None:
    """The winsorised divergence, entry by entry."""
    one, two = random_loglik(1, 61), random_loglik(2, 61)
    one[4] -= 300
    differences = [a - b for a, b in zip(one.tolist(), two.tolist(), strict=True)]
    mean = sum(differences) / 61
    centred = [value - mean for value in differences]
    limit = 3 * sorted(abs(value) for value in centred)[30]
    expected = sum(min(abs(value), limit) ** 2 for value in centred) / 61 / (2 * MEAN_BYTES * np.log(2))
    found = divergence(one, two, MEAN_BYTES)
    assert found.winsorised == pytest.approx(expected, rel=1e-9)
    assert found.winsorised < found.bits_per_byte / 5
