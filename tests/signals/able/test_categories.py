"""Distance by category: each category's own blocks, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest

from provcheck.bank import Bank
from provcheck.comparison import compare, examine
from provcheck.signals.able.cosine import cosine_distance
from provcheck.signals.able.values import CONTRAST, CategoryDistance, able_of
from provcheck.types import Bools, Floats
from tests.synthetic import BLOCKS, blocks_at, make_bank, make_blocks, make_measurement, stacked

REFERENCE = "org/root-0"


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    return make_bank(tmp_path_factory.mktemp("banks") / "five")


def by_category(blocks: Floats, bank: Bank) -> tuple[CategoryDistance, ...]:
    """What the comparison with the reference says when it is examined."""
    measurement = make_measurement("subject", blocks)
    examined = examine(compare(measurement, bank), REFERENCE, measurement, bank)
    found = {one.reference: able_of(one) for one in examined}
    assert all(values and not values.categories for id, values in found.items() if id != REFERENCE)
    values = found[REFERENCE]
    assert values is not None
    return values.categories


def of_category(bank: Bank, category: str) -> Bools:
    """Which blocks hold questions of that category."""
    counts = bank.stacks["able"].context["categories"]
    assert isinstance(counts, dict)
    return np.repeat([name == category for name in counts], [int(str(count)) for count in counts.values()])


def test_one_entry_a_category_in_order_with_all_blocks(bank: Bank) -> None:
    found = by_category(make_blocks(50), bank)
    assert [one.category for one in found] == ["c0", "c1", "c2", "c3"]
    assert sum(one.blocks for one in found) == BLOCKS


def test_only_the_category_that_differs_is_far(bank: Bank) -> None:
    blocks = make_blocks(0)
    other = of_category(bank, "c2")
    blocks[other] = make_blocks(77)[other]
    distances = {one.category: one.distance for one in by_category(blocks, bank)}
    assert all(distance for distance in distances.values())
    values = {category: distance.cosine_distance for category, distance in distances.items() if distance}
    assert values.pop("c2") > 0.8
    assert max(values.values()) < 0.001


def test_it_is_the_cosine_distance_of_those_blocks(bank: Bank) -> None:
    blocks = blocks_at(make_blocks(0), 0.3)
    (first, *_) = by_category(blocks, bank)
    mine = of_category(bank, "c0")
    one, two = blocks[mine].ravel(), stacked(bank, CONTRAST)[0][mine].astype("float32").ravel()
    assert first.distance and first.distance.ci95
    expected = cosine_distance(one @ two, one @ one, two @ two)
    assert first.distance.cosine_distance == pytest.approx(float(expected), abs=1e-5)
    assert first.distance.ci95[0] <= first.distance.cosine_distance <= first.distance.ci95[1]


def test_what_was_not_measured_is_not_a_number(bank: Bank) -> None:
    blocks = make_blocks(0)
    blocks[of_category(bank, "c1")] = 0
    found = {one.category: one.distance for one in by_category(blocks, bank)}
    assert found["c1"] is None
    assert found["c0"] is not None
