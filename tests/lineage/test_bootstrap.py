"""Support: the share of trees from resampled blocks of questions that have an edge."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest

from provcheck.lineage.placement import Support
from provcheck.lineage.placement import resample as resample_matrices
from provcheck.lineage.trees import Method, build, nearest_first, splits
from provcheck.signals.able.cosine import bootstrap_weights, pairwise_distances, resampled_distances
from provcheck.types import Floats
from tests.synthetic import BLOCKS, blocks_at, make_blocks


def pairs_of_twins() -> Floats:
    """Three pairs, each of a model and one much like it; (0, 1), (2, 3), (4, 5)."""
    return np.stack(
        [make_blocks(n) if not twin else blocks_at(make_blocks(n), 0.2, 50 + n) for n in range(3) for twin in (0, 1)]
    )


def resample(blocks: Floats, method: Method, resamples: int) -> Support:
    """What trees from these blocks of questions say, drawn with replacement."""
    return resample_matrices(resampled_distances(blocks, resamples), method)


def strangers(count: int = 8) -> Floats:
    return np.stack([make_blocks(n) for n in range(count)])


def literal_support(blocks: Floats, method: Method, resamples: int) -> dict[frozenset[int], float]:
    """Share of the resamples with each split, every tree built of the blocks that were drawn themselves."""
    found: dict[frozenset[int], float] = {}
    for weights in bootstrap_weights(blocks.shape[1], resamples):
        drawn = np.repeat(blocks, weights.astype(int), axis=1)
        for mask in {mask for _, mask in splits(build(pairwise_distances(drawn), method))}:
            side = frozenset(tip for tip in range(len(blocks)) if mask >> tip & 1)
            found[side] = found.get(side, 0) + 1 / resamples
    return found


def test_resampled_distances_are_those_of_the_blocks_that_were_drawn() -> None:
    blocks = strangers(5)
    for weights, distances in zip(bootstrap_weights(BLOCKS, 7), resampled_distances(blocks, 7), strict=True):
        assert distances == pytest.approx(pairwise_distances(np.repeat(blocks, weights.astype(int), axis=1)), abs=1e-6)
        assert distances == pytest.approx(pairwise_distances(blocks, weights), abs=1e-6)


@pytest.mark.parametrize("method", Method)
def test_support_is_the_share_of_trees_with_the_same_split(method: Method) -> None:
    blocks = np.concatenate([pairs_of_twins(), strangers(5)[3:]])
    support = resample(blocks, method, 40)
    literal = literal_support(blocks, method, 40)
    assert support.trees == 40
    shares = {
        frozenset(tip for tip in range(len(blocks)) if mask >> tip & 1): count for mask, count in support.splits.items()
    }
    assert shares == pytest.approx({side: share * 40 for side, share in literal.items()})


@pytest.mark.parametrize("method", Method)
def test_clear_splits_have_full_support(method: Method) -> None:
    blocks = pairs_of_twins()
    support = resample(blocks, method, 100)
    assert [support.of_split(split) for split in (0b001100, 0b110000, 0b111100)] == [1, 1, 1]
    assert support.of_nearest(1) == 1 and support.of_nearest(2) == 0


def test_splits_among_strangers_have_little() -> None:
    blocks = strangers()
    support = resample(blocks, Method.NJ, 100)
    own = [support.of_split(split) for _, split in splits(build(pairwise_distances(blocks)))]
    assert np.mean(own) < 0.5 and max(own) < 0.95


def test_nearest_is_counted_on_each_tree() -> None:
    blocks = strangers()
    support = resample(blocks, Method.NJ, 30)
    counted = [nearest_first(build(one), one)[0] for one in resampled_distances(blocks, 30)]
    assert support.nearest == {tip: counted.count(tip) for tip in set(counted)}
    assert sum(support.nearest.values()) == 30 and len(support.nearest) > 1


def test_the_same_twice() -> None:
    assert resample(strangers(), Method.NJ, 20) == resample(strangers(), Method.NJ, 20)


def test_resamples_that_leave_a_model_nothing_are_not_counted() -> None:
    """A model that answered the questions of a single block is in about 64 % of the resamples."""
    blocks = strangers(5)
    blocks[2, 1:] = 0
    drawn = (bootstrap_weights(BLOCKS, 60)[:, 0] > 0).sum()
    assert resample(blocks, Method.NJ, 60).trees == drawn < 60
    assert all(np.isfinite(one).all() for one in islice(resampled_distances(blocks, 60), 10))
