"""The commands, by name."""

from __future__ import annotations

from typing import Annotated

import typer

from provcheck.cli.audit import audit_command
from provcheck.cli.bank import bank_app
from provcheck.cli.card import card_command
from provcheck.cli.compare import compare_command
from provcheck.cli.map import map_command
from provcheck.cli.measure import measure_command
from provcheck.cli.origins import described_settings
from provcheck.cli.policy import policy_app
from provcheck.cli.reports import report_app
from provcheck.cli.settings import apply_settings
from provcheck.cli.study import study_command
from provcheck.cli.tree import tree_command
from provcheck.version import __version__

app = typer.Typer(
    name="provcheck",
    help="Where do this language model's weights come from?",
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command("audit")(audit_command)
app.command("compare")(compare_command)
app.command("card")(card_command)
app.command("measure")(measure_command)
app.add_typer(bank_app, name="bank")
app.command("tree")(tree_command)
app.command("map")(map_command)
app.command("study")(study_command)
app.add_typer(report_app, name="report")
app.add_typer(policy_app, name="policy")


@app.command("doctor")
def doctor_command(context: typer.Context) -> None:
    """Say what this machine can run, what is missing, and where each setting comes from."""
    from provcheck.doctor import Finding, examine

    settings = [Finding("setting", ok, detail) for ok, detail in described_settings(context)]
    findings = [*examine(), *settings]
    for finding in findings:
        typer.echo(f"{'ok     ' if finding.ok else 'MISSING'}  {finding.what:<14} {finding.detail}")
    raise typer.Exit(0 if all(finding.ok or finding.optional for finding in findings) else 1)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"provcheck {__version__}")
        raise typer.Exit


@app.callback()
def provcheck(
    context: typer.Context,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    """Where do this language model's weights come from?"""
    apply_settings(context)
