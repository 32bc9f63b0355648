"""`provcheck audit`: measure, compare, judge, check the policy, write the report."""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from provcheck.cli import options as o
from provcheck.cli.policy import list_checks

DEFAULT_OUT = Path("provcheck-report")


def audit_command(
    model: o.Model,
    bank: o.Bank = "",
    policy: o.Policy = "default",
    out: o.Out = DEFAULT_OUT,
    formats: o.Format = ["json", "html", "newick"],
    claimed_base: Annotated[
        str | None, typer.Option("--claimed-base", metavar="ID", help="Base model to check, instead of the card's.")
    ] = None,
    references: o.References = [],
    no_claimed_reference: Annotated[
        bool,
        typer.Option(
            "--no-claimed-reference", help="Do not look for the claimed base, nor fetch it, if the bank has it not."
        ),
    ] = False,
    signals: o.Signals = None,
    probes: o.Probes = "provcheck-v1",
    device: o.Device = "auto",
    dtype: o.Dtype = "auto",
    memory: o.Memory = None,
    revision: o.Revision = None,
    offline: o.Offline = False,
    allow_pickle: o.AllowPickle = False,
    trust_remote_code: o.TrustRemoteCode = False,
    no_cache: o.NoCache = False,
    keyword: o.Keyword = "",
    stop_at_first: o.StopAtFirst = False,
    collect_only: o.CollectOnly = False,
    summary: o.SummaryChars = "fEi",
    durations: o.Durations = None,
    quiet: o.Quiet = 0,
    verbose: o.Verbose = 0,
) -> None:
    """Measure a model, compare it with the bank, judge, and write the report."""
    from provcheck.io import data
    from provcheck.measuring import ModelOptions, read_signals
    from provcheck.pipeline import AuditOptions, carry_out, collect_checks, prepare
    from provcheck.rendering.collection import print_collected, print_end
    from provcheck.rendering.console import make_console
    from provcheck.rendering.outcomes import summary_outcomes
    from provcheck.rendering.outputs import append_step_summary, check_writable, write_files
    from provcheck.rendering.progress import ProgressBar
    from provcheck.rendering.terminal import Show, print_header, print_references, print_report
    from provcheck.types import ExitCode

    settings = AuditOptions(
        model=ModelOptions(
            revision,
            offline,
            allow_pickle,
            trust_remote_code,
            device,
            dtype,
            probes,
            not no_cache,
            memory,
            read_signals(signals),
        ),
        bank=bank or data.DEFAULT_BANK,
        policy=policy,
        claimed_base=claimed_base,
        references=references,
        claimed_reference=not no_claimed_reference,
        keyword=keyword,
        stop_at_first=stop_at_first,
    )
    show = Show(verbose - quiet, summary_outcomes(summary), durations)
    started, console, collected = time.monotonic(), make_console(), collect_checks(settings)
    if collect_only:
        raise typer.Exit(list_checks(collected, console, show.verbosity))
    outputs = check_writable(out, formats)
    counts = len(collected.rules), len(collected.deselected)
    if collected.deselected and not collected.rules:
        print_end(console, "ran", *counts)
        raise typer.Exit(int(ExitCode.NO_CHECKS))
    prepared = prepare(model, settings, collected)
    for target in (prepared.target, *(one.target for one in prepared.references)):
        target.check_kept(outputs)
    if show.verbosity >= 0:
        bank_facts = prepared.bank.manifest
        count = len(bank_facts.references)
        print_header(console, prepared.tool, bank_facts.name, count, prepared.subject, prepared.runs_on)
        print_references(console, [one.id for one in prepared.references if not one.in_bank])
        print_collected(console, collected.policy.name, *counts)
    with ProgressBar(console, quiet=show.verbosity < 0) as observer:
        report = carry_out(prepared, observer)
    written = write_files(report, out, formats)
    if note := append_step_summary(report):
        console.print(note, soft_wrap=True)
    print_report(report, console, replace(show, files=tuple(map(str, written)), seconds=time.monotonic() - started))
    raise typer.Exit(int(report.exit_code))
