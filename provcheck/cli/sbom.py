"""`provcheck sbom`: bills of materials against the evidence."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

sbom_app = typer.Typer(help="Bills of materials that others wrote, against the evidence.", no_args_is_help=False)


@sbom_app.callback()
def sbom() -> None:
    """Bills of materials that others wrote, against the evidence."""


@sbom_app.command("check")
def check_command(
    inventory: Annotated[Path, typer.Argument(metavar="BOM.json", help="CycloneDX or SPDX, in JSON.")],
    report: Annotated[
        Path, typer.Argument(metavar="REPORT.json", help="A report.json of an audit of the model in it.")
    ],
) -> None:
    """Check the ancestors that a bill of materials declares of a model against the report of an audit.

    Exit codes: 0 everything is borne out; 1 something is contradicted; 4 bad input; 5 nothing is contradicted, but
    something could not be checked."""
    from provcheck.inventories import check_inventory, inventory_exit_code, read_inventory
    from provcheck.rendering.console import make_console
    from provcheck.rendering.verified import print_check, print_counts
    from provcheck.report_file import read_report

    started, console = time.monotonic(), make_console()
    checks = check_inventory(read_inventory(inventory), read_report(report))
    for check in checks:
        print_check(console, check)
    print_counts(console, checks, time.monotonic() - started)
    raise typer.Exit(int(inventory_exit_code(checks)))
