"""The pictures and the table of the study `trajectory`."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from provcheck import wording
from provcheck.studies.departures import Path, departure
from provcheck.types import Floats, Grid, Plot, Series, StudyFigure

UNIT = "bits/byte"


def runs_table(paths: Sequence[Path]) -> Grid:
    """A line for each run."""
    rows = tuple(
        (
            one.name,
            str(len(one.run.rows)),
            f"{one.run.steps[0]} to {one.run.steps[-1]}",
            _n(float(np.median(np.diagonal(one.kl, 1)))),
            ", ".join(map(str, one.run.steps[one.outlying])) or "none",
        )
        for one in paths
    )
    headings = ("Run, by its last checkpoint", "Checkpoints", "Steps", "Median KL of neighbours", "Outliers at")
    return Grid(caption="The runs of the bank", headings=headings, rows=rows, numbers=(1, 3))


def kl_figure(paths: Sequence[Path]) -> StudyFigure:
    """KL of neighbours by step."""
    series = []
    for one in paths:
        taken = np.diagonal(one.kl, 1)
        kept = taken > 0
        series.append(Series(label=one.name, x=_t(one.run.steps[1:][kept]), y=_t(taken[kept]), line=True))
    reading = "Each checkpoint's KL to the one before it. A peak is a step far larger than those around it."
    plot = Plot(x_label="step", y_label=UNIT, series=tuple(series), x_log=True, y_log=True)
    return StudyFigure(id="neighbours", heading="KL between neighbouring checkpoints", reading=reading, plot=plot)


def exponent_figure(paths: Sequence[Path]) -> list[StudyFigure]:
    """Exponents by the start of their window; none where no run has any."""
    series = []
    for one in paths:
        for what, squared in (("log-likelihoods", one.kl), ("weights", one.weights)):
            if squared is not None and (found := one.exponents(squared)):
                series.append(Series(label=f"{what}, {one.name}", x=_t(found), y=_t(found.values()), line=True))
    if not series:
        return []
    reading = "How squared distances grow with time: 1 is diffusion, below it the path is held back, 2 is straight."
    plot = Plot(x_label="step at which the window starts", y_label="c", series=tuple(series))
    return [StudyFigure(id="exponents", heading="Diffusion exponents", reading=reading, plot=plot)]


def departure_figure(tune: Path, mains: Sequence[Path], kl: Floats) -> StudyFigure:
    """KL of a fine-tune to its run and to its base."""
    found = departure(tune, mains, kl)
    lines = () if found is None else (("to the nearest of its run", found.to_run), ("to its base", found.to_base))
    series = tuple(Series(label=label, x=_t(tune.run.steps), y=_t(values), line=True) for label, values in lines)
    reading = "How far the fine-tune's checkpoints are from the run that it left."
    plot = Plot(x_label="step of the fine-tune", y_label=UNIT, series=series)
    return StudyFigure(id="departure", heading=f"{tune.name} leaves its run", reading=reading, plot=plot)


def _t(values: object) -> tuple[float, ...]:
    return tuple(float(one) for one in values)  # type: ignore[attr-defined]


def _n(value: float) -> str:
    return wording.number(value)
