"""Read a lineage tree and lay it out: whose branch is where, and how sure it is."""

from __future__ import annotations

import io
import warnings
from dataclasses import dataclass
from typing import Any

SUBJECT_MARK = " (subject)"
MIN_TIPS_TO_ROOT = 3


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

    A Neighbor-Joining tree has no root; it is drawn from the middle of its longest path. Negative lengths count as 0.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return _laid_out(_rooted(newick))


def _rooted(newick: str) -> Any:
    from skbio import TreeNode

    tree = TreeNode.read(io.StringIO(newick), format="newick")
    tree.assign_supports()
    for node in tree.traverse(include_self=False):
        node.length = max(0.0, node.length or 0.0)
    if tree.count(tips=True) >= MIN_TIPS_TO_ROOT and any(node.length for node in tree.traverse(include_self=False)):
        tree = tree.root_at_midpoint(reset=True)
    return tree


def _laid_out(tree: Any) -> tuple[Branch, ...]:
    for node in tree.postorder():
        node.size = 1 if node.is_tip() else sum(child.size for child in node.children)
        node.has_subject = any(child.has_subject for child in node.children) or _is_subject(node)
        node.children.sort(key=lambda child: (not child.has_subject, child.size))
    for node in tree.preorder():
        node.start = 0.0 if node.is_root() else node.parent.end
        node.end = node.start + (node.length or 0.0)
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
