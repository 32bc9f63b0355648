"""`provcheck bank`: list, show, verify, build and edit banks of reference models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from provcheck.cli import options as o

if TYPE_CHECKING:
    from provcheck.bank import Bank
    from provcheck.bank.editing import Edited

bank_app = typer.Typer(help="Banks of reference models.")

Editable = Annotated[str, typer.Argument(metavar="DIR", help="Folder of a bank of your own.")]
Name = Annotated[str, typer.Argument(metavar="BANK", help="Name of a shipped bank, or a folder.")]


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
def calibrate_command(name: Name) -> None:
    """Fit the judge on the bank's documented pairs and store it in the bank; held-out references take no part."""
    from provcheck.bank.editing import load_editable
    from provcheck.bank.saving import add_file
    from provcheck.verdict.fitting import calibrate
    from provcheck.verdict.panels import FILE, describe

    bank = load_editable(name)
    calibrations = calibrate(bank)
    manifest = add_file(bank, FILE, calibrations.save())
    typer.echo(describe(calibrations.panels, calibrations.bank))
    typer.echo(f"{manifest.name}: new digest {manifest.digest}")


@bank_app.command("evaluate")
def evaluate_command(
    name: Name,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of Markdown.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write evaluation.md and .json there.")
    ] = None,
) -> None:
    """Print the judge's error rates on the held-out references, beside simpler methods."""
    from provcheck.bank import load_bank
    from provcheck.evaluation.error_rates import evaluate, markdown
    from provcheck.io.writing import write_texts

    evaluation = evaluate(load_bank(name))
    texts = {"evaluation.md": markdown(evaluation), "evaluation.json": evaluation.model_dump_json(indent=1) + "\n"}
    if out is not None:
        write_texts(out, texts)
    typer.echo(texts["evaluation.json" if as_json else "evaluation.md"], nl=False)


@bank_app.command("lineage")
def lineage_command(name: Name) -> None:
    """Print Markdown tables: how often a reference's documented parent is its nearest neighbour on the tree."""
    from provcheck.bank import load_bank
    from provcheck.evaluation.parents import assess, markdown

    typer.echo(markdown(assess(load_bank(name))), nl=False)


@bank_app.command("build")
def build_command(
    manifest: Annotated[
        str, typer.Argument(metavar="MANIFEST.yaml", help="The models to measure; or the name of a shipped list.")
    ],
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder; default: the name.")] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Keep the raw numbers behind the signals in files of their own, for research.")
    ] = False,
    signals: o.Signals = None,
    probes: o.Probes = "provcheck-v1",
    device: o.Device = "auto",
    dtype: o.Dtype = "auto",
    memory: o.Memory = None,
    offline: o.Offline = False,
    allow_pickle: o.AllowPickle = False,
    trust_remote_code: o.TrustRemoteCode = False,
    no_cache: o.NoCache = False,
) -> None:
    """Measure the models of a manifest into a bank. A killed run continues where it was."""
    from provcheck.building import build_bank
    from provcheck.io import data
    from provcheck.measuring import ModelOptions, read_signals
    from provcheck.rendering.console import make_console
    from provcheck.rendering.progress import ProgressBar

    settings = ModelOptions(
        None,
        offline,
        allow_pickle,
        trust_remote_code,
        device,
        dtype,
        probes,
        not no_cache,
        memory,
        read_signals(signals),
    )
    path = data.manifest_file(manifest)
    folder = out or Path(path.stem)
    with ProgressBar(make_console()) as observer:
        built = build_bank(path, folder, settings, observer, raw=raw)
    typer.echo(f"{folder}: {len(built.manifest.references)} references, digest {built.manifest.digest}")
    for id, reason in built.failures.items():
        typer.echo(f"skipped {id}: {reason}")
    raise typer.Exit(1 if built.failures else 0)


@bank_app.command("add")
def add_command(
    name: Editable,
    model: o.Model,
    id: Annotated[str, typer.Option("--id", metavar="ID", help="What the reference is called, e.g. org/name.")],
    family: Annotated[str, typer.Option("--family", help="Family of models: the same maker and recipe.")],
    parents: Annotated[
        list[str], typer.Option("--parent", metavar="ID", help="What it descends from; may be given several times.")
    ] = [],
    mechanism: Annotated[
        str | None, typer.Option("--mechanism", help="How it was made: from-scratch, fine-tune, merge, quantize ...")
    ] = None,
    license: Annotated[str | None, typer.Option("--license", help="License, e.g. apache-2.0.")] = None,
    signals: o.Signals = None,
    probes: Annotated[str, typer.Option("--probes", metavar="NAME|DIR", help="Default: those of the bank.")] = "",
    device: o.Device = "auto",
    dtype: o.Dtype = "auto",
    revision: o.Revision = None,
    offline: o.Offline = False,
    allow_pickle: o.AllowPickle = False,
    trust_remote_code: o.TrustRemoteCode = False,
    no_cache: o.NoCache = False,
) -> None:
    """Measure a model and add it to a bank of your own; all other references stay as they are."""
    from provcheck.building import add_to_bank
    from provcheck.errors import UsageError
    from provcheck.measuring import ModelOptions, read_signals
    from provcheck.rendering.console import make_console
    from provcheck.rendering.progress import ProgressBar
    from provcheck.types import Reference

    if bool(parents) != (mechanism not in (None, "from-scratch", "undocumented")):
        raise UsageError(
            "--parent and --mechanism do not fit each other",
            "a model with a parent was made by some mechanism, such as fine-tune; one from scratch has no parent",
        )
    reference = Reference(
        id=id, family=family, parents=tuple(parents), mechanism=mechanism or "undocumented", license=license
    )
    settings = ModelOptions(
        revision,
        offline,
        allow_pickle,
        trust_remote_code,
        device,
        dtype,
        probes,
        not no_cache,
        signals=read_signals(signals),
    )
    with ProgressBar(make_console()) as observer:
        edited = add_to_bank(name, model, reference, settings, observer)
    _say_edited(name, edited)


@bank_app.command("remove")
def remove_command(
    name: Editable, id: Annotated[str, typer.Argument(metavar="ID", help="The reference to take out.")]
) -> None:
    """Take a reference out of a bank of your own; all others stay as they are."""
    from provcheck.bank.editing import load_editable, remove_reference

    _say_edited(name, remove_reference(load_editable(name), id))


def _say_edited(name: str, edited: Edited) -> None:
    manifest = edited.manifest
    called = "" if Path(name).name == manifest.name else f"bank {manifest.name}, "
    typer.echo(f"{name}: {called}{len(manifest.references)} references, digest {manifest.digest}")
    if edited.left_out:
        typer.echo(
            f"left out, since the references are others now: {', '.join(edited.left_out)}; "
            "`provcheck bank calibrate` fits a judge again"
        )


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
