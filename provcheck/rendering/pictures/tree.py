"""The lineage tree as a picture."""

from __future__ import annotations

from matplotlib.axes import Axes
from matplotlib.collections import LineCollection

from provcheck.rendering.pictures.names import fitting, width_of
from provcheck.rendering.pictures.newick import SUBJECT_MARK, Branch, read_branches
from provcheck.rendering.pictures.palette import BOLD, KIN, MARK, SIZE, SMALL, SOFT
from provcheck.rendering.pictures.sheet import Sheet

WIDTH, ROW, MARGIN, FOOT = 700.0, 19.0, 4.0, 30.0
LABELS = 290.0
"""Room for the names."""

SHOWN_SUPPORT = 50
"""Percent; less support says that the data do not settle an edge."""


def tree_svg(newick: str, *, standalone: bool = False) -> str:
    """A tree in Newick format, drawn from left to right; a tip whose name ends with ` (subject)` is marked.

    Names of inner nodes are support in percent, if there are any. `standalone` gives a complete file with its own
    colours, else a fragment in the colours of the page around it. Raises ValueError for what is no tree.
    """
    branches = read_branches(newick)
    tips = [branch for branch in branches if branch.tip]
    sheet = Sheet("tree", WIDTH, 2 * MARGIN + ROW * len(tips) + FOOT)
    axes = sheet.field(MARGIN, MARGIN, LABELS, MARGIN)
    scale = axes.get_xlim()[1] / (max(branch.end for branch in branches) or 1)
    _draw_edges(axes, branches, scale)
    for branch in branches:
        if branch.tip:
            _name(sheet, axes, branch, scale)
        elif (branch.support or 0) >= SHOWN_SUPPORT:
            _write_support(sheet, axes, branch, scale)
    if any(branch.length for branch in branches):
        _scale_bar(sheet, axes, scale, ROW * len(tips) + FOOT / 2)
    return sheet.svg("Lineage tree", describe_tree(branches), standalone=standalone)


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


def _name(sheet: Sheet, axes: Axes, tip: Branch, scale: float) -> None:
    x, y = tip.end * scale, _y(tip.row)
    room = sheet.width - 2 * MARGIN - x
    if not tip.subject:
        sheet.write(axes, (x + 6, y), fitting(tip.name, room - 6))
        return
    axes.plot([x], [y], "o", color=KIN, markersize=8, clip_on=False)
    name = fitting(tip.name.removesuffix(SUBJECT_MARK), room - 10 - BOLD * width_of(SUBJECT_MARK), BOLD * SIZE)
    sheet.write(axes, (x + 10, y), name + SUBJECT_MARK, colour=KIN, weight="bold")


def _write_support(sheet: Sheet, axes: Axes, branch: Branch, scale: float) -> None:
    """Over the end of the branch, or behind it where there is no room before it."""
    x, y, text = branch.end * scale, _y(branch.row), f"{branch.support:.0f}"
    if x < width_of(text, SMALL) + 3:
        sheet.write(axes, (x + 3, y), text, colour=SOFT, small=True)
    else:
        sheet.write(axes, (x - 3, y - 7.5), text, colour=SOFT, small=True, ha="right")


def _scale_bar(sheet: Sheet, axes: Axes, scale: float, y: float) -> None:
    """How long a distance is drawn: the largest of 1, 0.5, 0.2, 0.1 ... that takes less than a third of the width."""
    steps = [step * 10.0**power for power in range(3, -7, -1) for step in (5, 2, 1)]
    length = next((step for step in steps if step * scale < axes.get_xlim()[1] / 3), 0.0)
    axes.plot([0, length * scale], [y, y], color=MARK, linewidth=1.2, clip_on=False)
    sheet.write(axes, (length * scale + 6, y), f"distance {length:g}", colour=SOFT, small=True)


def _y(row: float) -> float:
    return (row + 0.5) * ROW
