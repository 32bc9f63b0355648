"""Options that several commands share, defined once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from provcheck.rendering import FORMAT_NAMES


def parse_size(text: str) -> int:
    """A positive number of bytes: 8GiB, 500MB, 1.5 GB, or a plain number."""
    from pydantic import ByteSize, TypeAdapter, ValidationError

    try:
        size = int(TypeAdapter(ByteSize).validate_python(text))
    except ValidationError:
        size = 0
    if size < 1:
        raise typer.BadParameter(f"{text!a} is no size of memory; write 8GiB or 500MB")
    return size


MODEL_HELP = "Hub id org/name[@revision], folder, PEFT adapter folder, measurement file, or demo."

Model = Annotated[str, typer.Argument(metavar="MODEL", help=MODEL_HELP)]
OptionalModel = Annotated[str | None, typer.Argument(metavar="MODEL", help=MODEL_HELP)]
Bank = Annotated[str, typer.Option("--bank", metavar="NAME|DIR", help="Bank of reference models.")]
Policy = Annotated[str, typer.Option("--policy", metavar="NAME|FILE", help="Policy to check.")]
Out = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the report.")]
Format = Annotated[
    list[str],
    typer.Option("--format", help=f"{FORMAT_NAMES}, or all of them; may be given several times."),
]
Probes = Annotated[str, typer.Option("--probes", metavar="NAME|DIR", help="provcheck-v1, quick, or a folder.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 ...")]
Dtype = Annotated[str, typer.Option("--dtype", help="auto, float32, bfloat16 or float16.")]
Memory = Annotated[
    int | None,
    typer.Option(
        "--memory",
        metavar="SIZE",
        parser=parse_size,
        help="Memory for batches, beside the weights, such as 8GiB; default: what is free, with a margin.",
    ),
]
Signals = Annotated[
    str | None,
    typer.Option(
        "--signals",
        metavar="NAME,NAME",
        help="Kinds of evidence to use, such as weights, which need no run, and of a Hub model only parts of the "
        "files; default: all.",
    ),
]
References = Annotated[
    list[str],
    typer.Option(
        "--reference",
        metavar="MODEL",
        help="A further model to compare with, named like MODEL and measured too; may be given several times.",
    ),
]
Revision = Annotated[str | None, typer.Option("--revision", help="Branch, tag or commit on the Hub.")]
Offline = Annotated[bool, typer.Option("--offline", help="Never touch the network.")]
AllowPickle = Annotated[
    bool, typer.Option("--allow-pickle", help="Accept pickled weights. RISK: a pickle can run code; use a sandbox.")
]
TrustRemoteCode = Annotated[
    bool,
    typer.Option(
        "--trust-remote-code", help="Run code from the model's repository. RISK: it can do anything you can do."
    ),
]
NoCache = Annotated[
    bool, typer.Option("--no-cache", help="Measure anew: neither read nor keep measurements in the cache.")
]
Quiet = Annotated[int, typer.Option("-q", "--quiet", count=True, help="Print less; -qq even less.")]
Verbose = Annotated[int, typer.Option("-v", "--verbose", count=True, help="Print more; -vv even more.")]
Keyword = Annotated[
    str, typer.Option("-k", metavar="EXPR", help="Only checks whose id or kind fits: 'license and not coverage'.")
]
StopAtFirst = Annotated[
    bool, typer.Option("-x", "--exitfirst", help="Leave out the checks after the first that fails.")
]
CollectOnly = Annotated[bool, typer.Option("--collect-only", help="List the checks that would run; measure nothing.")]
SummaryChars = Annotated[
    str,
    typer.Option(
        "-r",
        metavar="CHARS",
        help="Outcomes to sum up: f failed, E error, s skipped, i inconclusive, p passed, a all but passed, A all.",
    ),
]
Durations = Annotated[int | None, typer.Option("--durations", metavar="N", min=0, help="The N slowest parts; 0: all.")]
