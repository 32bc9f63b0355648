"""`provcheck report`: render an existing report again, verify it, attest it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from provcheck.cli import options as o
from provcheck.cli.verify import VERIFY_HELP, verify_command

PASSPHRASE_VARIABLE = "PROVCHECK_KEY_PASSPHRASE"  # noqa: S105

File = Annotated[Path, typer.Argument(metavar="FILE.json", help="A report.json written by provcheck audit.")]


class ReportGroup(TyperGroup):
    """`provcheck report FILE.json` is short for `provcheck report render FILE.json`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Arguments that do not start with a command's name are to be rendered."""
        known = {*self.commands, "-h", "--help"}
        return super().parse_args(ctx, args if not args or args[0] in known else ["render", *args])


report_app = typer.Typer(
    cls=ReportGroup,
    subcommand_metavar="FILE.json | COMMAND FILE.json [ARGS]...",
    help="Render an existing report again, verify it, or attest it. `report FILE.json` renders.",
)
report_app.command("verify", help=VERIFY_HELP, short_help="Say whether the numbers of a report repeat.")(verify_command)


@report_app.command("render")
def render_command(
    file: File,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Default: beside the report; - for standard output.")
    ] = None,
    formats: o.Format = ["html"],
) -> None:
    """Render a report again in other formats."""
    from provcheck.rendering.console import make_console
    from provcheck.rendering.outputs import check_one, render_one, write_files
    from provcheck.rendering.terminal import Show, print_report
    from provcheck.report_file import read_report

    if out == o.STDOUT:
        check_one(formats)
        typer.echo(render_one(read_report(file), formats), nl=False)
        return
    report = read_report(file)
    written = write_files(report, out or file.parent, formats)
    print_report(report, make_console(), Show(files=tuple(map(str, written))))


@report_app.command("attest")
def attest_command(
    file: File,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="KEY.pem", help="ECDSA P-256 or Ed25519 private key, PEM (PKCS#8).")
    ] = None,
    predicate: Annotated[
        bool, typer.Option("--predicate", help="Print the lineage predicate, for another tool to sign; no key.")
    ] = False,
) -> None:
    """Vouch for a report: writes signed in-toto statements about the model's files to report.intoto.jsonl.

    An encrypted key asks for its passphrase, or reads PROVCHECK_KEY_PASSPHRASE."""
    from provcheck.attestation import attest, attestation_file, lineage
    from provcheck.errors import UsageError
    from provcheck.io.writing import json_text, would_replace, write_whole
    from provcheck.report_file import open_report

    if predicate == (key is not None):
        raise UsageError("an attestation needs a key", "name it with --key, or print the predicate with --predicate")
    opened = open_report(file).unchanged()
    if key is None:
        typer.echo(json_text(lineage(opened.report, opened.content)), nl=False)
        return
    written = attestation_file(file)
    if would_replace(written, key):
        raise UsageError(f"the key {key.name} would be overwritten by the attestation", "give the key another name")
    attested = with_passphrase(key, lambda passphrase: attest(opened.report, opened.content, key, passphrase))
    write_whole(written, attested.encode())
    typer.echo(f"attestation: {written}")


def with_passphrase(key: Path, sign: Callable[[str | None], str]) -> str:
    """What `sign` makes; a passphrase is asked for where the key needs one and somebody can answer."""
    from provcheck.attestation import PassphraseNeeded

    try:
        return sign(os.environ.get(PASSPHRASE_VARIABLE))
    except PassphraseNeeded:
        if not sys.stdin.isatty():
            raise
        return sign(typer.prompt(f"passphrase of {key.name}", hide_input=True, err=True))
