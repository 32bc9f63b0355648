"""`provcheck measure`: only measure, and write the numbers to a file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from provcheck.cli import options as o


def measure_command(
    model: o.Model,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Measurement file; default NAME.safetensors.")
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Add the word attributions (able_words).")] = False,
    probes: o.Probes = "provcheck-v1",
    device: o.Device = "auto",
    dtype: o.Dtype = "auto",
    memory: o.Memory = None,
    revision: o.Revision = None,
    offline: o.Offline = False,
    allow_pickle: o.AllowPickle = False,
    trust_remote_code: o.TrustRemoteCode = False,
    no_cache: o.NoCache = False,
) -> None:
    """Measure a model and write FILE.safetensors."""
    from provcheck.errors import UsageError
    from provcheck.rendering.files import check_file
    from provcheck.rendering.progress import ProgressBar
    from provcheck.rendering.terminal import make_console
    from provcheck.source import ModelOptions, measure_model
    from provcheck.store import is_measurement_file, save_measurement

    if is_measurement_file(model):
        raise UsageError(f"{model} is a measurement already")
    settings = ModelOptions(
        revision, offline, allow_pickle, trust_remote_code, device, dtype, probes, not no_cache, memory
    )
    if output is not None:
        check_file(output)
    console = make_console()
    with ProgressBar(console) as observer:
        measurement = measure_model(model, settings, observer)
    path = output or Path(f"{measurement.subject.id.replace('/', '--')}.safetensors")
    save_measurement(measurement, path, raw=raw)
    facts = measurement.facts
    console.print(
        f"{path}: {facts.coverage.questions} of {facts.coverage.questions_total} questions, {facts.coverage.texts} of "
        f"{facts.coverage.texts_total} texts, {facts.device} {facts.dtype}, {facts.seconds:.1f}s",
        soft_wrap=True,
    )
