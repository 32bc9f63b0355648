"""`provcheck tree`: the lineage tree of a bank, with or without a subject."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from provcheck.cli import options as o
from provcheck.cli.drawing import Output, deliver, gather_models, model_and_bank, picture, say, settle_output

if TYPE_CHECKING:
    from provcheck.types import Lineage

ENDINGS = {".nwk": "newick", ".newick": "newick", ".tree": "newick", ".svg": "svg", ".png": "png", ".pdf": "pdf"}
RESAMPLES = 500


@o.with_model_options()
def tree_command(
    options: o.ModelOptions,
    model: o.OptionalModel = None,
    bank: o.Bank = "",
    form: Annotated[
        Literal["newick", "svg", "png", "pdf"] | None,
        typer.Option("--format", help="Default: by FILE's ending, or newick."),
    ] = None,
    output: Output = None,
    method: Annotated[
        Literal["nj", "hierarchical"], typer.Option("--method", help="Neighbor-Joining, or average linkage.")
    ] = "nj",
    resamples: Annotated[
        int, typer.Option("--resamples", min=0, max=10_000, help="Bootstrap trees for the support; 0: none.")
    ] = RESAMPLES,
) -> None:
    """Draw the lineage tree of a whole bank; with MODEL, measure it and place it on the tree.

    A bank in the place of MODEL is drawn without a model.
    """
    from provcheck.errors import UsageError
    from provcheck.io.text import plain
    from provcheck.lineage import Method, grow

    chosen = settle_output(form, output, ENDINGS)
    leaves = gather_models(*model_and_bank(model, bank), options, output)
    lineage = grow(leaves, Method(method), resamples)
    if lineage.newick is None:
        raise UsageError(f"there is no tree: {lineage.reason}")
    newick = plain(lineage.newick)
    if chosen == "newick":
        deliver(f"{newick}\n".encode(), output)
    else:
        from provcheck.rendering.pictures.tree_picture import tree_sheet

        deliver(picture(tree_sheet(newick, lineage.subject), chosen), output)
    if lineage.nearest_on_tree is not None:
        say(_nearest(lineage))


def _nearest(lineage: Lineage) -> str:
    """Which reference is nearest, and on how many of the resampled trees."""
    share = lineage.nearest_support
    sure = "" if share is None else f", as on {math.floor(100 * share)} % of {lineage.resamples} bootstrap trees"
    return f"nearest to the subject on the tree: {lineage.nearest_on_tree}{sure}"
