"""`provcheck compare`: two models head to head."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from provcheck.cli import options as o


def compare_command(
    first: Annotated[str, typer.Argument(metavar="A", help=o.MODEL_HELP)],
    second: Annotated[str, typer.Argument(metavar="B", help=o.MODEL_HELP)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
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

    from provcheck.pipeline import compare_models
    from provcheck.rendering.plain import plain
    from provcheck.rendering.progress import ProgressBar
    from provcheck.rendering.terminal import make_console
    from provcheck.source import ModelOptions

    settings = ModelOptions(None, offline, allow_pickle, trust_remote_code, device, dtype, probes, not no_cache)
    console = make_console()
    with ProgressBar(Console(stderr=True) if as_json else console) as observer:
        one, two, comparison = compare_models(first, second, settings, observer)
    if as_json:
        typer.echo(comparison.model_dump_json(indent=2))
        return
    console.print(plain(f"{one.subject.id} against {two.subject.id}"), soft_wrap=True)
    for label, value in _lines(comparison):
        console.print(f"  {label:<22} {value}", soft_wrap=True)
    console.print("Distances alone are no verdict; `provcheck audit` judges them against a bank.", soft_wrap=True)


def _lines(comparison: Any) -> list[tuple[str, str]]:
    from provcheck.rendering import wording

    kl = comparison.kl
    return [
        ("weight files", "the same" if comparison.same_weights else "different"),
        ("ABLE contrast distance", wording.distance(comparison.able.contrast)),
        ("ABLE paper distance", wording.distance(comparison.able.paper)),
        ("KL bits/byte", wording.kl(kl)),
        ("KL on papers' scale", kl.scale_band or f"none: {kl.reason}"),
    ]
