"""`python -m reference_embeddings.attacks MODEL`: try every attack on a model folder, and print a Markdown table."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Annotated

import typer

from provcheck import Verdict
from provcheck.measuring import read_signals

from .judging import SIGNALS, Row, measure_to, try_attack
from .suite import ATTACKS

REASONS = 2
"""Of a verdict, in the table; the first ones say what decided."""

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)

ModelFolder = Annotated[Path, typer.Argument(metavar="MODEL", exists=True, file_okay=False, help="A model folder.")]
Victim = Annotated[
    Path | None, typer.Option("--victim", exists=True, help="The model that MODEL descends from; itself by default.")
]
Only = Annotated[list[str] | None, typer.Option("--only", help="An attack by name; may be given several times.")]
Signals = Annotated[str | None, typer.Option("--signals", help="Measure these signals only, such as weights.")]


@app.command()
def attack(model: ModelFolder, victim: Victim = None, only: Only = None, signals: Signals = None) -> None:
    """Attack MODEL, and judge each result against the victim by the judge of the shipped bank.

    Exit code 1 where an attack keeps the function and turns the pair into same-recipe or unrelated.
    """
    names = {one.name for one in ATTACKS}
    if unknown := sorted(set(only or ()) - names):
        raise typer.BadParameter(f"no such attack: {unknown[0]}; there are {', '.join(one.name for one in ATTACKS)}")
    chosen = [one for one in ATTACKS if not only or one.name in only]
    asked = read_signals(signals)
    with tempfile.TemporaryDirectory() as work:
        measured = measure_to(victim or model, Path(work) / "victim.safetensors", asked)
        rows = []
        for one in chosen:
            print(f"{time.strftime('%H:%M:%S')} {one.name}", file=sys.stderr, flush=True)
            rows.append(try_attack(one, model, measured, Path(work), asked))
    print(table(rows))
    raise typer.Exit(int(any(row.lost for row in rows)))


def table(rows: list[Row]) -> str:
    """The rows as a Markdown table."""
    head = (
        "attack",
        "function kept",
        *(f"by {way}" for way in SIGNALS),
        "signs of disguise",
        "why, where inconclusive, refused or certain",
    )
    lines = [" | ".join(cells) for cells in (head, ("---",) * len(head), *map(_cells, rows))]
    return "\n".join(f"| {line} |" for line in lines)


def _cells(row: Row) -> tuple[str, ...]:
    name = f"{row.attack.name}: {row.attack.what}"
    if row.verdicts is None:
        return name, "does not apply", *("-" for _ in SIGNALS), "-", row.not_applied
    said = (_said(row.verdicts.get(way)) for way in SIGNALS)
    return name, _function(row), *said, ", ".join(row.signs) or "none", _reasons(row.verdicts)


def _function(row: Row) -> str:
    if row.moved_nats is None:
        return "no: other tokens"
    return f"{'yes' if row.kept else 'no'}: {row.moved_nats:.2g} nats"


def _said(found: Verdict | str | None) -> str:
    if found is None:
        return "not asked"
    if isinstance(found, str):
        return "refused"
    sure = "" if found.probability is None else f", {_percent(found.probability)}"
    return f"{found.relation.value}{sure}"


def _percent(share: float) -> str:
    """Never rounded into certainty."""
    return "100 %" if share == 1 else f"{min(share, 0.9999):.2%}".replace("%", " %")


def _reasons(verdicts: dict[str, Verdict | str]) -> str:
    """Of the first verdict that is refused, inconclusive, or certain because the weight files are the same."""
    for way, found in verdicts.items():
        if isinstance(found, str):
            return found
        if found.relation.value == "inconclusive" or found.probability == 1.0:
            return f"by {way}: {' '.join(found.reasons[:REASONS])}".replace("|", "/")
    return ""


if __name__ == "__main__":
    app()
