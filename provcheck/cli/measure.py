"""`provcheck measure`: only measure, and write the numbers to a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from provcheck.cli import options as o

if TYPE_CHECKING:
    from provcheck.types import MeasurementFacts


@o.with_model_options()
def measure_command(
    model: o.Model,
    options: o.ModelOptions,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Measurement file; default NAME.safetensors.")
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Add the word attributions (able_words).")] = False,
) -> None:
    """Measure a model and write FILE.safetensors."""
    from provcheck.errors import UsageError
    from provcheck.io.writing import check_file_writable
    from provcheck.measuring import measured
    from provcheck.rendering.console import make_console, print_line
    from provcheck.rendering.progress import ProgressBar
    from provcheck.store import is_measurement_file, save_measurement
    from provcheck.targets import find_target

    if is_measurement_file(model):
        raise UsageError(f"{model} is a measurement already")
    if output is not None:
        check_file_writable(output)
    target = find_target(model, options)
    path = output or Path(f"{target.subject.id.replace('/', '--')}.safetensors")
    target.check_kept([path])
    console = make_console()
    with ProgressBar(console) as observer:
        measurement = measured(target, options, observer)
    save_measurement(measurement, path, raw=raw)
    print_line(console, f"{path}: {_summary(measurement.facts)}")


def _summary(facts: MeasurementFacts) -> str:
    """What each signal covered, or why it was not measured; on what, and how long it took."""
    from provcheck.io.text import plain
    from provcheck.signals import all_signals
    from provcheck.types import NotMeasured
    from provcheck.wording import NOT_MEASURED, plural

    parts = []
    for name, signal in all_signals().items():
        found = facts.signals.get(name)
        if isinstance(found, NotMeasured):
            parts.append(f"{signal.title} {NOT_MEASURED} ({plain(found.not_measured)})")
        elif found is not None:
            parts.append(f"{found.coverage.measured} of {plural(found.coverage.total, found.coverage.unit)}")
    return ", ".join((*parts, facts.where, f"{facts.seconds:.1f}s"))
