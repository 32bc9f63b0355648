"""The two views, and the random projection that keeps their angles."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provcheck.signals.able.cosine import cosine_distances
from provcheck.signals.able.views import (
    BLOCKS,
    DIMENSIONS,
    PROJECTION_SEED,
    blocks_of,
    contrast_view,
    paper_view,
    project_blocks,
)
from provcheck.types import Floats


def random_words(seed: int, questions: int = 60) -> list[Floats]:
    """Attributions as loud and as shared among options as those of real models."""
    stream = np.random.default_rng(seed)
    shapes = [(3 + place % 3, 4 + place % 9) for place in range(questions)]
    return [stream.lognormal() * (stream.normal(size=shape) + stream.normal(size=shape[1])) for shape in shapes]


def flat(words: list[Floats]) -> Floats:
    return np.concatenate([question.ravel() for question in words])


@given(st.integers(0, 10_000), st.floats(1e-6, 1e6))
def test_the_papers_view_has_unit_length_and_forgets_the_scale(seed: int, factor: float) -> None:
    words = random_words(seed, 7)
    view = paper_view(words)
    assert np.linalg.norm(flat(view)) == pytest.approx(1)
    assert flat(view) @ flat(words) == pytest.approx(np.linalg.norm(flat(words)))
    np.testing.assert_allclose(flat(paper_view([factor * question for question in words])), flat(view), rtol=1e-9)


@given(st.integers(0, 10_000))
def test_contrast_is_centred_over_options_and_every_question_weighs_the_same(seed: int) -> None:
    words = random_words(seed, 7)
    view = contrast_view(words)
    for question in view:
        np.testing.assert_allclose(question.mean(axis=0), 0, atol=1e-12)
        assert np.linalg.norm(question) == pytest.approx(1 / np.sqrt(7))
    louder = [100 * words[0] + np.arange(words[0].shape[1]), *words[1:]]
    np.testing.assert_allclose(flat(contrast_view(louder)), flat(view), atol=1e-9)


@pytest.mark.parametrize("view", [paper_view, contrast_view])
def test_zeros_stay_zeros(view: Callable[[list[Floats]], list[Floats]]) -> None:
    words = random_words(1, 4)
    words[2][:] = 0
    made = view(words)
    assert not made[2].any()
    assert np.isfinite(flat(made)).all()
    assert np.linalg.norm(flat(made)) == pytest.approx(1)
    assert not flat(view([0 * question for question in words])).any()


@pytest.mark.parametrize("questions", [1, 5, BLOCKS, 60])
def test_blocks_sum_to_the_projection_of_the_whole(questions: int) -> None:
    words = paper_view(random_words(3, questions))
    blocks = project_blocks(words, blocks_of(["c"] * questions))
    assert blocks.shape == (min(questions, BLOCKS), DIMENSIONS)
    assert blocks.dtype == np.float32
    whole = flat(words)
    matrix = np.random.RandomState(PROJECTION_SEED).standard_normal((len(whole), DIMENSIONS)) / 16
    np.testing.assert_allclose(blocks.sum(axis=0), whole @ matrix, atol=1e-6)


def test_the_projection_never_changes() -> None:
    """Banks that were built once must stay comparable, whatever the version of numpy."""
    blocks = project_blocks([np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])], blocks_of("ab"))
    np.testing.assert_allclose(blocks[0, :4], [-0.039155874, 0.071495645, -0.096188121, 0.14941855], rtol=1e-6)
    np.testing.assert_allclose(blocks[1, -4:], [-0.026092999, -0.030870896, 0.03367595, -0.08238212], rtol=1e-6)


def test_the_projection_keeps_lengths_and_angles() -> None:
    """Errors of the block-wise estimator are those that Johnson-Lindenstrauss promises: about 1 / sqrt(256 blocks)."""
    errors, summed = [], []
    for seed in range(12):
        first, second = random_words(seed), random_words(seed + 100)
        share = seed / 12
        mixed = [share * one + (1 - share) * two for one, two in zip(first, second, strict=True)]
        views = [contrast_view(first), contrast_view(mixed)]
        exact = 1 - flat(views[0]) @ flat(views[1])
        blocks = [project_blocks(view, blocks_of(["c"] * len(view))) for view in views]
        errors.append(cosine_distances(blocks[0], blocks[1][None]).value[0] - exact)
        one, two = (block.sum(axis=0) for block in blocks)
        summed.append(1 - one @ two / np.linalg.norm(one) / np.linalg.norm(two) - exact)
        assert np.linalg.norm(one) == pytest.approx(1, abs=0.2)
    promised = 1 / np.sqrt(DIMENSIONS * BLOCKS)
    assert np.abs(errors).max() < 4 * promised
    assert np.sqrt(np.mean(np.square(errors))) < 1.5 * promised
    assert np.sqrt(np.mean(np.square(errors))) < np.sqrt(np.mean(np.square(summed))) / 2
