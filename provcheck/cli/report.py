"""`provcheck report`: render an existing report again in other formats."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from provcheck.cli import options as o


def report_command(
    file: Annotated[Path, typer.Argument(metavar="FILE.json", help="A report.json written by provcheck audit.")],
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Default: beside the report.")] = None,
    formats: o.Format = ["html"],
) -> None:
    """Render a report again in other formats."""
    from provcheck.rendering.files import write_files
    from provcheck.rendering.json_report import read_report
    from provcheck.rendering.terminal import make_console, print_report

    report = read_report(file)
    written = write_files(report, out or file.parent, formats)
    console = make_console()
    print_report(report, console)
    console.print(f"report: {', '.join(str(path) for path in written)}", soft_wrap=True)
