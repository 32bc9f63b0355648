"""`provcheck audit`: measure, compare, judge, check the policy, write the report."""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from provcheck.cli import options as o
from provcheck.cli.origins import settings_note
from provcheck.cli.policy import list_checks

DEFAULT_OUT = Path("provcheck-report")


@o.with_model_options()
def audit_command(
    context: typer.Context,
    options: o.ModelOptions,
    engine: o.EngineOptions,
    model: o.OptionalModel = None,
    many: Annotated[
        str | None,
        typer.Option("--many", metavar="LIST|-", help="Audit the models in a text file, one a line; - for the input."),
    ] = None,
    shard: o.ShardText = None,
    bank: o.Bank = "",
    policy: o.Policy = "default",
    out: o.Out = DEFAULT_OUT,
    formats: o.AuditFormat = ["json", "html", "newick"],
    claimed_base: Annotated[
        str | None, o.common("--claimed-base", metavar="ID", help="Base model to check, instead of the card's.")
    ] = None,
    references: o.References = [],
    no_claimed_reference: Annotated[
        bool,
        o.common(
            "--no-claimed-reference/--claimed-reference",
            help="Do not look for the claimed base, nor fetch it, if the bank has it not.",
        ),
    ] = False,
    keyword: o.Keyword = "",
    stop_at_first: o.StopAtFirst = False,
    collect_only: o.CollectOnly = False,
    summary: o.SummaryChars = "fEi",
    durations: o.Durations = None,
    quiet: o.Quiet = 0,
    verbose: o.Verbose = 0,
) -> None:
    """Measure a model, compare it with the bank, judge, and write the report."""
    from provcheck.errors import UsageError
    from provcheck.io import data
    from provcheck.pipeline import AuditOptions, carry_out, collect_checks, prepare
    from provcheck.rendering.collection import print_collected, print_end
    from provcheck.rendering.console import make_console, print_line
    from provcheck.rendering.outcomes import summary_outcomes
    from provcheck.rendering.outputs import append_step_summary, check_one, check_writable, render_one, write_files
    from provcheck.rendering.progress import ProgressBar
    from provcheck.rendering.terminal import Show, print_header, print_references, print_report
    from provcheck.types import ExitCode

    settings = AuditOptions(
        model=options,
        bank=bank or data.DEFAULT_BANK,
        policy=policy,
        claimed_base=claimed_base,
        references=references,
        claimed_reference=not no_claimed_reference,
        keyword=keyword,
        stop_at_first=stop_at_first,
    )
    if (model is None) == (many is None):
        raise UsageError("name one model, or a list of models with --many", "run `provcheck audit --help`")
    if many is not None and not collect_only:
        from provcheck.cli.many import audit_list

        settings = replace(settings, model=replace(options, threads=engine.threads))
        raise typer.Exit(audit_list(many, settings, engine, shard, out, formats))
    show = Show(verbose - quiet, summary_outcomes(summary), durations)
    to_stdout = out == o.STDOUT
    started, console = time.monotonic(), make_console(sys.stderr if to_stdout else None)
    collected = collect_checks(settings)
    if collect_only:
        raise typer.Exit(list_checks(collected, console, show.verbosity))
    outputs = check_one(formats) if to_stdout else check_writable(out, formats)
    counts = len(collected.rules), len(collected.deselected)
    if collected.deselected and not collected.rules:
        print_end(console, "ran", *counts)
        raise typer.Exit(int(ExitCode.NO_CHECKS))
    prepared = prepare(str(model), settings, collected)
    for target in (prepared.target, *(one.target for one in prepared.references)):
        target.check_kept(outputs)
    if show.verbosity >= 0:
        bank_facts = prepared.bank.manifest
        count = len(bank_facts.references)
        print_header(console, prepared.tool, bank_facts.name, count, prepared.subject, prepared.runs_on)
        if note := settings_note(context):
            print_line(console, note)
        print_references(console, [one.id for one in prepared.references if not one.in_bank])
        print_collected(console, collected.policy.name, *counts)
    with ProgressBar(console, quiet=show.verbosity < 0) as observer:
        report = carry_out(prepared, observer)
    if to_stdout:
        typer.echo(render_one(report, formats), nl=False)
    written = [] if to_stdout else write_files(report, out, formats)
    if note := append_step_summary(report):
        console.print(note, soft_wrap=True)
    print_report(report, console, replace(show, files=tuple(map(str, written)), seconds=time.monotonic() - started))
    raise typer.Exit(int(report.exit_code))
