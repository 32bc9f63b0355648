"""`provcheck compare`: a model head to head with one or a few others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from provcheck.cli import options as o

DEFAULT_OUT = Path("provcheck-comparison")
DEFAULT_FORMATS = "json,html"


@o.with_model_options("revision")
def compare_command(
    first: Annotated[str, typer.Argument(metavar="A", help=o.MODEL_HELP)],
    second: Annotated[str, typer.Argument(metavar="B", help="What A may have been made from; named like A.")],
    options: o.ModelOptions,
    more: Annotated[
        list[str] | None, typer.Argument(metavar="[C]...", help="Further candidate parents: is A a merge of them?")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the comparison of A with B as JSON, and nothing else.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for the report; none is written without it.")
    ] = None,
    formats: Annotated[
        str | None, typer.Option("--format", metavar="NAME,NAME", help=f"Files to write; default: {DEFAULT_FORMATS}.")
    ] = None,
) -> None:
    """Compare a model with others head to head: relation, evidence, and what was changed."""
    from rich.console import Console

    from provcheck.pairing import judge_pair
    from provcheck.rendering.console import make_console
    from provcheck.rendering.pair_files import check_pair_formats, write_pair
    from provcheck.rendering.pair_terminal import print_pair
    from provcheck.rendering.progress import ProgressBar

    folder = out or (DEFAULT_OUT if formats else None)
    names = list(dict.fromkeys((formats or DEFAULT_FORMATS).split(","))) if folder else []
    if folder:
        check_pair_formats(folder, names)
    console = make_console()
    with ProgressBar(Console(stderr=True) if as_json else console) as observer:
        report = judge_pair(first, second, *(more or ()), options=options, observe=observer, changes=not as_json)
    written = write_pair(report, folder, names) if folder else []
    if as_json:
        typer.echo(report.opponents[0].comparison.model_dump_json(indent=2))
    else:
        print_pair(report, console, map(str, written))
