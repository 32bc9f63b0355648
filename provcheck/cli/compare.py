"""`provcheck compare`: two models head to head."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from provcheck.cli import options as o

if TYPE_CHECKING:
    from provcheck.types import Comparison


def compare_command(
    first: Annotated[str, typer.Argument(metavar="A", help=o.MODEL_HELP)],
    second: Annotated[str, typer.Argument(metavar="B", help=o.MODEL_HELP)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    signals: o.Signals = None,
    probes: o.Probes = "provcheck-v1",
    device: o.Device = "auto",
    dtype: o.Dtype = "auto",
    offline: o.Offline = False,
    allow_pickle: o.AllowPickle = False,
    trust_remote_code: o.TrustRemoteCode = False,
    no_cache: o.NoCache = False,
) -> None:
    """Compare two models head to head; no bank is needed for the distances."""
    from rich.console import Console

    from provcheck.io.text import plain
    from provcheck.measuring import ModelOptions, read_signals
    from provcheck.pipeline import compare_models
    from provcheck.rendering.console import make_console, print_line
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
        signals=read_signals(signals),
    )
    console = make_console()
    with ProgressBar(Console(stderr=True) if as_json else console) as observer:
        one, two, comparison = compare_models(first, second, settings, observer)
    if as_json:
        typer.echo(comparison.model_dump_json(indent=2))
        return
    print_line(console, plain(f"{one.subject.id} against {two.subject.id}"))
    for label, value in _lines(comparison):
        print_line(console, f"  {label:<22} {plain(value)}")
    print_line(console, "Distances alone are no verdict; `provcheck audit` judges them against a bank.")


def _lines(comparison: Comparison) -> list[tuple[str, str]]:
    """What is the same, and what each signal says, with its remark."""
    from provcheck.signals import pairs_of

    cells = [
        (column.heading, column.of(values))
        for signal, values in pairs_of(comparison.signals)
        for column in signal.columns
    ]
    lines = [(heading, f"{cell.text} ({cell.note})" if cell.note else cell.text) for heading, cell in cells]
    return [("weight files", "the same" if comparison.same_weights else "different"), *lines]
