"""ABLE distances against the raw vectors, and their intervals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provcheck.signals.able.cosine import CHUNK, Distances, bootstrap_weights, cosine_distances, pairwise_distances
from provcheck.signals.able.values import distance_at
from provcheck.signals.able.views import blocks_of, contrast_view, paper_view, project_blocks
from provcheck.types import Floats
from tests.comparison.factory import mixed, random_words

shares = st.sampled_from([0.0, 0.1, 0.3, 0.5, 0.8, 1.0])
seeds = st.integers(0, 1000)


def literal_distance(first: list[Floats], second: list[Floats]) -> float:
    """1 - cosine of the raw vectors, entry by entry."""
    product = own = other = 0.0
    for one, two in zip(first, second, strict=True):
        for a, b in zip(one.ravel().tolist(), two.ravel().tolist(), strict=True):
            product, own, other = product + a * b, own + a * a, other + b * b
    return 1 - float(product / np.sqrt(own * other))


def random_blocks(seed: int, models: int, blocks: int = 12) -> Floats:
    stream = np.random.default_rng(seed)
    return np.asarray(stream.normal(size=(models, blocks, 256)) + stream.normal(size=(blocks, 256)))


def with_interval(found: Distances, place: int = 0) -> tuple[float, float, float]:
    """Lower end, value and upper end."""
    assert found.low is not None and found.high is not None
    return float(found.low[place]), float(found.value[place]), float(found.high[place])


@pytest.mark.parametrize("view", [paper_view, contrast_view], ids=["paper", "contrast"])
@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.8, 1.0])
def test_projected_distances_are_those_of_the_raw_words(view: object, share: float) -> None:
    assert callable(view)
    for seed in range(3):
        first, other = random_words(seed), random_words(seed + 50)
        pair = [view(first), view(mixed(first, other, share))]
        blocks = [project_blocks(words, blocks_of(["c"] * len(words))) for words in pair]
        estimate = cosine_distances(blocks[0], blocks[1][None]).value[0]
        promised = 1 / np.sqrt(256 * len(first))
        assert estimate == pytest.approx(literal_distance(*pair), abs=4 * promised)


@given(seeds, shares)
def test_the_interval_holds_the_point_and_distances_are_symmetric(seed: int, share: float) -> None:
    one, two = random_blocks(seed, 2)
    two = (1 - share) * one + share * two
    there, back = cosine_distances(one, two[None]), cosine_distances(two, one[None])
    for found, again in zip(with_interval(there), with_interval(back), strict=True):
        assert found == pytest.approx(again, abs=1e-6)
    low, value, high = with_interval(there)
    assert 0 <= low <= value <= high <= 2


@given(seeds, st.floats(1e-3, 1e3))
def test_identical_is_zero_whatever_the_scale(seed: int, factor: float) -> None:
    (one,) = random_blocks(seed, 1)
    distance = cosine_distances(one, factor * one[None])
    for value in with_interval(distance):
        assert value == pytest.approx(0, abs=1e-6)


def test_opposite_is_two() -> None:
    (one,) = random_blocks(1, 1)
    assert cosine_distances(one, -one[None]).value[0] == pytest.approx(2, abs=1e-6)


def test_half_precision_banks_hardly_move_distances() -> None:
    one, *others = random_blocks(5, 5)
    exact = cosine_distances(one, np.array(others)).value
    stored = cosine_distances(one, np.array(others).astype(np.float16)).value
    np.testing.assert_allclose(stored, exact, atol=1e-4)


def test_a_zero_vector_has_no_distance() -> None:
    one, two = random_blocks(1, 2)
    for subject, reference in ((one * 0, two), (one, two * 0)):
        distance = cosine_distances(subject, reference[None])
        assert np.isnan(distance.value[0])
        assert distance_at(distance, 0) is None


def test_a_question_left_out_counts_for_neither_model() -> None:
    one, two = random_blocks(1, 2)
    fewer = two.copy()
    fewer[3] = 0
    distance = distance_at(cosine_distances(one, fewer[None]), 0)
    assert distance is not None and distance.ci95 is not None
    assert distance.ci95[0] <= distance.cosine_distance <= distance.ci95[1]


def test_one_of_two_blocks_without_attributions_still_gives_an_interval() -> None:
    """As on a category with few questions: some resamples draw the empty block alone, and say nothing."""
    one, two = random_blocks(1, 2, blocks=2)
    one[0] = 0
    distance = distance_at(cosine_distances(one, two[None]), 0)
    assert distance is not None and distance.ci95 is not None
    assert np.isfinite(distance.ci95).all()


def test_without_intervals_the_values_are_the_same() -> None:
    blocks = random_blocks(3, 4)
    full, quick = cosine_distances(blocks[0], blocks), cosine_distances(blocks[0], blocks, intervals=False)
    np.testing.assert_array_equal(quick.value, full.value)
    assert quick.low is None and quick.high is None
    found = distance_at(quick, 1)
    assert found is not None and found.ci95 is None
    assert found.interval.low == found.interval.value == found.interval.high == found.cosine_distance


def test_more_references_than_a_chunk() -> None:
    blocks = random_blocks(2, CHUNK + 3, blocks=4)
    together = cosine_distances(blocks[0], blocks).value
    assert len(together) == CHUNK + 3
    for place in (1, CHUNK - 1, CHUNK, CHUNK + 2):
        alone = cosine_distances(blocks[0], blocks[place][None]).value[0]
        assert together[place] == pytest.approx(alone, abs=1e-6)


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    """Questions are a sample; the truth is the distance over many more of them. 95 % of 150, give or take."""
    stream = np.random.default_rng(3)
    covered = 0
    for _ in range(150):
        noise = stream.normal(size=(2, 24, 256))
        shared = stream.normal(size=(24, 256))
        one, two = shared + noise
        low, _, high = with_interval(cosine_distances(one, two[None]))
        covered += int(low <= 0.5 <= high)
    assert 0.88 * 150 <= covered <= 0.99 * 150


@given(seeds)
def test_pairwise_distances_agree_with_single_ones(seed: int) -> None:
    blocks = random_blocks(seed, 4, blocks=6)
    matrix = pairwise_distances(blocks)
    np.testing.assert_array_equal(np.diag(matrix), 0)
    np.testing.assert_allclose(matrix, matrix.T, atol=1e-12)
    for row, subject in enumerate(blocks):
        np.testing.assert_allclose(matrix[row], cosine_distances(subject, blocks).value, atol=1e-6)


def test_weights_draw_blocks() -> None:
    blocks = random_blocks(4, 3, blocks=5)
    weights = np.array([2.0, 0.0, 1.0, 1.0, 1.0])
    drawn = blocks[:, [0, 0, 2, 3, 4]]
    np.testing.assert_allclose(pairwise_distances(blocks, weights), pairwise_distances(drawn), atol=1e-6)


def test_the_bootstrap_never_changes() -> None:
    weights = bootstrap_weights(6, 3)
    assert weights.sum(axis=1).tolist() == [6, 6, 6]
    assert (
        bootstrap_weights(6, 3).tolist()
        == weights.tolist()
        == [
            [0, 1, 0, 2, 2, 1],
            [0, 0, 2, 3, 1, 0],
            [1, 2, 3, 0, 0, 0],
        ]
    )
