"""`provcheck study`: the papers' experiments on a bank."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from provcheck.cli import options as o

if TYPE_CHECKING:
    from provcheck.studies import StudyOptions
    from provcheck.types import Study

EVERY = "all"


@o.with_model_options("probes", "signals", "revision", "max_requests")
def study_command(
    options: o.ModelOptions,
    name: Annotated[
        str | None, typer.Argument(metavar="NAME", help="A study, see --list; or all of them, in turn.")
    ] = None,
    bank: Annotated[
        str | None,
        typer.Argument(metavar="BANK", help="Name of a shipped bank, or a folder.", autocompletion=o.complete("banks")),
    ] = None,
    listed: Annotated[bool, typer.Option("--list", help="List the studies and what they ask.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for JSON, page and pictures; else none.")
    ] = None,
    models: Annotated[
        list[str],
        typer.Option(
            "--models", metavar="MODEL", help="A model to run, named as for an audit; may be given several times."
        ),
    ] = [],
    csv: Annotated[
        Path | None, typer.Option("--csv", metavar="FILE", help="A table of yours, for the studies that read one.")
    ] = None,
    probes: Annotated[str, typer.Option("--probes", metavar="NAME|DIR", help="Where the bank's own probes are.")] = "",
) -> None:
    """Repeat an experiment of the papers on a bank, and print what was found beside what they report."""
    from provcheck.errors import UsageError
    from provcheck.studies import OWN_BANK, TABLE, StudyOptions

    if listed:
        for one, question in TABLE.items():
            typer.echo(f"{one:<14} {question}")
        raise typer.Exit
    if name is None or bank is None:
        raise UsageError("name a study and a bank, as in `provcheck study clusters zoo-v2`", "--list names the studies")
    settings = StudyOptions(tuple(models), csv, replace(options, probes=probes))
    banks = {one: OWN_BANK.get(one, bank) for one in TABLE} if name == EVERY else {name: bank}
    found = [_study(one, own, replace(settings, bank_name=own), out) for one, own in banks.items()]
    if name == EVERY and out is not None:
        _write_table(found, out)


def _study(name: str, bank: str, options: StudyOptions, out: Path | None) -> Study:
    """Run one study, print it, and write its files."""
    from provcheck.bank import load_bank
    from provcheck.io.writing import check_folder_writable
    from provcheck.rendering.console import make_console
    from provcheck.rendering.progress import ProgressBar
    from provcheck.rendering.study_files import write_study
    from provcheck.rendering.study_terminal import print_study
    from provcheck.studies import find_study, run_study

    find_study(name)
    if out is not None:
        check_folder_writable(out)
    console = make_console()
    with ProgressBar(console) as observer:
        found = run_study(name, load_bank(bank), replace(options, observe=observer))
    files = write_study(found, out) if out is not None else []
    print_study(found, console, map(str, files))
    return found


def _write_table(studies: list[Study], out: Path) -> None:
    from provcheck.io.writing import write_texts
    from provcheck.rendering.study_files import TABLE_FILE, studies_table

    (path,) = write_texts(out, {TABLE_FILE: studies_table(studies)})
    typer.echo(f"table: {path}")
