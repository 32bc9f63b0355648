"""`provcheck map`: the map of a bank, with or without a subject."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from provcheck.cli import options as o
from provcheck.cli.drawing import Output, deliver, gather_models, model_and_bank, picture, settle_output

if TYPE_CHECKING:
    from provcheck.lineage import Leaves
    from provcheck.rendering.interactive_map import Spot
    from provcheck.types import BankMap

ENDINGS = {".csv": "csv", ".json": "json", ".svg": "svg", ".png": "png", ".pdf": "pdf", ".html": "html"}
FORMULA = tuple("=+-@")
"""Spreadsheets read a cell that starts with one of these as a formula; such a name gets an apostrophe in front."""


@o.with_model_options()
def map_command(
    options: o.ModelOptions,
    model: o.OptionalModel = None,
    bank: o.Bank = "",
    form: Annotated[
        Literal["csv", "json", "svg", "png", "pdf", "html"] | None,
        typer.Option("--format", help="html: to look around in. Default: by FILE's ending, or csv."),
    ] = None,
    output: Output = None,
) -> None:
    """Draw the t-SNE map of a whole bank; with MODEL, measure it and put it on the map.

    A bank in the place of MODEL is drawn without a model.
    """
    from provcheck.errors import UsageError
    from provcheck.lineage import project

    chosen = settle_output(form, output, ENDINGS)
    if chosen == "html":
        check_interactive()
    model, bank = model_and_bank(model, bank)
    leaves = gather_models(model, bank, options, output)
    drawn = project(leaves)
    if drawn.reason is not None:
        raise UsageError(f"there is no map: {drawn.reason}")
    deliver(_written(drawn, leaves, bank, chosen), output)


def _written(drawn: BankMap, leaves: Leaves, bank: str, form: str) -> bytes:
    """The map in that format."""
    if form in ("csv", "json"):
        return (_csv(drawn) if form == "csv" else _json(drawn)).encode()
    if form == "html":
        from provcheck.rendering.interactive_map import map_page

        return map_page(_spots(drawn, leaves), Path(bank).name, f"those of {leaves.title}").encode()
    from provcheck.rendering.pictures.map_picture import map_sheet

    return picture(map_sheet(drawn.points), form)


def check_interactive() -> None:
    """Find out before the long work whether a map to look around in can be made. Raises UsageError."""
    from provcheck.rendering.interactive_map import check_plotly

    check_plotly()


def _spots(drawn: BankMap, leaves: Leaves) -> list[Spot]:
    """Each model with its documented lineage, its nearest neighbour, and its distance to the subject."""
    import numpy as np

    from provcheck.rendering.interactive_map import Spot

    documented = {one.id: one for one in leaves.references}
    apart = leaves.distances.copy()
    np.fill_diagonal(apart, np.inf)
    spots = []
    for place, (point, near) in enumerate(zip(drawn.points, apart.argmin(axis=1), strict=True)):
        known = None if point.subject else documented[point.id]
        to_subject = float(apart[place, 0]) if leaves.subject is not None and not point.subject else None
        mechanism, parents = (known.mechanism, known.parents) if known else (None, ())
        spots.append(Spot(point, mechanism, parents, drawn.points[near].id, float(apart[place, near]), to_subject))
    return spots


def _csv(drawn: BankMap) -> str:
    """One row per model; coordinates from -1 to 1, without unit."""
    from provcheck.io.text import plain

    def cell(text: str | None) -> str:
        shown = plain(text or "")
        return "'" + shown if shown.startswith(FORMULA) else shown

    file = io.StringIO()
    table = csv.writer(file, lineterminator="\n")
    table.writerow(["id", "family", "x", "y", "subject"])
    for point in drawn.points:
        table.writerow([cell(point.id), cell(point.family), point.x, point.y, str(point.subject).lower()])
    return file.getvalue()


def _json(drawn: BankMap) -> str:
    """The map as in report.json, in plain ASCII."""
    from provcheck.io.writing import json_text

    return json_text(drawn.model_dump(mode="json"))
