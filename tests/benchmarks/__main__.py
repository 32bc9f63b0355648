"""`python -m tests.benchmarks`: how fast provcheck measures, and how exactly."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line of provcheck does

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False, help=__doc__)

Every = Annotated[int, typer.Option("--every", min=1, help="Only every n-th probe.")]


@app.callback(invoke_without_command=True)
def selfcheck(
    context: typer.Context,
    history: Annotated[Path | None, typer.Option("--history", help="Adds a line of JSON to this file.")] = None,
    every: Annotated[int, typer.Option("--every", min=1, help="Only every n-th probe, where speed is compared.")] = 8,
    references: Annotated[int, typer.Option("--references", min=100, help="Size of the large bank.")] = 10_000,
) -> None:
    """Without a command: one table of speed, memory, start-up, audits and a large bank, on this machine."""
    if context.invoked_subcommand is not None:
        return
    from tests.benchmarks.selfcheck import check, line_of_history, table

    figures = list(check(every, references))
    typer.echo(table(figures))
    if history:
        with history.open("a", encoding="utf-8") as file:
            file.write(line_of_history(figures, datetime.now(UTC)) + "\n")


@app.command("loop")
def loop_command(
    model: Annotated[
        Path | None, typer.Option("--model", help="Folder; default: a random llama of 1.1 million parameters.")
    ] = None,
    every: Every = 4,
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Both sides alternate; the fastest round counts.")] = 3,
    threads: Annotated[int | None, typer.Option("--threads", min=1, help="Default: what torch chooses.")] = None,
) -> None:
    """The literal loop, one option and one text at a time, against provcheck, on one model and the CPU."""
    from tests.benchmarks.speed import against_the_loop

    for line in against_the_loop(model, every, rounds, threads):
        typer.echo(line)


@app.command("device")
def device_command(
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 ...")] = "auto",
    shape: Annotated[str, typer.Option("--shape", help="7b or tiny: a random llama of that shape.")] = "7b",
    dtype: Annotated[str, typer.Option("--dtype", help="auto, float32, bfloat16 or float16.")] = "auto",
    every: Every = 1,
) -> None:
    """Which share of the device's matrix-product rate is reached, and how long all probes take."""
    from tests.benchmarks.rate import share_of_the_rate

    for line in share_of_the_rate(device, shape, dtype, every):
        typer.echo(line)


@app.command("signs")
def signs_command(
    models: Annotated[list[Path], typer.Argument(metavar="FOLDER...", help="Honest models.")],
) -> None:
    """How often honest models show a sign of disguise by themselves, and how far off centre their embeddings are."""
    from tests.benchmarks.false_signs import count_false_signs

    for line in count_false_signs(models):
        typer.echo(line)


@app.command("precision")
def precision_command(
    models: Annotated[list[Path], typer.Argument(metavar="FOLDER...", help="Models to measure again and again.")],
    every: Every = 1,
) -> None:
    """How far dtype, size of the batch, padding and device move the numbers, as a Markdown table."""
    from tests.benchmarks.precision import compare_settings

    for line in compare_settings(models, every):
        typer.echo(line)


@app.command("serving-noise")
def serving_noise_command(
    zoo: Annotated[Path, typer.Argument(metavar="ZOO", help="Folder of the zoo's models.")],
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="Models to serve in every way.")],
    corpora: Annotated[Path, typer.Option("--corpora", help="Folder of the recipe's corpora, to fine-tune on.")],
    work: Annotated[Path, typer.Option("--work", help="Folder that keeps what was measured of each model.")],
) -> None:
    """reference_embeddings/serving_noise.json: what rounding, quantization and training do to tokens.

    The other models of the zoo are served unchanged. What the work folder has is not measured again."""
    from tests.benchmarks.serving_noise import as_json, cases, keep_all

    keep_all(zoo, names, corpora, work)
    typer.echo(as_json(list(cases(work))), nl=False)


if __name__ == "__main__":
    app()
