"""Blocks of questions: each holds one category, and together they hold every question once."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from provcheck.probes import load_probes
from provcheck.signals.able import Able
from provcheck.signals.able.views import BLOCKS, blocks_of


@given(st.lists(st.sampled_from("abcdef"), max_size=300))
def test_every_question_is_in_one_block_of_its_own_category(categories: list[str]) -> None:
    blocks = blocks_of(categories)
    assert sorted(place for block in blocks for place in block.places) == list(range(len(categories)))
    assert all({categories[place] for place in block.places} == {block.category} for block in blocks)
    assert all(list(block.places) == sorted(block.places) for block in blocks)


@given(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=300))
def test_blocks_are_about_as_many_as_asked_and_of_even_size(categories: list[str]) -> None:
    blocks = blocks_of(categories)
    assert len(blocks) <= min(len(categories), BLOCKS + len(set(categories)))
    for category in set(categories):
        sizes = [len(block.places) for block in blocks if block.category == category]
        assert sizes
        assert max(sizes) - min(sizes) <= 1


def test_the_shipped_probes_have_eight_blocks_of_ten_questions_a_category() -> None:
    probes = load_probes()
    blocks = blocks_of([question.category for question in probes.questions])
    assert set(Counter(block.category for block in blocks).values()) == {8}
    assert {len(block.places) for block in blocks} == {10}
    categories = Able().context(probes)["categories"]
    assert isinstance(categories, dict) and list(categories.items()) == [(one, 8) for one in categories]
    named = [category for category in categories for _ in range(8)]
    assert named == [block.category for block in blocks], "the context names the blocks in their order"
