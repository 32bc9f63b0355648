"""`provcheck bank`: list, show, verify, build and edit banks of reference models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from provcheck.cli.making import (
    add_command,
    build_command,
    init_command,
    merge_command,
    remove_command,
    schema_command,
)
from provcheck.cli.options import complete
from provcheck.cli.sharing import pull_command, push_command

if TYPE_CHECKING:
    from provcheck.bank import Bank

bank_app = typer.Typer(help="Banks of reference models.")

Name = Annotated[
    str,
    typer.Argument(metavar="BANK", help="Name of a shipped bank, or a folder.", autocompletion=complete("banks")),
]


@bank_app.command("list")
def list_command() -> None:
    """List the banks that ship with provcheck."""
    from provcheck.bank.manifest import read_bank_manifest
    from provcheck.io import data

    for name, folder in data.banks().items():
        manifest = read_bank_manifest(folder)
        default = "  (default)" if name == data.DEFAULT_BANK else ""
        typer.echo(
            f"{name:<12} {len(manifest.references):>5} references  {manifest.probes}  {manifest.digest[:12]}{default}"
        )


@bank_app.command("show")
def show_command(name: Name) -> None:
    """Show a bank's facts and the family tree of its references."""
    from provcheck.bank import load_bank
    from provcheck.io.text import plain

    bank = load_bank(name)
    manifest = bank.manifest
    typer.echo(f"{plain(manifest.name)}: {len(bank.references)} references")
    signals = ", ".join(signal.version for signal in manifest.signals.values())
    typer.echo(f"probes {manifest.probes} ({manifest.probes_digest[:12]}), signals {signals}")
    typer.echo(f"digest {manifest.digest}")
    for line in _family_tree(bank):
        typer.echo(line)


@bank_app.command("verify")
def verify_command(name: Name) -> None:
    """Check every digest of a bank."""
    from provcheck.bank.folder import verify_bank

    bank = verify_bank(name)
    typer.echo(f"{bank.manifest.name}: manifest, files and all {len(bank.references)} references are unchanged")


@bank_app.command("pairs")
def pairs_command(name: Name) -> None:
    """Print a Markdown table: distances of all documented pairs, by mechanism."""
    from provcheck.bank import load_bank
    from provcheck.evaluation.pairs import markdown, pair_groups

    typer.echo(markdown(pair_groups(load_bank(name))), nl=False)


@bank_app.command("calibrate")
def calibrate_command(
    name: Name,
    scale: Annotated[
        bool,
        typer.Option(
            "--scale",
            help="Instead measure the papers' scale of divergences on the bank's own pairs, and store it for reports.",
        ),
    ] = False,
) -> None:
    """Fit the judge on the bank's documented pairs and store it in the bank; held-out references take no part."""
    from provcheck.bank.editing import load_editable
    from provcheck.bank.saving import add_file
    from provcheck.verdict.fitting import calibrate
    from provcheck.verdict.panels import FILE, describe

    bank = load_editable(name)
    if scale:
        _store_scale(bank)
        return
    calibrations = calibrate(bank)
    manifest = add_file(bank, FILE, calibrations.save())
    typer.echo(describe(calibrations.panels, calibrations.bank))
    typer.echo(f"{manifest.name}: new digest {manifest.digest}")


def _store_scale(bank: Bank) -> None:
    """Reports against this bank go by it from now on, in place of the papers' scale."""
    from provcheck.studies.scale import store_scale
    from provcheck.wording import number

    found, manifest = store_scale(bank)
    for band in found.bands:
        typer.echo(f"{number(band.median):>10} bits/byte  {band.name}")
    typer.echo(f"{manifest.name}: new digest {manifest.digest}")


@bank_app.command("evaluate")
def evaluate_command(
    name: Name,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of Markdown.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write evaluation.md and .json there.")
    ] = None,
    attacks: Annotated[
        Path | None,
        typer.Option("--attacks", metavar="DIR", help="Also judge the attacked models listed in DIR/attacks.json."),
    ] = None,
) -> None:
    """Print the judge's error rates on the held-out references, beside simpler methods."""
    from provcheck.bank import load_bank
    from provcheck.evaluation import attacked
    from provcheck.evaluation.error_rates import evaluate, markdown
    from provcheck.io.writing import write_texts

    bank = load_bank(name)
    found = attacked.judge_attacks(attacks, bank) if attacks else ()
    evaluation = evaluate(bank).model_copy(update={"attacks": found})
    texts = {
        "evaluation.md": markdown(evaluation) + attacked.markdown(found),
        "evaluation.json": evaluation.model_dump_json(indent=1) + "\n",
    }
    if out is not None:
        write_texts(out, texts)
    typer.echo(texts["evaluation.json" if as_json else "evaluation.md"], nl=False)


@bank_app.command("lineage")
def lineage_command(name: Name) -> None:
    """Print Markdown tables: how often a reference's documented parent is its nearest neighbour on the tree."""
    from provcheck.bank import load_bank
    from provcheck.evaluation.parents import assess, markdown

    typer.echo(markdown(assess(load_bank(name))), nl=False)


def _family_tree(bank: Bank) -> list[str]:
    """One line per reference, indented under its first parent; what has no parent in the bank comes first."""
    from provcheck.io.text import plain

    known = {reference.id: reference for reference in bank.references}
    lines: list[str] = []

    def grow(id: str, depth: int) -> None:
        reference = known[id]
        others = f", also from {', '.join(reference.parents[1:])}" if reference.parents[1:] else ""
        size = f"{reference.parameters:,} parameters" if reference.parameters else ""
        lines.append("   " * depth + plain(f"{id}  ({reference.mechanism}{others}; {size})"))
        for child in bank.ancestry.children(id):
            grow(child, depth + 1)

    family = None
    for reference in sorted(bank.references, key=lambda r: r.family):
        if any(parent in known for parent in reference.parents[:1]):
            continue
        if reference.family != family:
            family = reference.family
            lines.append(plain(f"family {family}"))
        grow(reference.id, 1)
    return lines


bank_app.command("init")(init_command)
bank_app.command("schema")(schema_command)
bank_app.command("build")(build_command)
bank_app.command("merge")(merge_command)
bank_app.command("add")(add_command)
bank_app.command("remove")(remove_command)
bank_app.command("push")(push_command)
bank_app.command("pull")(pull_command)
