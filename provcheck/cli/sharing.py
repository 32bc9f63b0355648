"""`provcheck bank push` and `pull`: publish a bank, and get one that was published."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from provcheck.cli.options import complete
from provcheck.cli.reports import with_passphrase

if TYPE_CHECKING:
    from provcheck.sharing.releases import Release

SHA256 = r"[0-9a-f]{64}"


def push_command(
    name: Annotated[
        str,
        typer.Argument(metavar="BANK", help="Name of a shipped bank, or a folder.", autocompletion=complete("banks")),
    ],
    place: Annotated[
        str, typer.Argument(metavar="PLACE", help="A folder, hf://org/name, or hf://datasets/org/name for a data set.")
    ],
    key: Annotated[
        Path | None, typer.Option("--key", metavar="KEY.pem", help="Sign it: ECDSA P-256 or Ed25519 private key, PEM.")
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="With the files for research, which no audit needs.")] = False,
) -> None:
    """Check a bank and publish it as the next release of a place. A push that was cut off goes on where it was.

    An encrypted key asks for its passphrase, or reads PROVCHECK_KEY_PASSPHRASE. A Hub repository that does not exist is
    made, and is private."""
    from provcheck.sharing.pushing import push_bank
    from provcheck.sharing.releases import sign
    from provcheck.sharing.remotes import open_remote

    def signed(release: Release) -> str:
        assured = key or Path()
        return with_passphrase(assured, lambda passphrase: sign(release, assured, passphrase))

    remote = open_remote(place)
    pushed = push_bank(name, remote, signed if key else None, raw=raw)
    typer.echo(f"{remote.address}: {_about(pushed.release)}{', signed' if pushed.signed else ''}")
    typer.echo(f"digest {pushed.release.bank}{'; it was there already' if pushed.known else ''}")


def pull_command(
    place: Annotated[
        str,
        typer.Argument(
            metavar="PLACE", help="A folder, an https address, hf://org/name, or hf://datasets/org/name for a data set."
        ),
    ],
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder; default: the bank's name.")] = None,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="PUB.pem", help="Public key, PEM, that it must be signed with.")
    ] = None,
    version: Annotated[
        str | None, typer.Option("--version", metavar="DIGEST", help="Not the current release, but that of this bank.")
    ] = None,
) -> None:
    """Get the current release of a bank; it takes the place of an earlier one when all of it is here and checked."""
    import re

    from provcheck.errors import UsageError
    from provcheck.rendering.console import make_console
    from provcheck.rendering.progress import ProgressBar
    from provcheck.sharing.pulling import pull_bank
    from provcheck.sharing.remotes import open_remote

    if version is not None and not re.fullmatch(SHA256, version):
        raise UsageError("--version takes the digest of a bank: 64 digits", "`provcheck bank show` prints it")
    with ProgressBar(make_console()) as observer:
        pulled = pull_bank(open_remote(place), out, key=key, version=version, observe=observer)
    checked = f"signed with the key of {key.name}" if key else "from whoever can write there: --key checks a signature"
    typer.echo(f"{pulled.folder}: {_about(pulled.release)}, {checked}")
    typer.echo(f"digest {pulled.release.bank}{'; it was here already' if pulled.known else ''}")


def _about(release: Release) -> str:
    from provcheck.wording import plural

    return f"{release.called}, {plural(len(release.files), 'file')}, {release.size / 1e6:,.1f} MB"
