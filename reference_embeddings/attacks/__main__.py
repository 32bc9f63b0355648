"""`python -m reference_embeddings.attacks MODEL`: try the attacks on a model folder, and print a Markdown table."""

from __future__ import annotations

import sys
import tempfile
import time
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from provcheck.evaluation.attacked import FILE, AttackList, FunctionKept, ListedAttack
from provcheck.measuring import read_signals

from .adaptive import evading, forging
from .attack import Attack
from .judging import MEASURED, Row, measure_to, try_attack
from .suite import ATTACKS
from .tables import table


class Suite(StrEnum):
    """Which attacks are tried."""

    FIXED = "fixed"
    EVADE = "evade"
    FORGE = "forge"


BOUNDS = (0.1,)
VICTIM = "victim.safetensors"

app = typer.Typer(add_completion=False, no_args_is_help=True, help=__doc__)

ModelFolder = Annotated[Path, typer.Argument(metavar="MODEL", exists=True, file_okay=False, help="A model folder.")]
Victim = Annotated[
    Path | None, typer.Option("--victim", exists=True, help="The model that MODEL descends from; itself by default.")
]
Only = Annotated[list[str] | None, typer.Option("--only", help="An attack by name; may be given several times.")]
Signals = Annotated[str | None, typer.Option("--signals", help="Measure these signals only, such as weights.")]
Which = Annotated[
    Suite,
    typer.Option(
        "--suite", help="fixed; evade: gradient descent away from the victim; forge: towards it, MODEL no kin of it."
    ),
]
Bounds = Annotated[
    list[float] | None,
    typer.Option("--bound", help="Nats a token that descent may cost; several times for a curve; 0.1 by default."),
]
Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help=f"Keep the attacked models and {FILE} there, a new folder."),
]


@app.command()
def attack(
    model: ModelFolder,
    victim: Victim = None,
    only: Only = None,
    signals: Signals = None,
    suite: Which = Suite.FIXED,
    bound: Bounds = None,
    out: Out = None,
) -> None:
    """Attack MODEL, and judge each result against the victim by the judge of the shipped bank.

    Exit code 1 where an attack keeps the function and turns the pair into same-recipe or unrelated, or where a forgery
    makes strangers related by any signals.
    """
    if suite is Suite.FORGE and victim is None:
        raise typer.BadParameter("a forgery needs the model that it shall look like", param_hint="--victim")
    chosen = _chosen(_attacks(suite, victim or model, bound or list(BOUNDS)), only)
    asked = read_signals(signals)
    with ExitStack() as stack:
        work = out or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        work.mkdir(parents=True, exist_ok=out is None)
        measured = measure_to(victim or model, work / VICTIM, asked)
        rows = []
        for number, one in enumerate(chosen):
            print(f"{time.strftime('%H:%M:%S')} {one.name}", file=sys.stderr, flush=True)
            rows.append(try_attack(one, model, measured, work / str(number), asked))
        if out:
            (out / FILE).write_text(_listed(rows, model).model_dump_json(indent=1) + "\n", "utf-8")
    print(table(rows))
    raise typer.Exit(int(any(row.lost for row in rows)))


def _attacks(suite: Suite, victim: Path, bounds: list[float]) -> list[Attack]:
    if suite is Suite.FIXED:
        return list(ATTACKS)
    build = evading if suite is Suite.EVADE else forging
    return [one for bound in bounds for one in build(victim, bound)]


def _chosen(attacks: list[Attack], only: list[str] | None) -> list[Attack]:
    names = list(dict.fromkeys(one.name for one in attacks))
    if unknown := sorted(set(only or ()) - set(names)):
        raise typer.BadParameter(f"no such attack: {unknown[0]}; there are {', '.join(names)}")
    return [one for one in attacks if not only or one.name in only]


def _listed(rows: list[Row], model: Path) -> AttackList:
    """Those that were built and measured."""
    return AttackList(
        attacks=tuple(
            ListedAttack(
                name=row.attack.name,
                aim="forge" if row.attack.forges else "hide",
                start=model.resolve().name,
                model=f"{number}/{row.attack.name}/{MEASURED}",
                victim=VICTIM,
                function=FunctionKept(**vars(row.moved)) if row.moved else None,
            )
            for number, row in enumerate(rows)
            if row.measured
        )
    )


if __name__ == "__main__":
    app()
