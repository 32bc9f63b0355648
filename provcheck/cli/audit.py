"""`provcheck audit`: measure, compare, judge, check the policy, write the report."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from provcheck.cli import options as o

DEFAULT_OUT = Path("provcheck-report")


def audit_command(
    model: o.Model,
    bank: o.Bank = "",
    policy: o.Policy = "default",
    out: o.Out = DEFAULT_OUT,
    formats: o.Format = ["json", "html"],
    claimed_base: Annotated[
        str | None, typer.Option("--claimed-base", metavar="ID", help="Base model to check, instead of the card's.")
    ] = None,
    probes: o.Probes = "provcheck-v1",
    device: o.Device = "auto",
    dtype: o.Dtype = "auto",
    revision: o.Revision = None,
    offline: o.Offline = False,
    allow_pickle: o.AllowPickle = False,
    trust_remote_code: o.TrustRemoteCode = False,
    no_cache: o.NoCache = False,
    quiet: o.Quiet = False,
    verbose: o.Verbose = False,
) -> None:
    """Measure a model, compare it with the bank, judge, and write the report."""
    from provcheck import data
    from provcheck.pipeline import AuditOptions, ModelOptions, carry_out, prepare
    from provcheck.rendering.files import check_writable, write_files
    from provcheck.rendering.progress import ProgressBar
    from provcheck.rendering.terminal import make_console, print_header, print_report

    settings = AuditOptions(
        model=ModelOptions(revision, offline, allow_pickle, trust_remote_code, device, dtype, probes, not no_cache),
        bank=bank or data.DEFAULT_BANK,
        policy=policy,
        claimed_base=claimed_base,
    )
    check_writable(out, formats)
    console = make_console()
    prepared = prepare(model, settings)
    print_header(console, prepared.tool, prepared.bank_facts, prepared.subject, prepared.runs_on)
    with ProgressBar(console) as observer:
        report = carry_out(prepared, observer)
    extra = {"tree.nwk": report.lineage.newick + "\n"} if report.lineage.newick else {}
    written = write_files(report, out, formats, extra)
    print_report(report, console, verbosity=int(verbose) - int(quiet))
    console.print(f"report: {', '.join(str(path) for path in written)}", soft_wrap=True)
    raise typer.Exit(int(report.exit_code))
