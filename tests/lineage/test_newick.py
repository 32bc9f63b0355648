"""Newick that others read back: topology, support and names, whatever the names are."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provcheck.lineage.trees import build, quote, rooted_at_midpoint, splits, write_newick
from tests.lineage.literal import LiteralTree, noise, trees
from tests.lineage.reading import READERS, Seen, by_dendropy, by_skbio
from tests.rendering.hostile import MARKUP, RIGHT_TO_LEFT

GRAMMAR = (
    "(a,b)c;",
    "it's",
    "''a''",
    "a_b c",
    "[a]",
    "[&R] a",
    "x:0.5",
    "a,",
    '"quoted"',
    "50%",
    "a\\b",
    "b\\'c",
    "97",
)
NAMES = st.text("abc_ '\"()[]{}:;,=/\\*`+-<>%&é\u202e模0", min_size=1, max_size=12).map(str.strip)
NAMES = NAMES.filter(lambda name: any(char.isalnum() for char in name))
"""With a letter or digit at least: a quoted name of one character of the grammar confuses both readers."""


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize("name", [*GRAMMAR, *MARKUP, RIGHT_TO_LEFT])
def test_names_are_read_back(name: str, read: Callable[[str], Seen]) -> None:
    labels = [name, "plain/name-1.0", f"{name} 2", "d"]
    assert read(write_newick(build(noise(4, 1)), labels)).tips == set(labels)


@given(st.lists(NAMES, min_size=4, max_size=4, unique=True))
def test_any_names_are_read_back_by_both(labels: list[str]) -> None:
    newick = write_newick(build(noise(4, 1)), labels)
    assert by_skbio(newick).tips == by_dendropy(newick).tips == set(labels)


@given(trees())
def test_both_readers_see_the_tree_and_its_support(tree: LiteralTree) -> None:
    labels = [f"tip {number:02}" for number in range(tree.tips)]
    built = build(tree.distances())
    support = {split: split % 101 / 100 for _, split in splits(built)}
    shown = {
        frozenset(labels[tip] for tip in range(tree.tips) if split >> tip & 1): str(int(100 * share))
        for split, share in support.items()
    }
    for rooted in (built, rooted_at_midpoint(built)):
        newick = write_newick(rooted, labels, support)
        assert by_skbio(newick).splits == by_dendropy(newick).splits == shown


def test_support_is_never_rounded_into_certainty() -> None:
    tree = build(noise(4, 1))
    [(_, split)] = splits(tree)
    written = [write_newick(tree, list("abcd"), {split: share}) for share in (0.9999, 1.0)]
    assert [list(by_skbio(newick).splits.values()) for newick in written] == [["99"], ["100"]]


def test_without_support_inner_nodes_have_no_names() -> None:
    assert set(by_skbio(write_newick(build(noise(6, 1)), list("abcdef"))).splits.values()) == {None}


def test_plain_names_are_not_quoted() -> None:
    assert [quote(name) for name in ("org/name-1.5", "a b", "it's", "a_b")] == [
        "org/name-1.5",
        "'a b'",
        "'it''s'",
        "'a_b'",
    ]
