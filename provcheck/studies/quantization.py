"""How far quantization and pruning move a model, on the KL scale.

kl-scale, section 3.2 and table 2(a): 8 bits 0.44, 4 bits 0.49 bits/byte (medians of 50 models, bitsandbytes), and the
shifts within a model type point the same way (mean cosine 0.91 to 0.98; 0.67 across types). No paper has 3 or 2 bits,
or pruning.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from provcheck import wording
from provcheck.bank import Bank
from provcheck.errors import StudyError
from provcheck.probes import probe_set
from provcheck.signals.likelihood.divergence import divergence
from provcheck.signals.likelihood.kl_scale import load_scale, place_on_scale
from provcheck.signals.likelihood.values import LOGLIK
from provcheck.studies.compressing import BITS, changed, levels
from provcheck.studies.kl_settings import Pair, Spread, bits_of, spread_of
from provcheck.studies.material import Likelihoods, StudyOptions, likelihoods_of, parent_pairs, probes_of
from provcheck.studies.statistics import Estimate, bootstrapped
from provcheck.studies.variants import Weights, folders_of, measure_with, saved_probes, weights_of
from provcheck.types import Beside, Finding, Floats, Grid, Ints, Plot, Published, Series, Study, StudyFigure

UNIT, SOURCE = "bits/byte", "kl-scale, section 3.2 and table 2(a)"
DIRECTION = Published(text="mean cosine 0.91 to 0.98 within a type, 0.67 across types", value=0.67, source=SOURCE)
TEXTS = 128
"""Evenly spaced among the bank's, about so many; KL needs 30, and every level is measured on all of them."""


@dataclass(frozen=True)
class Made:
    """The models that were run, the most that one spends in bits/byte, and KL of each level: the mean over them."""

    models: tuple[str, ...]
    bits: float
    texts: int
    by_level: dict[str, Estimate]


def run(bank: Bank, options: StudyOptions) -> Study:
    """The bank's own pairs, and every level of the models that are run. Raises StudyError where there are none."""
    known, own = likelihoods_of(bank), pairs_by_level(bank)
    spreads = {name: one for name, pairs in own.items() if (one := spread_of(bank, known, pairs))}
    made = measure_levels(bank, options)
    shifts = {name: _cosines(known, pairs) for name, pairs in own.items() if len(pairs) > 2 and name != "pruned"}
    return Study(
        name="quantization",
        title="Quantization and pruning on the KL scale",
        question="How far do quantization and pruning move a model?",
        section="kl-scale, section 3.2, figure 3 and table 2(a)",
        beside=(_sizes(spreads, made), *_directions(shifts)),
        findings=(
            *(_finding(f"KL, {name}, the bank's pairs", one.median, "pair") for name, one in spreads.items()),
            *(_finding(f"KL, {name}, made now", one, "model") for name, one in made.by_level.items()),
            *(
                Finding(name=f"mean cosine of shifts, {name}", value=float(one.mean()), n=len(one), of="pair")
                for name, one in shifts.items()
            ),
        ),
        tables=(_table(spreads, made),),
        figures=(_figure(spreads, made),),
        limits=(
            f"Made now from {wording.joined(made.models)}, on {made.texts} texts: weights of linear layers rounded to "
            "nearest, one scale a row, or the smallest set to zero; no activation is rounded, nothing trained on.",
            "The bank's quantized models state their bits in their ids; most of its pruned models were trained on.",
        ),
    )


def pairs_by_level(bank: Bank) -> dict[str, list[Pair]]:
    """Rows (child, parent) of quantized models by bits, and of pruned ones."""
    quantized = parent_pairs(bank, ["quantize"])
    found = {f"{bits}-bit": [one for one in quantized if bits_of(bank.references[one[0]]) == bits] for bits in BITS}
    return {name: pairs for name, pairs in {**found, "pruned": parent_pairs(bank, ["prune"])}.items() if pairs}


def measure_levels(bank: Bank, options: StudyOptions) -> Made:
    """Measure every model as it is and at each level. Raises StudyError for too few texts, and SubjectError."""
    probes = probes_of(bank, options)
    fewer = probe_set(probes.name, probes.questions[:1], probes.texts[:: max(1, len(probes.texts) // TEXTS)])
    folders, steps = folders_of(options), levels()
    options.observe.start("coarser models", len(folders) * (1 + len(steps)))
    with saved_probes(fewer) as where:
        plain = [_nats(options, folder, None, where) for folder in folders]
        coarse = {
            name: [_nats(options, folder, changed(weights_of(folder), change), where) for folder in folders]
            for name, change in steps.items()
        }
    options.observe.finish()
    size = [len(one.text.encode()) for one in fewer.texts]
    by_level = {name: _mean_kl(plain, nats, float(np.mean(size))) for name, nats in coarse.items()}
    spent = max(-float(one.sum()) / sum(size) / math.log(2) for one in plain)
    return Made(tuple(folder.name for folder in folders), spent, len(size), by_level)


def _nats(options: StudyOptions, folder: Path, weights: Weights | None, probes: str) -> Floats:
    """(N,) log-likelihoods of a model, or of a variant of it with other weights."""
    found = measure_with(options, folder, weights, probes, "likelihood").sketches["likelihood"].arrays[LOGLIK]
    options.observe.advance()
    return found


def _mean_kl(before: Sequence[Floats], after: Sequence[Floats], mean_bytes: float) -> Estimate:
    """The mean over models, with the interval of texts drawn with replacement."""

    def kl(texts: Ints) -> float:
        pairs = zip(before, after, strict=True)
        return float(np.mean([divergence(one[texts], two[texts], mean_bytes).bits_per_byte for one, two in pairs]))

    found = bootstrapped(len(before[0]), kl)
    if not np.isfinite(found.value):
        raise StudyError(f"{len(before[0])} texts are too few for KL", "measure with a larger probe set")
    return Estimate(found.value, found.low, found.high, len(before))


def _cosines(known: Likelihoods, pairs: Sequence[Pair]) -> Floats:
    """Cosines between the shifts of log-likelihoods of every two pairs, each shift centred over texts."""
    place = {int(row): at for at, row in enumerate(known.rows)}
    shifts = [known.nats[place[i]] - known.nats[place[j]] for i, j in pairs if i in place and j in place]
    found = []
    for one, two in combinations(shifts, 2):
        common = np.isfinite(one) & np.isfinite(two)
        x, y = one[common] - one[common].mean(), two[common] - two[common].mean()
        found.append(float((x * y).sum() / max(1e-30, np.sqrt((x**2).sum() * (y**2).sum()))))
    return np.array(found)


def _finding(name: str, found: Estimate, of: str) -> Finding:
    return Finding(name=name, value=found.value, unit=UNIT, ci95=found.ci95, n=found.n, of=of)


def _sizes(spreads: dict[str, Spread], made: Made) -> Beside:
    theirs = {one.name: one.median for one in load_scale().settings}
    own = ", ".join(f"{name} {wording.number(one.median.value)}" for name, one in spreads.items())
    now = ", ".join(f"{name} {wording.number(one.value)}" for name, one in made.by_level.items())
    published = Published(
        text=f"8-bit {theirs['8-bit']:g}, 4-bit {theirs['4-bit']:g} (medians)", value=theirs["4-bit"], source=SOURCE
    )
    here = f"made now {now}" + (f"; the bank's pairs, medians: {own}" if own else "")
    return Beside(experiment="KL by level, bits/byte", published=published, here=here, why=_why(made, theirs))


def _why(made: Made, theirs: dict[str, float]) -> str:
    """From 8 to 4 bits a step grows by 127 / 7, and noise squared by 329."""
    eight, four = made.by_level["8-bit"].value, made.by_level["4-bit"].value
    if eight <= 0:
        return ""
    return (
        f"Here KL grows {four / eight:.0f} times from 8 to 4 bits; independent rounding errors alone would give "
        f"{(127 / 7) ** 2:.0f} times, as their variance goes with the square of the step. In the papers it grows "
        f"{theirs['4-bit'] / theirs['8-bit']:.1f} times, so most of their 8-bit shift is likely something else than "
        "rounded weights: what 8-bit arithmetic does to the activations of large models, which nothing rounds here."
    )


def _directions(shifts: dict[str, Floats]) -> list[Beside]:
    if not shifts:
        return []
    here = ", ".join(f"{name} {wording.number(float(one.mean()))} ({len(one)} pairs)" for name, one in shifts.items())
    why = (
        "Rounding errors of different weights have nothing in common; a common direction needs a common cause, such as "
        "the arithmetic of one library."
    )
    what = "Direction of the shifts of two quantized models, mean cosine"
    return [Beside(experiment=what, published=DIRECTION, here=here, why=why)]


def _table(spreads: dict[str, Spread], made: Made) -> Grid:
    rows = [
        (
            f"{name}, made now",
            wording.number(one.value),
            f"{wording.number(one.low)} to {wording.number(one.high)}",
            f"{one.n}",
            _band(one.value, made.bits),
        )
        for name, one in made.by_level.items()
    ]
    rows += [
        (
            f"{name}, the bank's pairs",
            wording.number(one.median.value),
            " to ".join(wording.number(end) for end in one.quartiles),
            f"{one.median.n}",
            "",
        )
        for name, one in spreads.items()
    ]
    return Grid(
        caption="KL in bits/byte: mean with its interval over texts; of the bank's pairs median and quartiles",
        headings=("Level", "KL", "Interval or quartiles", "Models or pairs", "Place on the papers' scale"),
        rows=tuple(rows),
        numbers=(1, 2, 3),
    )


def _band(kl: float, bits: float) -> str:
    band, reason = place_on_scale(kl, bits, bits)
    return band or f"none: {reason}"


def _figure(spreads: dict[str, Spread], made: Made) -> StudyFigure:
    names = list(made.by_level)
    theirs = {one.name: one.median for one in load_scale().settings}
    shown = [name for name in names if name in spreads and spreads[name].quartiles[0] > 0]
    drawn = [name for name in names if made.by_level[name].low > 0]
    published = [name for name in names if name in theirs]

    def places(chosen: Sequence[str]) -> tuple[float, ...]:
        return tuple(float(names.index(name)) for name in chosen)

    series = (
        Series(label="papers: medians", x=places(published), y=tuple(theirs[name] for name in published)),
        Series(
            label="the bank's pairs: medians and quartiles",
            x=places(shown),
            y=tuple(spreads[name].median.value for name in shown),
            low=tuple(spreads[name].quartiles[0] for name in shown),
            high=tuple(spreads[name].quartiles[1] for name in shown),
        ),
        Series(
            label="made now: means with 95 % intervals over texts",
            x=places(drawn),
            y=tuple(made.by_level[name].value for name in drawn),
            low=tuple(made.by_level[name].low for name in drawn),
            high=tuple(made.by_level[name].high for name in drawn),
        ),
    )
    reading = "How far a coarser model is from the one that it was made from. Every grid line is ten times the last."
    plot = Plot(
        x_label="bits, or share of the weights set to zero", y_label=UNIT, series=series, names=tuple(names), y_log=True
    )
    return StudyFigure(id="levels", heading="KL by level", reading=reading, plot=plot)
