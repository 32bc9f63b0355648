"""`provcheck policy`: check a policy file, list what ships, print the JSON Schema."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from provcheck.cli.options import complete

if TYPE_CHECKING:
    from rich.console import Console

    from provcheck.policy import Collected

policy_app = typer.Typer(help="Check a policy file, list its checks, print its JSON Schema.")


@policy_app.command("check")
def check_command(
    policies: Annotated[
        list[str],
        typer.Argument(
            metavar="NAME|FILE...", help="Policies that ship, or files.", autocompletion=complete("policies")
        ),
    ],
) -> None:
    """Check policy files, and list their checks. Faults are named with their line."""
    from provcheck.policy import collect
    from provcheck.rendering.console import make_console

    for policy in policies:
        list_checks(collect(policy), make_console(), 0)


@policy_app.command("list")
def list_command() -> None:
    """List the policies that ship, and all kinds of checks."""
    from provcheck.io import data
    from provcheck.policy import KINDS, collect
    from provcheck.rendering.collection import Line, print_checks
    from provcheck.rendering.console import make_console, print_line

    console = make_console()
    shipped = [Line(name, name, "error", collect(name).policy.description) for name in data.policies()]
    kinds = [Line(name, name, "error", (kind.__doc__ or "").splitlines()[0]) for name, kind in KINDS.items()]
    print_line(console, "policies")
    print_checks(console, shipped)
    print_line(console, "kinds of checks")
    print_checks(console, kinds)


@policy_app.command("schema")
def schema_command() -> None:
    """Print the JSON Schema (2020-12) of policy files."""
    import json

    from provcheck.policy import policy_schema

    typer.echo(json.dumps(policy_schema(), indent=2))


def list_checks(collected: Collected, console: Console, verbosity: int) -> int:
    """Print the checks that would run; the exit code is 0, or 5 where there are none."""
    from provcheck.policy import name_of
    from provcheck.rendering.collection import Line, print_checks, print_collected, print_end
    from provcheck.types import ExitCode

    selected, deselected = len(collected.rules), len(collected.deselected)
    lines = [Line(name_of(rule), rule.kind, rule.severity, rule.describe()) for rule in collected.rules]
    if verbosity >= 0:
        print_collected(console, collected.policy.name, selected, deselected)
    print_checks(console, lines, verbosity)
    if verbosity >= 0:
        print_end(console, "collected", selected, deselected)
    return int(ExitCode.OK if lines else ExitCode.NO_CHECKS)
