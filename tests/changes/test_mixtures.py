"""Is a model a merge of given parents, with which weights, and what is left."""

from __future__ import annotations

import numpy as np
import pytest

from provcheck.changes import describe_mixture
from provcheck.types import Mixture
from tests.changes import models as m


def tuned(seed: int, size: float = 0.1) -> m.Weights:
    random = np.random.RandomState(seed)
    return m.half({key: one + size * one.std() * random.standard_normal(one.shape) for key, one in m.llama().items()})


def mixed(*shares: float) -> m.Weights:
    parents = [tuned(seed) for seed in range(1, len(shares) + 1)]
    return m.half({key: np.tensordot(shares, [one[key] for one in parents], 1) for key in parents[0]})


def fitted(model: m.Weights, **parents: m.Weights) -> Mixture:
    found = describe_mixture(m.opened(model), {name: m.opened(one) for name, one in parents.items()})
    assert found is not None
    return found


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.3, 0.7), (0.2, 0.3, 0.5)])
def test_a_linear_merge_has_its_weights_in_every_block(shares: tuple[float, ...]) -> None:
    parents = {f"p{seed}": tuned(seed) for seed in range(1, len(shares) + 1)}
    found = fitted(mixed(*shares), **parents)
    assert found.is_merge and found.residual < 0.05, found.reason
    assert found.weights == pytest.approx(shares, abs=0.01)
    assert len(found.by_block) == m.BLOCKS
    assert all(block == pytest.approx(shares, abs=0.02) for block in found.by_block)


def test_task_arithmetic_shows_with_the_base_among_the_parents() -> None:
    base, one, two = m.llama(), tuned(1), tuned(2)
    added = m.half({key: one[key] + two[key] - base[key] for key in base})
    found = fitted(added, one=one, two=two, base=base)
    assert found.is_merge and found.weights == pytest.approx((1, 1, -1), abs=0.02)


def test_a_model_whose_weights_are_picked_from_its_parents_is_a_merge() -> None:
    one, two, random = tuned(1), tuned(2), np.random.RandomState(5)
    picked = {key: np.where(random.random(one[key].shape) < 0.5, one[key], two[key]) for key in one}
    found = fitted(picked, one=one, two=two)
    assert found.is_merge and found.picked > 0.95 and "exactly those" in found.reason


def test_a_fine_tune_is_no_mixture_of_its_parent_and_a_sibling() -> None:
    found = fitted(tuned(1), base=m.llama(), sibling=tuned(2))
    assert not found.is_merge and found.residual > 0.9


def test_a_pruned_parent_is_no_mixture() -> None:
    """Half of its weights are exactly the parent's, and none a sibling's."""
    base = m.llama()
    pruned = {key: np.where(np.abs(one) < np.median(np.abs(one)), 0, one) for key, one in base.items()}
    found = fitted(pruned, base=base, sibling=tuned(2))
    assert not found.is_merge and found.picked > 0.4


def test_one_of_the_parents_is_no_merge() -> None:
    found = fitted(m.llama(), base=m.llama(), sibling=tuned(2))
    assert not found.is_merge and found.reason == "The model is one of the parents."


def test_models_without_a_common_tensor() -> None:
    other = {key: value[..., :8] for key, value in m.llama().items()}
    assert describe_mixture(m.opened(m.llama()), {"one": m.opened(other), "two": m.opened(other)}) is None
