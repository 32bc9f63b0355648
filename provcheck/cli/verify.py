"""`provcheck report verify`: does a report repeat?"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer

from provcheck.cli import options as o
from provcheck.cli.settings import check_settings

VERIFY_HELP = """Check a report against everything it names, measure and judge the model again, and say what repeats.

MODEL is the model itself, or a measurement file of it; without it the model that the report names is used, if that is
the demo or a model of the Hub. Nothing is read from the cache.

Exit codes: 0 the report holds, and its verdict was judged again; 1 something differs; 4 bad input; 5 nothing differs,
but the verdict could not be judged again, because the model, the bank or the policy is not at hand, or the sentences
are those of another version. The last line names what was not verified."""


def verify_command(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE.json", help="A report.json written by provcheck audit.")],
    model: Annotated[str | None, typer.Argument(metavar="MODEL", help=o.MODEL_HELP)] = None,
    bank: Annotated[
        str | None,
        typer.Option("--bank", metavar="NAME|DIR", help="A bank, or a folder of several. Default: the report's."),
    ] = None,
    policy: Annotated[str | None, typer.Option("--policy", metavar="NAME|FILE", help="Default: the report's.")] = None,
    references: Annotated[
        list[str],
        typer.Option("--reference", metavar="MODEL", help="A reference at hand of the report, if not from the Hub."),
    ] = [],
    public_key: Annotated[
        Path | None,
        typer.Option("--public-key", metavar="PUB.pem", help="Check FILE.intoto.jsonl with it."),
    ] = None,
    probes: Annotated[str | None, typer.Option("--probes", metavar="NAME|DIR", help="Default: the report's.")] = None,
    device: o.Device = "auto",
    dtype: Annotated[str | None, typer.Option("--dtype", help="Default: the report's.")] = None,
    offline: o.Offline = False,
    allow_pickle: o.AllowPickle = False,
    trust_remote_code: o.TrustRemoteCode = False,
    isolate: o.Isolate = True,
) -> None:
    """See VERIFY_HELP."""
    from provcheck.rendering.console import make_console
    from provcheck.rendering.progress import ProgressBar
    from provcheck.rendering.verified import print_check, print_conclusion, print_start
    from provcheck.report_file import open_report
    from provcheck.verification import VerifyOptions, conclusion, exit_code, verify

    settings = VerifyOptions(
        model,
        bank,
        policy,
        probes,
        public_key,
        device,
        dtype,
        offline,
        allow_pickle,
        trust_remote_code,
        isolate,
        references,
    )
    check_settings(context)
    opened, console, started, checks = open_report(file), make_console(), time.monotonic(), []
    print_start(console, file.name, opened.report)
    with ProgressBar(console) as observer:
        for check in verify(opened, settings, observer):
            print_check(console, check)
            checks.append(check)
    print_conclusion(console, checks, conclusion(checks), time.monotonic() - started)
    raise typer.Exit(int(exit_code(checks)))
