"""`provcheck map`: the map of a bank, with or without a subject."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from provcheck.cli import options as o
from provcheck.cli.drawing import Output, deliver, gather_models, settle_output

if TYPE_CHECKING:
    from provcheck.types import BankMap

ENDINGS = {".csv": "csv", ".json": "json", ".svg": "svg"}
FORMULA = tuple("=+-@")
"""Spreadsheets read a cell that starts with one of these as a formula; such a name gets an apostrophe in front."""


@o.with_model_options()
def map_command(
    options: o.ModelOptions,
    model: o.OptionalModel = None,
    bank: o.Bank = "",
    form: Annotated[
        Literal["csv", "json", "svg"] | None, typer.Option("--format", help="Default: by FILE's ending, or csv.")
    ] = None,
    output: Output = None,
) -> None:
    """Draw the t-SNE map of a whole bank; with MODEL, measure it and put it on the map."""
    from provcheck.errors import UsageError
    from provcheck.io import data
    from provcheck.lineage import project

    chosen = settle_output(form, output, ENDINGS)
    drawn = project(gather_models(model, bank or data.DEFAULT_BANK, options, output))
    if drawn.reason is not None:
        raise UsageError(f"there is no map: {drawn.reason}")
    if chosen == "svg":
        from provcheck.rendering.pictures.map_picture import map_svg

        deliver(map_svg(drawn.points, standalone=True), output)
    else:
        deliver(_csv(drawn) if chosen == "csv" else _json(drawn), output)


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
