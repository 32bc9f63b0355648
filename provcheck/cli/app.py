"""The commands, by name."""

from __future__ import annotations

from typing import Annotated

import typer

from provcheck.cli.audit import audit_command
from provcheck.cli.bank import bank_app
from provcheck.cli.compare import compare_command
from provcheck.cli.map import map_command
from provcheck.cli.measure import measure_command
from provcheck.cli.policy import policy_app
from provcheck.cli.reports import report_app
from provcheck.cli.tree import tree_command
from provcheck.version import __version__

app = typer.Typer(
    name="provcheck",
    help="Where do this language model's weights come from?",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("audit")(audit_command)
app.command("compare")(compare_command)
app.command("measure")(measure_command)
app.add_typer(bank_app, name="bank")
app.command("tree")(tree_command)
app.command("map")(map_command)
app.add_typer(report_app, name="report")
app.add_typer(policy_app, name="policy")


@app.command("doctor")
def doctor_command() -> None:
    """Say what this machine can run, and what is missing."""
    from provcheck.doctor import examine

    findings = examine()
    for finding in findings:
        typer.echo(f"{'ok     ' if finding.ok else 'MISSING'}  {finding.what:<14} {finding.detail}")
    raise typer.Exit(0 if all(finding.ok or finding.optional for finding in findings) else 1)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"provcheck {__version__}")
        raise typer.Exit


@app.callback()
def provcheck(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Where do this language model's weights come from?"""
