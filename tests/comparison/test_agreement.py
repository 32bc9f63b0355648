"""Agreement by category: each category's own blocks, and nothing else."""

from __future__ import annotations

import pytest

from provcheck.bank import Bank
from provcheck.comparison import agreement
from provcheck.comparison.distance import cosine_distance
from tests.synthetic import BLOCKS, blocks_at, make_bank, make_blocks, make_measurement

REFERENCE = "org/root-0"


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    return make_bank(tmp_path_factory.mktemp("banks") / "five")


def test_one_entry_a_category_in_order_with_all_blocks(bank: Bank) -> None:
    found = agreement(make_measurement("subject", make_blocks(50)), bank, REFERENCE)
    assert [one.category for one in found] == ["c0", "c1", "c2", "c3"]
    assert sum(one.blocks for one in found) == BLOCKS


def test_only_the_category_that_differs_is_far(bank: Bank) -> None:
    blocks = make_blocks(0)
    other = [name == "c2" for name in bank.manifest.block_categories]
    blocks[other] = make_blocks(77)[other]
    distances = {one.category: one.distance for one in agreement(make_measurement("subject", blocks), bank, REFERENCE)}
    assert all(distance for distance in distances.values())
    values = {category: distance.cosine_distance for category, distance in distances.items() if distance}
    assert values.pop("c2") > 0.8
    assert max(values.values()) < 0.001


def test_it_is_the_cosine_distance_of_those_blocks(bank: Bank) -> None:
    blocks = blocks_at(make_blocks(0), 0.3)
    (first, *_) = agreement(make_measurement("subject", blocks), bank, REFERENCE)
    mine = [name == "c0" for name in bank.manifest.block_categories]
    one, two = blocks[mine].ravel(), bank.contrast_blocks[0][mine].astype("float32").ravel()
    assert first.distance
    expected = cosine_distance(one @ two, one @ one, two @ two)
    assert first.distance.cosine_distance == pytest.approx(float(expected), abs=1e-5)
    assert first.distance.ci95[0] <= first.distance.cosine_distance <= first.distance.ci95[1]


def test_what_was_not_measured_is_not_a_number(bank: Bank) -> None:
    blocks = make_blocks(0)
    blocks[[name == "c1" for name in bank.manifest.block_categories]] = 0
    found = {one.category: one.distance for one in agreement(make_measurement("s", blocks), bank, REFERENCE)}
    assert found["c1"] is None
    assert found["c0"] is not None
