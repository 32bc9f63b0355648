"""The lineage tree as a picture: read, laid out, drawn."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from provcheck.io.text import plain
from provcheck.rendering.pictures.labels import fitting, width_of
from provcheck.rendering.pictures.newick import Node, postorder, read_newick, rooted_midway
from provcheck.rendering.pictures.palette import BOLD, KIN, MARK, SIZE, SMALL, SOFT
from provcheck.rendering.pictures.sheet import Sheet

MARGIN, FOOT = 4.0, 30.0


@dataclass(frozen=True)
class Format:
    """Pixels: width of a picture, room for names in it, the height of a row, and the size of its letters."""

    width: float
    labels: float
    row: float
    size: float


WIDE, NARROW = Format(700, 290, 19, SIZE), Format(360, 235, 16, SMALL)
"""The narrow one fits a phone, and half a sheet of paper."""

ABOVE = 0.4
"""Rows between a branch and its support."""

SHOWN_SUPPORT = 50
"""Percent; support below this means that the data do not settle an edge."""

SUBJECT_MARK = " (subject)"
"""Written behind the subject's name, if it is not there already, to tell it from a reference of that name."""


@dataclass(frozen=True)
class Branch:
    """A node of the tree with the edge that leads to it.

    `start` and `end` are distances from the root, `row` is its place from top to bottom: tips are 0, 1, 2 ..., an
    inner node is midway between its first and last child. `support` is in percent, None where the tree states none.
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


def read_branches(newick: str, subject: str | None = None) -> tuple[Branch, ...]:
    """The branches of a tree, children before parents, the root last. The leaf called `subject` comes out on top.

    A tree without a root is drawn from the middle of its longest path. Lengths below 0, or missing, count as 0; if
    there are none, all branches are drawn equally long. Raises ValueError if the text is not a tree.
    """
    root = rooted_midway(read_newick(newick))
    if not all(isfinite(node.length or 0) for node in postorder(root)):
        raise ValueError("a branch of this tree has no end")
    return _laid_out(root, None if subject is None else plain(subject))


def _laid_out(root: Node, subject: str | None) -> tuple[Branch, ...]:
    kin = _sorted_by_subject(root, subject)
    nodes = postorder(root)
    step = 0.0 if any(node.length for node in nodes) else 1.0
    ends = {root: 0.0}
    for node in reversed(nodes):
        ends |= {child: ends[node] + (child.length or step) for child in node.children}
    branches: dict[Node, Branch] = {}
    rows = 0
    for node in nodes:
        below = [branches[child] for child in node.children]
        branches[node] = _branch(node, below, rows, ends, subject=not below and node in kin)
        rows += not below
    return tuple(branches.values())


def _sorted_by_subject(root: Node, subject: str | None) -> set[Node]:
    """Put the branch with the subject first and then the smallest, everywhere; the nodes that lead to the subject."""
    kin: set[Node] = set()
    size: dict[Node, int] = {}
    for node in postorder(root):
        size[node] = sum(size[child] for child in node.children) or 1
        if not kin.isdisjoint(node.children) or (not node.children and plain(node.name or "") == subject):
            kin.add(node)
        node.children.sort(key=lambda child: (child not in kin, size[child]))
    return kin


def _branch(node: Node, below: list[Branch], next_row: int, ends: dict[Node, float], *, subject: bool) -> Branch:
    rows = (below[0].row, below[-1].row) if below else (next_row, next_row)
    return Branch(
        members=tuple(name for child in below for name in child.members) or (node.name or "",),
        subject=subject,
        tip=not below,
        length=node.length or 0.0,
        support=node.support if below and node.parent else None,
        start=ends[node.parent] if node.parent else 0.0,
        end=ends[node],
        row=sum(rows) / 2,
        rows=rows,
    )


# Drawing


def tree_svg(newick: str, subject: str | None = None, *, narrow: bool = False, standalone: bool = False) -> str:
    """A tree in Newick format as SVG; `standalone` gives a complete file with its own colors, else a fragment in the
    colors of the page around it. Raises ValueError if the text is not a tree."""
    return tree_sheet(newick, subject, narrow=narrow).svg(standalone=standalone)


def tree_sheet(newick: str, subject: str | None = None, *, narrow: bool = False) -> Sheet:
    """A tree in Newick format, drawn from left to right; the leaf called `subject` is marked.

    Names of inner nodes are support in percent, if there are any; a narrow picture leaves out those whose branch is
    too short for them. Raises ValueError if the text is not a tree.
    """
    branches, form = read_branches(newick, subject), NARROW if narrow else WIDE
    rows, name = sum(branch.tip for branch in branches), "tree-narrow" if narrow else "tree"
    height = form.row * rows + FOOT
    sheet = Sheet(name, form.width, height + 2 * MARGIN, "Lineage tree", describe_tree(branches))
    axes = sheet.field(MARGIN, MARGIN, form.labels, MARGIN)
    axes.set_ylim(height / form.row, 0)  # counted in rows
    scale = axes.get_xlim()[1] / (max(branch.end for branch in branches) or 1)
    _draw_edges(axes, branches, scale)
    for branch in branches:
        if branch.tip:
            _name(sheet, axes, branch, scale, form.size)
        elif (branch.support or 0) >= SHOWN_SUPPORT and not (narrow and _too_short(branch, scale)):
            _write_support(sheet, axes, branch, scale)
    if any(branch.length for branch in branches):
        _scale_bar(sheet, axes, scale, rows + FOOT / 2 / form.row)
    return sheet


def describe_tree(branches: tuple[Branch, ...]) -> str:
    """What the picture shows, in words."""
    tips = [branch for branch in branches if branch.tip]
    subject = next((branch for branch in tips if branch.subject), None)
    drawn = f"A tree of {len(tips)} models, drawn from left to right; models on neighbouring branches are alike."
    if subject is None:
        return drawn
    around = min(
        (one for one in branches if not one.tip and subject.name in one.members), key=lambda one: len(one.members)
    )
    others = [name for name in around.members if name != subject.name]
    return f"{drawn} The smallest branch that holds {subject.name} also holds {', '.join(others[:6])}."


def _draw_edges(axes: Axes, branches: tuple[Branch, ...], scale: float) -> None:
    lines: dict[bool, list[list[tuple[float, float]]]] = {True: [], False: []}
    for branch in branches:
        start, end = branch.start * scale, branch.end * scale
        lines[branch.subject].append([(start, _y(branch.row)), (end, _y(branch.row))])
        if not branch.tip:
            lines[False].append([(end, _y(branch.rows[0])), (end, _y(branch.rows[1]))])
    axes.add_collection(LineCollection(lines[False], colors=SOFT, linewidths=1.2, clip_on=False), autolim=False)
    axes.add_collection(LineCollection(lines[True], colors=KIN, linewidths=2.5, clip_on=False), autolim=False)


def _name(sheet: Sheet, axes: Axes, tip: Branch, scale: float, size: float) -> None:
    x, y, small = tip.end * scale, _y(tip.row), size < SIZE
    room = sheet.width - 2 * MARGIN - x
    if not tip.subject:
        sheet.write(axes, (x + 6, y), fitting(tip.name, room - 6, size), small=small)
        return
    axes.plot([x], [y], "o", color=KIN, markersize=8, clip_on=False)
    name = fitting(tip.name.removesuffix(SUBJECT_MARK), room - 10 - BOLD * width_of(SUBJECT_MARK, size), BOLD * size)
    sheet.write(axes, (x + 10, y), name + SUBJECT_MARK, colour=KIN, weight="bold", small=small)


def _too_short(branch: Branch, scale: float) -> bool:
    """Whether the support is wider than its branch."""
    return (branch.end - branch.start) * scale < width_of("100", SMALL)


def _write_support(sheet: Sheet, axes: Axes, branch: Branch, scale: float) -> None:
    """Write above the end of the branch, or after it where there is no room."""
    x, y, text = branch.end * scale, _y(branch.row), f"{branch.support:.0f}"
    if x < width_of(text, SMALL) + 3:
        sheet.write(axes, (x + 3, y), text, colour=SOFT, small=True)
    else:
        sheet.write(axes, (x - 3, y - ABOVE), text, colour=SOFT, small=True, ha="right")


def _scale_bar(sheet: Sheet, axes: Axes, scale: float, y: float) -> None:
    """How long a distance is drawn: the largest of 1, 0.5, 0.2, 0.1 ... that takes less than a third of the width."""
    steps = [step * 10.0**power for power in range(3, -7, -1) for step in (5, 2, 1)]
    length = next((step for step in steps if step * scale < axes.get_xlim()[1] / 3), 0.0)
    axes.plot([0, length * scale], [y, y], color=MARK, linewidth=1.2, clip_on=False)
    sheet.write(axes, (length * scale + 6, y), f"distance {length:g}", colour=SOFT, small=True)


def _y(row: float) -> float:
    """The middle of a row."""
    return row + 0.5
