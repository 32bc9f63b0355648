"""The lineage tree in Newick format, for other programs."""

from __future__ import annotations

from provcheck.io.text import plain
from provcheck.types import Report


class NewickTree:
    """The tree on one line; nothing where no tree was made."""

    def render(self, report: Report) -> str | None:
        """Inner nodes are named after the bootstrap support of the edge above them, in percent."""
        newick = report.lineage.newick
        return None if newick is None else plain(newick) + "\n"
