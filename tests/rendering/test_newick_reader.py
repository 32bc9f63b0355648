"""Trees are read for drawing as two readers of others read them, whatever the text."""

from __future__ import annotations

from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provcheck.lineage.trees import build, path_lengths, rooted_at_midpoint, splits, write_newick
from provcheck.rendering.pictures.newick import Node, postorder, read_newick, rooted_midway
from tests.lineage.literal import LiteralTree, trees
from tests.lineage.reading import Seen, by_dendropy, by_skbio

DEEP = 50_000


def seen(root: Node) -> Seen:
    below: dict[Node, frozenset[str]] = {}
    for node in postorder(root):
        below[node] = frozenset.union(*(below[child] for child in node.children)) if node.children else tip(node)
    inner = [node for node in below if node.children and node.parent]
    return Seen(below[root], {below[node]: node.name for node in inner})


def tip(node: Node) -> frozenset[str]:
    return frozenset([node.name or ""])


def depths(root: Node) -> dict[str, float]:
    """How far each tip is from the root."""
    found = {root: 0.0}
    for node in reversed(postorder(root)):
        found |= {child: found[node] + (child.length or 0) for child in node.children}
    return {node.name or "": depth for node, depth in found.items() if not node.children}


@given(trees())
def test_it_reads_what_others_read(tree: LiteralTree) -> None:
    labels = [f"it's {number:02}_[x]" for number in range(tree.tips)]
    built = build(tree.distances())
    newick = write_newick(rooted_at_midpoint(built), labels, {split: split % 101 / 100 for _, split in splits(built)})
    root = read_newick(newick)
    assert seen(root).splits == by_skbio(newick).splits == by_dendropy(newick).splits
    named = [node for node in postorder(root) if node.children and node.name]
    assert [node.support for node in named] == [float(node.name or "") for node in named]
    assert rooted_midway(root) is root


@given(trees())
def test_a_root_is_put_midway_between_the_farthest_tips(tree: LiteralTree) -> None:
    built = build(tree.distances())
    support = {split: split % 101 / 100 for _, split in splits(built)}
    before = read_newick(write_newick(built, [f"t{number}" for number in range(tree.tips)], support))
    shown = {side: node.support for side, node in by_side(before).items()}
    root = rooted_midway(before)
    assert len(root.children) == 2 or root is before
    farthest = sorted(depths(root).values())[-2:]
    assert farthest == pytest.approx([path_lengths(built).max() / 2] * 2, rel=1e-3)
    assert {side: node.support for side, node in by_side(root).items()} == shown, "support stays with its edge"


def by_side(root: Node) -> dict[frozenset[str], Node]:
    """Inner nodes by the side of the edge above them without the first tip."""
    found: dict[frozenset[str], Node] = {}
    names = seen(root).tips
    below: dict[Node, frozenset[str]] = {}
    for node in postorder(root):
        below[node] = frozenset.union(*(below[child] for child in node.children)) if node.children else tip(node)
        side = names - below[node] if min(names) in below[node] else below[node]
        if 1 < len(side) < len(names) - 1:
            found[side] = node
    return found


@pytest.mark.parametrize(
    "text",
    [
        "",
        ";",
        "a",
        "(a,b)",
        "(a,b",
        "a)",
        "(a,b));",
        "(a:x,b);",
        "(a,b)(c);",
        "a(b);",
        "(a b,c);",
        "(a:1:2,b);",
        "(a,b);c;",
    ],
)
def test_what_is_no_tree_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="this is no tree in Newick format"):
        read_newick(text)


def test_white_space_comments_and_negative_lengths() -> None:
    root = read_newick(" [&R] ( a_b : -1.5 [x], 'it''s':2e0 ) 97 :3 ; \n")
    assert [(node.name, node.length) for node in postorder(root)] == [("a b", 0.0), ("it's", 2.0), ("97", 3.0)]
    assert root.support == 97
    assert [node.support for node in postorder(read_newick("((a,b)x,(c,d)nan,(e,f)inf);"))] == [None] * 10
    assert read_newick("(a:inf,b);").children[0].length == inf


def test_depth_costs_no_recursion() -> None:
    root = read_newick("(" * DEEP + "a" + ":1,b:1)" * DEEP + ";")
    assert len(postorder(root)) == 2 * DEEP + 1
    assert rooted_midway(root) is root


@given(st.text("(),:;'[]ab1 ", max_size=30))
def test_any_text_is_a_tree_or_a_value_error(text: str) -> None:
    try:
        rooted_midway(read_newick(text))
    except ValueError as error:
        assert "tree" in str(error)
