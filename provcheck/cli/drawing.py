"""What `provcheck tree` and `provcheck map` share: which models, which format, and where the picture goes."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from provcheck.lineage import Leaves
    from provcheck.measuring import ModelOptions
    from provcheck.rendering.pictures.sheet import Sheet

Output = Annotated[
    Path | None,
    typer.Option("-o", "--out", "--output", metavar="FILE", help="File to write; default: standard output."),
]

IMAGES = ("png", "pdf")
"""Pictures that are no text, and need a file."""


def settle_output(asked: str | None, output: Path | None, endings: Mapping[str, str]) -> str:
    """The format asked for, or that of the file's ending (`endings`: ending to format), or the first one.

    Finds out before the long work whether the file can be written. Raises UsageError or OutputError.
    """
    from provcheck.errors import UsageError
    from provcheck.io.writing import check_file_writable

    if output is None and asked in IMAGES:
        raise UsageError(f"a {asked} picture needs a file", f"name it, as in -o picture.{asked}")
    if output is None:
        return asked or next(iter(endings.values()))
    check_file_writable(output)
    form = asked or endings.get(output.suffix.lower())
    if form is None:
        raise UsageError(f"{output.name} does not end in {', '.join(endings)}", "name the format with --format")
    return form


def model_and_bank(named: str | None, bank: str) -> tuple[str | None, str]:
    """What MODEL and --bank name; a bank in the place of MODEL is drawn without a model, whatever --bank says."""
    from provcheck.bank.saving import MANIFEST_FILE
    from provcheck.io import data
    from provcheck.io.untrusted import is_file

    if named and (named in data.banks() or is_file(Path(named) / MANIFEST_FILE)):
        return None, named
    return named, bank or data.DEFAULT_BANK


def gather_models(model: str | None, bank_name: str, options: ModelOptions, output: Path | None) -> Leaves:
    """The bank's references, and MODEL before them if one is named; says on standard error what is left out.

    Raises ProvcheckError, also when the output is a file of MODEL.
    """
    from provcheck.bank import load_bank
    from provcheck.comparison import compare
    from provcheck.lineage import gather, whole
    from provcheck.measuring import measured
    from provcheck.pipeline import AuditOptions, prepare
    from provcheck.rendering.console import make_console
    from provcheck.rendering.progress import ProgressBar

    if model is None:
        bank, measurement, nearest = load_bank(bank_name), None, []
    else:
        prepared = prepare(model, AuditOptions(model=options, bank=bank_name))
        prepared.target.check_kept([output] if output else [])
        with ProgressBar(make_console(sys.stderr)) as observer:
            measurement = measured(prepared.target, options, observer)
        bank = prepared.bank
        nearest = [comparison.reference for comparison in compare(measurement, bank)]
    rows, note = whole(bank, nearest)
    leaves = gather(bank, rows, measurement)
    if note:
        say(note)
    if leaves.left_out:
        kind = f"{leaves.title} distances" if leaves.signal else "distances"
        say(f"left out, for they have no {kind}: {', '.join(leaves.left_out)}")
    return leaves


def say(sentence: str) -> None:
    """A sentence on standard error, so that standard output holds nothing but the picture."""
    from provcheck.io.text import plain

    typer.echo(plain(sentence), err=True)


def picture(sheet: Sheet, form: str) -> bytes:
    """The picture as `svg`, `png` or `pdf`."""
    return sheet.image(form) if form in IMAGES else sheet.svg(standalone=True).encode()


def deliver(content: bytes, output: Path | None) -> None:
    """Write the file whole or not at all, or print the content. Raises OutputError."""
    from provcheck.io.writing import write_whole

    if output is None:
        typer.echo(content, nl=False)
        return
    write_whole(output, content)
    say(str(output))
