"""Read a lineage tree and lay it out: whose branch is where, and how sure it is."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from math import isfinite
from typing import Any

SUBJECT_MARK = " (subject)"
ROOTED = 2
"""Branches of a root; a tree without one starts from a node with three."""


@dataclass(frozen=True)
class Branch:
    """A node of the tree with the edge that leads to it.

    `start` and `end` are distances from the root, `row` is its place from top to bottom: tips are 0, 1, 2 ..., an
    inner node is in the middle of its first and last child. `support` is in percent, None where the tree states none.
    """

    members: tuple[str, ...]
    subject: bool
    tip: bool
    length: float
    support: float | None
    start: float
    end: float
    row: float
    rows: tuple[float, float]
    """Rows of its first and last child; its own for a tip."""

    @property
    def name(self) -> str:
        """The name of a tip."""
        return self.members[0]


def read_branches(newick: str) -> tuple[Branch, ...]:
    """The branches of a tree, children before parents, the root last. The subject comes out on top.

    A tree without a root is drawn from the middle of its longest path. Lengths below 0, or missing, count as 0; where
    there are none, all branches are drawn equally long. Raises ValueError for what is no tree.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-bio warns while it is imported
        return _laid_out(_rooted(_read(newick)))


def _read(newick: str) -> Any:
    from skbio import TreeNode
    from skbio.io import FileFormatError

    try:
        tree = TreeNode.read(io.StringIO(newick), format="newick")
    except FileFormatError as error:
        raise ValueError("this is no tree in Newick format") from error
    tree.assign_supports()
    for node in tree.traverse():
        node.length = max(0.0, node.length or 0.0)
        if not isfinite(node.length):
            raise ValueError("a branch of this tree has no end")
    return tree


def _rooted(tree: Any) -> Any:
    return tree.root_at_midpoint(reset=True) if len(tree.children) > ROOTED and _has_lengths(tree) else tree


def _has_lengths(tree: Any) -> bool:
    return any(node.length for node in tree.traverse(include_self=False))


def _laid_out(tree: Any) -> tuple[Branch, ...]:
    for node in tree.postorder():
        node.size = 1 if node.is_tip() else sum(child.size for child in node.children)
        node.has_subject = any(child.has_subject for child in node.children) or _is_subject(node)
        node.children.sort(key=lambda child: (not child.has_subject, child.size))
    step = 0.0 if _has_lengths(tree) else 1.0
    for node in tree.preorder():
        node.start = 0.0 if node.is_root() else node.parent.end
        node.end = node.start + (0.0 if node.is_root() else node.length or step)
    branches: dict[int, Branch] = {}
    rows = 0
    for node in tree.postorder():
        below = [branches[id(child)] for child in node.children]
        branches[id(node)] = _branch(node, below, rows)
        rows += node.is_tip()
    return tuple(branches.values())


def _branch(node: Any, below: list[Branch], next_row: int) -> Branch:
    ends = (below[0].row, below[-1].row) if below else (next_row, next_row)
    return Branch(
        members=tuple(name for child in below for name in child.members) or (node.name or "",),
        subject=_is_subject(node),
        tip=not below,
        length=node.length or 0.0,
        support=node.support if below and not node.is_root() else None,
        start=node.start,
        end=node.end,
        row=sum(ends) / 2,
        rows=ends,
    )


def _is_subject(node: Any) -> bool:
    return node.is_tip() and (node.name or "").endswith(SUBJECT_MARK)
