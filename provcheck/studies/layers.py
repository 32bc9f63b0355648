"""Each layer of a model as a model of its own, by the logit lens: KL between layers, and between models' layers.

"Revealing Language Model Trajectories via Kullback-Leibler Divergence" (Kishino et al.), section 5, table 1(c) and
figure 7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from provcheck import wording
from provcheck.bank import Bank
from provcheck.errors import StudyError
from provcheck.io import data
from provcheck.signals.likelihood.divergence import Divergence, divergence, pairwise_divergences
from provcheck.studies.material import StudyOptions, probes_of
from provcheck.studies.statistics import correlation
from provcheck.targets import find_target
from provcheck.types import Beside, Finding, Floats, Grid, Plot, ProbeSet, Published, Series, Study, StudyFigure

LEAST_LAYERS = 3
UNIT = "bits/byte"
ADJACENT = Published(
    text="Llama-2-7b 0.61 (1 to 2), 1.6 (16 to 17), 1.3 (31 to 32); others up to 10 to 25, with a peak inside",
    value=None,
    source="kl-trajectories, section 5, table 1(c) and figure 7",
)
ALIGNED = Published(
    text="layers of models align as the mean log-likelihood grows", value=None, source="kl-trajectories, section 5"
)


@dataclass(frozen=True)
class Layers:
    """Log-likelihoods (L, N) in nats of a model after each of its layers."""

    name: str
    nats: Floats
    mean_bytes: float

    @property
    def bits_per_byte(self) -> Floats:
        """(L,) what each layer spends on the texts."""
        return np.asarray(-np.nanmean(self.nats, axis=1) / self.mean_bytes / np.log(2))

    @property
    def steps(self) -> list[Divergence]:
        """KL from each layer to the next."""
        return [divergence(one, two, self.mean_bytes) for one, two in zip(self.nats, self.nats[1:], strict=False)]


def run(bank: Bank, options: StudyOptions) -> Study:
    """Run the models layer by layer. Raises StudyError where they have too few layers, and SubjectError."""
    probes = probes_of(bank, options)
    names = options.models or tuple(str(folder) for folder in data.demo_subjects().values())
    if not names:
        raise StudyError("no model is named, and none ships with this installation", "name models with --models")
    models = [_measure(name, probes, options) for name in names]
    between = _between(models)
    return Study(
        name="layers",
        title="Layers as models",
        question="How far apart are the layers of a model, read by the logit lens, and those of two models?",
        section="kl-trajectories, section 5",
        beside=(_adjacent_beside(models), *_between_beside(models, between)),
        findings=(*(one for model in models for one in _findings(model)), *_between_findings(models, between)),
        tables=(_table(models), *_between_table(models, between)),
        figures=(_figure(models),),
        limits=(
            f"{len(models)} models, {len(probes.texts)} texts. A layer is read through the final norm and the output "
            "embedding, which were trained for the last layer alone.",
            "Standard errors are over texts; models are examples, not a sample.",
        ),
    )


def _measure(name: str, probes: ProbeSet, options: StudyOptions) -> Layers:
    from provcheck.measurement.lens import layer_log_likelihoods
    from provcheck.targets.local import LocalTarget

    target = find_target(name, replace(options.model, probes=probes.name))
    if not isinstance(target, LocalTarget):
        raise StudyError(f"{name} cannot be read after each layer", "name a folder or a Hub id with the weights")
    texts = [one.text for one in probes.texts]
    found = layer_log_likelihoods(target.files, texts, options.model.how, options.observe)
    if len(found) < LEAST_LAYERS:
        raise StudyError(f"{name} has {len(found)} layers; {LEAST_LAYERS} are needed", "name a deeper model")
    return Layers(Path(name).name, found, float(np.mean([len(text.encode()) for text in texts])))


def _adjacent_beside(models: Sequence[Layers]) -> Beside:
    said = "; ".join(f"{one.name} {_steps(one)}" for one in models)
    last = [one.steps[-1].bits_per_byte for one in models]
    mids = [max(step.bits_per_byte for step in one.steps[:-1]) for one in models]
    peak = sum(mid > end for mid, end in zip(mids, last, strict=True))
    return Beside(
        experiment="KL from layer to layer, bits/byte",
        published=ADJACENT,
        here=f"{said}; the largest step is before the last in {peak} of {len(models)} models",
        why=""
        if peak
        else "Four layers leave no room for the middle phase of a model with 32; the last one, which alone was "
        "trained to be read out, moves most.",
    )


def _steps(model: Layers) -> str:
    return ", ".join(f"{n} to {n + 1}: {_n(one.bits_per_byte)} ± {_n(one.se)}" for n, one in enumerate(model.steps, 1))


def _findings(model: Layers) -> list[Finding]:
    made = []
    for n, one in enumerate(model.steps, 1):
        ends = (one.bits_per_byte - 1.96 * one.se, one.bits_per_byte + 1.96 * one.se)
        name = f"KL, layer {n} to {n + 1}, {model.name}"
        made.append(Finding(name=name, value=one.bits_per_byte, unit=UNIT, ci95=ends, n=one.texts, of="text"))
    return made


def _between(models: Sequence[Layers]) -> list[tuple[int, int, Floats]]:
    """For each pair of models, KL (L1, L2) between their layers."""
    found = []
    for at, one in enumerate(models):
        for other in range(at):
            both = np.concatenate([models[other].nats, one.nats])
            split = len(models[other].nats)
            found.append((other, at, pairwise_divergences(both, one.mean_bytes)[:split, split:]))
    return found


def aligned(apart: Floats) -> float:
    """Share of the layers of the first model whose nearest layer of the second is at the same relative depth.

    KL (L1, L2); the same: within half a layer of the shallower model.
    """
    first, second = apart.shape
    depth = (np.arange(first) + 1) / first
    nearest = (apart.argmin(axis=1) + 1) / second
    return float((np.abs(depth - nearest) <= 0.5 / min(first, second) + 1e-9).mean())


def _between_beside(models: Sequence[Layers], between: Sequence[tuple[int, int, Floats]]) -> list[Beside]:
    if not between:
        return []
    said = [
        f"{models[i].name} and {models[j].name} {_n(apart[0, 0])} at the first layer, {_n(apart[-1, -1])} at the last"
        for i, j, apart in between
    ]
    kept = np.mean([aligned(apart) for _, _, apart in between])
    here = f"{'; '.join(said)} (KL, bits/byte); the nearest layer of the other is as deep in {kept:.0%} of layers"
    return [Beside(experiment="Layers of two models", published=ALIGNED, here=here.replace("%", " %"))]


def _between_findings(models: Sequence[Layers], between: Sequence[tuple[int, int, Floats]]) -> list[Finding]:
    made = []
    for i, j, apart in between:
        names = f"{models[i].name} and {models[j].name}"
        made.append(
            Finding(
                name=f"share of layers whose nearest is as deep, {names}",
                value=aligned(apart),
                n=len(apart),
                of="layer",
                note="no interval: these are all layers",
            )
        )
    for one in models:
        value = correlation(np.arange(len(one.nats), dtype=np.float64), -one.bits_per_byte)
        name = f"r of depth and mean log-likelihood, {one.name}"
        made.append(Finding(name=name, value=value, n=len(one.nats), of="layer", note="too few layers for an interval"))
    return made


def _table(models: Sequence[Layers]) -> Grid:
    rows = tuple(
        (one.name, str(depth), _n(bits), *_step_cells(one, depth))
        for one in models
        for depth, bits in enumerate(one.bits_per_byte, 1)
    )
    headings = ("Model", "Layer", "Bits a byte", "KL to the next", "Standard error")
    return Grid(
        caption="What each layer spends, and how far the next one is",
        headings=headings,
        rows=rows,
        numbers=(1, 2, 3, 4),
    )


def _step_cells(model: Layers, depth: int) -> tuple[str, str]:
    if depth > len(model.steps):
        return "", ""
    step = model.steps[depth - 1]
    return _n(step.bits_per_byte), _n(step.se)


def _between_table(models: Sequence[Layers], between: Sequence[tuple[int, int, Floats]]) -> list[Grid]:
    return [
        Grid(
            caption=f"KL in bits/byte between layers of {models[i].name} (rows) and {models[j].name} (columns)",
            headings=("Layer", *(str(n + 1) for n in range(apart.shape[1]))),
            rows=tuple((str(n), *(_n(value) for value in row)) for n, row in enumerate(apart, 1)),
            numbers=tuple(range(1 + apart.shape[1])),
        )
        for i, j, apart in between
    ]


def _figure(models: Sequence[Layers]) -> StudyFigure:
    series = []
    for one in models:
        steps, values = one.steps, [step.bits_per_byte for step in one.steps]
        low, high = ([v + sign * 1.96 * s.se for v, s in zip(values, steps, strict=True)] for sign in (-1, 1))
        places = tuple(float(n) for n in range(1, len(steps) + 1))
        series.append(Series(label=one.name, x=places, y=tuple(values), low=tuple(low), high=tuple(high), line=True))
    reading = "KL from each layer to the next; the bar is the 95 % interval over texts."
    plot = Plot(x_label="layer", y_label=UNIT, series=tuple(series))
    return StudyFigure(id="layers", heading="KL between neighbouring layers", reading=reading, plot=plot)


def _n(value: float) -> str:
    return wording.number(float(value))
