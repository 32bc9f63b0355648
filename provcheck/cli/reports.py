"""`provcheck report`: render an existing report again, verify it, sign it."""

from __future__ import annotations

import os
import sys
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
    help="Render an existing report again, verify it, or sign it. `report FILE.json` renders.",
)
report_app.command("verify", help=VERIFY_HELP, short_help="Say whether the numbers of a report repeat.")(verify_command)


@report_app.command("render")
def render_command(
    file: File,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Default: beside the report.")] = None,
    formats: o.Format = ["html"],
) -> None:
    """Render a report again in other formats."""
    from provcheck.rendering.console import make_console
    from provcheck.rendering.outputs import write_files
    from provcheck.rendering.terminal import Show, print_report
    from provcheck.report_file import read_report

    report = read_report(file)
    written = write_files(report, out or file.parent, formats)
    print_report(report, make_console(), Show(files=tuple(map(str, written))))


@report_app.command("sign")
def sign_command(
    file: File,
    key: Annotated[Path, typer.Option("--key", metavar="KEY.pem", help="Ed25519 private key, PEM (PKCS#8).")],
) -> None:
    """Sign a report: writes FILE.json.sig. An encrypted key asks for its passphrase, or reads
    PROVCHECK_KEY_PASSPHRASE."""
    from provcheck.errors import UsageError
    from provcheck.io.writing import would_replace, write_whole
    from provcheck.report_file import open_report
    from provcheck.signing import PassphraseNeeded, sign, signature_file

    if would_replace(signature_file(file), key):
        raise UsageError(f"the key {key.name} would be overwritten by the signature", "give the key another name")
    content, passphrase = open_report(file).unchanged().content, os.environ.get(PASSPHRASE_VARIABLE)
    try:
        line = sign(content, key, passphrase)
    except PassphraseNeeded:
        if not sys.stdin.isatty():
            raise
        line = sign(content, key, typer.prompt(f"passphrase of {key.name}", hide_input=True, err=True))
    write_whole(signature_file(file), line.encode())
    typer.echo(f"signature: {signature_file(file)}")
