"""`provcheck bank init`, `schema`, `build`, `add` and `remove`: make and change banks of your own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from provcheck.cli import options as o
from provcheck.cli.settings import check_settings

if TYPE_CHECKING:
    from provcheck.bank.editing import Edited

DEFAULT_MANIFEST = Path("bank.yaml")
Editable = Annotated[str, typer.Argument(metavar="DIR", help="Folder of a bank of your own.")]


def init_command(
    context: typer.Context,
    names: Annotated[
        list[str],
        typer.Argument(metavar="DIR|ID...", help="Folders of models, folders that hold such folders, or Hub ids."),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="MANIFEST.yaml", help="Manifest to write; must not exist.")
    ] = DEFAULT_MANIFEST,
    offline: o.Offline = False,
) -> None:
    """Draft a manifest for `bank build` from configs and model cards; nothing is measured."""
    from provcheck.drafting import draft_manifest
    from provcheck.errors import UsageError
    from provcheck.io.writing import check_file_writable, write_whole
    from provcheck.wording import plural

    check_settings(context)
    check_file_writable(output)
    if output.exists():
        raise UsageError(f"{output} exists already, and may have been edited", "choose another file with -o")
    draft = draft_manifest(names, output, offline=offline)
    write_whole(output, draft.text.encode())
    typer.echo(f"{output}: {plural(draft.models, 'model')}, {draft.undocumented} undocumented")
    typer.echo(f"check families, parents and mechanisms, then: provcheck bank build {output}")


def schema_command() -> None:
    """Print the JSON Schema (2020-12) of manifests, for an editor."""
    import json

    from provcheck.bank.manifest import manifest_schema

    typer.echo(json.dumps(manifest_schema(), indent=2))


@o.with_model_options("revision", "max_requests")
def build_command(
    manifest: Annotated[
        str,
        typer.Argument(
            metavar="MANIFEST.yaml",
            help="The models to measure; or the name of a shipped list.",
            autocompletion=o.complete("manifests"),
        ),
    ],
    options: o.ModelOptions,
    engine: o.EngineOptions,
    out: Annotated[Path | None, typer.Option("--out", metavar="DIR", help="Folder; default: the name.")] = None,
    shard: o.ShardText = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Keep the raw numbers behind the signals in files of their own, for research.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what it would take: downloads, GPU memory, hours.")
    ] = False,
) -> None:
    """Measure the models of a manifest into a bank. A killed run continues where it was.

    Exits 1 if a model failed, and the bank was built without it.
    """
    if dry_run:
        _say_plan(manifest, options.probes)
        return
    from provcheck.building import build_bank
    from provcheck.engines import find_engine
    from provcheck.engines.sharding import Shard
    from provcheck.io import data
    from provcheck.rendering.console import make_console
    from provcheck.rendering.progress import ProgressBar

    path = data.manifest_file(manifest)
    folder = out or Path(path.stem)
    with ProgressBar(make_console()) as observer:
        built = build_bank(
            path,
            folder,
            replace(options, threads=engine.threads),
            observer,
            raw=raw,
            engine=find_engine(engine),
            shard=None if shard is None else Shard.read(shard),
        )
    part = "" if shard is None else f"part {shard}, "
    typer.echo(f"{folder}: {part}{len(built.manifest.references)} references, digest {built.manifest.digest}")
    for id, reason in built.failures.items():
        typer.echo(f"skipped {id}: {reason}")
    raise typer.Exit(int(built.exit_code))


def merge_command(
    names: Annotated[list[str], typer.Argument(metavar="DIR...", help="Folders of the parts, or of whole banks.")],
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder of the new bank.")],
    name: Annotated[
        str | None, typer.Option("--name", help="What the new bank is called; default: as all of them are.")
    ] = None,
) -> None:
    """Make one bank of the parts that `build --shard` made, or of banks of different models.

    Exits 1 if a model of the manifest failed in its shard, and is not in the bank.
    """
    from provcheck.bank.uniting import unite_banks

    united = unite_banks(names, out, name)
    typer.echo(f"{out}: {len(united.manifest.references)} references, digest {united.manifest.digest}")
    for id, reason in united.missing.items():
        typer.echo(f"missing {id}: {reason}")
    if united.left_out:
        typer.echo(f"left out, since the references are others now: {', '.join(united.left_out)}")
    raise typer.Exit(1 if united.missing else 0)


def _say_plan(manifest: str, probes: str) -> None:
    from provcheck.bank.manifest import read_build_manifest
    from provcheck.bank.planning import plan, table
    from provcheck.io import data
    from provcheck.probes import load_probes

    models = read_build_manifest(data.manifest_file(manifest)).models
    for line in table(plan(models, load_probes(probes))):
        typer.echo(line)


@o.with_model_options("probes", "max_requests")
def add_command(
    name: Editable,
    model: o.Model,
    options: o.ModelOptions,
    id: Annotated[str, typer.Option("--id", metavar="ID", help="What the reference is called, e.g. org/name.")],
    family: Annotated[str, typer.Option("--family", help="Family of models: the same maker and recipe.")],
    parents: Annotated[
        list[str], typer.Option("--parent", metavar="ID", help="What it descends from; may be given several times.")
    ] = [],
    mechanism: Annotated[
        str | None, typer.Option("--mechanism", help="How it was made: from-scratch, fine-tune, merge, quantize ...")
    ] = None,
    license: Annotated[str | None, typer.Option("--license", help="License, e.g. apache-2.0.")] = None,
    probes: Annotated[str, typer.Option("--probes", metavar="NAME|DIR", help="Default: those of the bank.")] = "",
    create: Annotated[
        bool, typer.Option("--create", help="Start the bank with this model, if there is none in DIR yet.")
    ] = False,
) -> None:
    """Measure a model and add it to a bank of your own; all other references stay as they are."""
    from provcheck.building import add_to_bank
    from provcheck.errors import UsageError
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
    with ProgressBar(make_console()) as observer:
        edited = add_to_bank(name, model, reference, replace(options, probes=probes), observer, create=create)
    _say_edited(name, edited)


def remove_command(
    name: Editable, id: Annotated[str, typer.Argument(metavar="ID", help="The reference to take out.")]
) -> None:
    """Take a reference out of a bank of your own; all others stay as they are."""
    from provcheck.bank.editing import load_editable, remove_reference

    _say_edited(name, remove_reference(load_editable(name), id))


def _say_edited(name: str, edited: Edited) -> None:
    manifest = edited.manifest
    typer.echo(f"{name}: bank {manifest.name}, {len(manifest.references)} references, digest {manifest.digest}")
    if edited.left_out:
        typer.echo(
            f"left out, since the references are others now: {', '.join(edited.left_out)}; "
            "`provcheck bank calibrate` fits a judge again"
        )
