"""Neighbor-Joining and average linkage against the definitions, and trees that are known."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skbio import TreeNode

from provcheck.lineage.trees import Method, build, nearest_first, path_lengths, rooted_at_midpoint, splits
from provcheck.types import Floats
from tests.lineage.literal import LiteralTree, Split, literal_average_linkage, literal_neighbor_joining, noise, trees


def inner(distances: Floats, method: Method = Method.NJ) -> set[Split]:
    """The splits of the built tree as sets of tips."""
    found = {mask for _, mask in splits(build(distances, method))}
    return {frozenset(tip for tip in range(len(distances)) if mask >> tip & 1) for mask in found}


@given(trees())
def test_distances_along_a_tree_give_that_tree_back(tree: LiteralTree) -> None:
    distances = tree.distances()
    assert inner(distances) == tree.inner
    assert path_lengths(build(distances)) == pytest.approx(distances, abs=1e-9)


@given(st.integers(3, 10), st.integers(0, 10_000))
def test_neighbor_joining_is_that_of_the_definition(tips: int, seed: int) -> None:
    distances = noise(tips, seed)
    literal = literal_neighbor_joining(distances)
    assert inner(distances) == literal.inner
    assert path_lengths(build(distances)) == pytest.approx(literal.distances(), abs=1e-9)


@given(st.integers(3, 10), st.integers(0, 10_000))
def test_average_linkage_is_that_of_the_definition(tips: int, seed: int) -> None:
    distances = noise(tips, seed)
    assert inner(distances, Method.HIERARCHICAL) == literal_average_linkage(distances)


@pytest.mark.parametrize("method", Method)
@pytest.mark.parametrize("tips", [3, 4, 5, 20])
def test_a_tree_has_one_inner_edge_less_than_its_tips_allow(tips: int, method: Method) -> None:
    assert len(inner(noise(tips, 1), method)) == tips - 3


def test_splits_do_not_depend_on_the_root() -> None:
    tree = build(noise(12, 3))
    unrooted = {split for _, split in splits(tree)}
    for root in (
        tree.root_at_midpoint(),
        tree.root_at(tree.find("5"), above=True),
        tree.root_at(tree.find("7").parent),
    ):
        assert {split for _, split in splits(root)} == unrooted


def test_negative_lengths_become_zero() -> None:
    far_too_near = np.array([[0, 0.1, 1, 1], [0.1, 0, 0.1, 1], [1, 0.1, 0, 1], [1, 1, 1, 0]])
    lengths = [node.length for node in build(far_too_near).traverse(include_self=False)]
    assert min(lengths) == 0
    assert (path_lengths(build(far_too_near)) >= 0).all()


@given(trees())
def test_the_nearest_is_the_one_with_the_shortest_way(tree: LiteralTree) -> None:
    distances = tree.distances()
    order = nearest_first(build(distances), distances)
    assert sorted(order) == list(range(1, tree.tips))
    assert distances[0, order] == pytest.approx(np.sort(distances[0, 1:]), abs=1e-9)


def test_among_equally_near_ones_the_matrix_decides() -> None:
    """Average linkage puts all members of a cluster equally far from the rest."""
    distances = np.array([[0, 0.6, 0.5, 0.9], [0.6, 0, 0.1, 0.9], [0.5, 0.1, 0, 0.9], [0.9, 0.9, 0.9, 0]])
    tree = build(distances, Method.HIERARCHICAL)
    assert path_lengths(tree)[0, 1] == pytest.approx(path_lengths(tree)[0, 2])
    assert nearest_first(tree, distances) == [2, 1, 3]


def test_a_root_that_is_the_middle_already_stays() -> None:
    """scikit-bio climbs past it: half the longest path, 0.5 + 0.7 + 0.1, ends at the root up to rounding."""
    newick = "((a:0.1,b:0.3):0.5,c:0.1,(d:0.4375,e:0.7):0.1);"
    tree = TreeNode.read(io.StringIO(newick))
    with pytest.raises(TypeError):
        tree.root_at_midpoint()
    assert {tip.name for tip in rooted_at_midpoint(tree).tips()} == set("abcde")
    middle = rooted_at_midpoint(TreeNode.read(io.StringIO("((a:3,b:1):1,c:1,d:1);")))
    assert max(tip.depth() for tip in middle.tips()) == 2.5
