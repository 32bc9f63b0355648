"""Trees in Newick format, read for drawing. The text may be anybody's, and as deep as it likes.

scikit-bio, which makes our trees, would read them too, but takes more than a second to import.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isfinite

_PIECE = re.compile(r"\s*(?:\[[^\]]*\]\s*)*('(?:[^']|'')*'|[(),:;]|[^\s\[\](),:;']+)")
"""A quoted label, a character of the grammar, or a plain label; comments in brackets before it are skipped."""

GRAMMAR, END = frozenset("(),:;"), ";"

ROOTED = 2
"""Branches of a root; an unrooted tree starts from a node with three."""


@dataclass(eq=False)
class Node:
    """A node with the edge above it: `length` is 0 or more, `support` in percent; None where the tree states none."""

    parent: Node | None = None
    children: list[Node] = field(default_factory=list)
    name: str | None = None
    length: float | None = None
    support: float | None = None

    def add(self) -> Node:
        """A new last child."""
        self.children.append(Node(self))
        return self.children[-1]

    @property
    def is_fresh(self) -> bool:
        """Whether nothing was read of it yet."""
        return not self.children and self.name is None and self.length is None


def read_newick(text: str) -> Node:
    """The root of the tree; names of inner nodes that are numbers are support. Raises ValueError for no tree."""
    root = node = Node()
    before = ""
    for piece in _pieces(text):
        node = _follow(node, before, piece)
        before = piece
    if before != END:
        raise _no_tree()
    for inner in (one for one in postorder(root) if one.children):
        inner.support = _number(inner.name)
    return root


def _follow(node: Node, before: str, piece: str) -> Node:
    """Read one piece into the node, or go on to another."""
    if before == ":":
        node.length = _length(piece)
    elif piece == "(" and node.is_fresh:
        return node.add()
    elif piece == "," and node.parent:
        return node.parent.add()
    elif piece == ")" and node.parent:
        return node.parent
    elif piece not in GRAMMAR and node.name is None and node.length is None:
        node.name = piece[1:-1].replace("''", "'") if piece[0] == "'" else piece.replace("_", " ")
    elif not (piece == ":" and node.length is None) and (piece != END or node.parent or node.is_fresh):
        raise _no_tree()
    return node


def postorder(root: Node) -> list[Node]:
    """Every node, children before their parent."""
    found, waiting = [], [root]
    while waiting:
        found.append(waiting.pop())
        waiting += found[-1].children
    return found[::-1]


def rooted_midway(root: Node) -> Node:
    """The tree with a root midway between its two tips that are farthest apart; edges keep their support.

    A tree that has a root already, with two branches, or that has no lengths, is returned as it is.
    """
    if len(root.children) <= ROOTED or not any(node.length for node in postorder(root)):
        return root
    half, node = _longest_path(root)
    while node.parent and node.parent is not root and half > (node.length or 0):
        half -= node.length or 0
        node = node.parent
    if node.parent is root and half >= (node.length or 0):
        return root  # it is in the middle already
    return _rooted_above(node, min(half, node.length or 0))


def _longest_path(root: Node) -> tuple[float, Node]:
    """Half the length of the longest path between two tips, and that of its ends which is farther from its top."""
    deepest: dict[Node, tuple[float, Node]] = {}
    longest = (-1.0, root)
    for node in postorder(root):
        below = [(deepest[child][0] + (child.length or 0), deepest[child][1]) for child in node.children]
        below.sort(key=lambda one: -one[0])
        deepest[node] = below[0] if below else (0.0, node)
        if len(below) > 1 and below[0][0] + below[1][0] > 2 * longest[0]:
            longest = ((below[0][0] + below[1][0]) / 2, below[0][1])
    return longest


def _rooted_above(node: Node, length: float) -> Node:
    """The same tree with its root at this distance above a node: all edges on the way to the old root turn round."""
    root, above = Node(), node.parent
    root.children = [one for one in (node, above) if one]
    if above:
        above.children.remove(node)
    below, edge = root, ((node.length or 0) - length, node.support)
    node.parent, node.length = root, length
    while above:
        upper, next_edge = above.parent, (above.length or 0, above.support)
        if upper:
            upper.children.remove(above)
            above.children.append(upper)
        above.parent, (above.length, above.support) = below, edge
        below, edge, above = above, next_edge, upper
    return root


def _pieces(text: str) -> Iterator[str]:
    """Up to the first semicolon, after which only white space may come."""
    place = 0
    text = text.rstrip()
    while place < len(text):
        found = _PIECE.match(text, place)
        if found is None:
            raise _no_tree()
        place = found.end()
        yield found[1]
        if found[1] == END and place < len(text):
            raise _no_tree()


def _length(piece: str) -> float:
    try:
        return max(0.0, float(piece))
    except ValueError:
        raise _no_tree() from None


def _number(name: str | None) -> float | None:
    try:
        found = float(name or "")
    except ValueError:
        return None
    return found if isfinite(found) else None


def _no_tree() -> ValueError:
    return ValueError("this is no tree in Newick format")
