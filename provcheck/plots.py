"""Tree and map as matplotlib figures, for notebooks and papers: `figure.savefig(FILE)` writes PNG, PDF or SVG."""

from __future__ import annotations

from matplotlib.figure import Figure

from provcheck.bank import Bank, load_bank
from provcheck.errors import UsageError
from provcheck.lineage import gather, grow, project, whole
from provcheck.rendering.pictures.map_picture import map_sheet
from provcheck.rendering.pictures.tree_picture import tree_sheet
from provcheck.types import BankMap, Lineage, Report, StrPath


def plot_tree(found: Report | Lineage | Bank | StrPath, *, resamples: int = 0) -> Figure:
    """The Neighbor-Joining tree of a report, or of a whole bank: one that ships, a bank's folder, or a loaded one.

    A report's tree shows its bootstrap support; for a bank's, `resamples` trees are made, which take seconds to
    minutes. The width is 700 pixels of 1/72 inch, the height goes by the number of models. Raises UsageError where
    there is no tree, and BankError.
    """
    tree = found.lineage if isinstance(found, Report) else found
    if not isinstance(tree, Lineage):
        tree = grow(gather(*_whole(tree)), resamples=resamples)
    if tree.newick is None:
        raise UsageError(f"there is no tree: {tree.reason}")
    return tree_sheet(tree.newick, tree.subject).finished()


def plot_map(found: Report | BankMap | Bank | StrPath) -> Figure:
    """The t-SNE map of a report, or of a whole bank. Near is alike; the axes have no unit.

    Raises UsageError where there is no map, and BankError.
    """
    drawn = found.map if isinstance(found, Report) else found
    if not isinstance(drawn, BankMap):
        drawn = project(gather(*_whole(drawn)))
    if not drawn.points:
        raise UsageError(f"there is no map: {drawn.reason}")
    return map_sheet(drawn.points).finished()


def _whole(bank: Bank | StrPath) -> tuple[Bank, list[int]]:
    loaded = bank if isinstance(bank, Bank) else load_bank(bank)
    return loaded, whole(loaded)[0]
