"""Checkpoints of training runs as paths: KL between them, diffusion, outliers, and where a fine-tune leaves its run.

"Revealing Language Model Trajectories via Kullback-Leibler Divergence" (Kishino et al.), section 3, appendices B to D.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from provcheck import wording
from provcheck.bank import Bank
from provcheck.errors import StudyError
from provcheck.io.safetensors import read_arrays
from provcheck.signals.likelihood.divergence import pairwise_divergences
from provcheck.studies.departures import Departure, Path, departure
from provcheck.studies.material import StudyOptions, likelihoods_of
from provcheck.studies.path_figures import UNIT, departure_figure, exponent_figure, kl_figure, runs_table
from provcheck.studies.runs import WINDOW, Run, even_part, outliers, runs_of, steady_texts
from provcheck.types import Beside, Bools, Finding, Floats, Published, Study

LEAST, LEAST_TUNED = 2 * WINDOW, 3
"""Checkpoints of a run, and of a fine-tune."""

WEIGHT_DISTANCES = "weight-distances-raw.safetensors"
"""A file of the bank: `squared` (M, M) float64, squared Euclidean distances of the weights, in the bank's order."""

SQUARED = "squared"
KL = Published(
    text="0.069, 0.053, 0.023 bits/byte after 10k, 50k, 100k of 143k steps; 0.11 between seeds",
    value=0.069,
    source="kl-trajectories, table 1(a)",
)
DIFFUSION = Published(
    text="log-likelihoods 0.8 early, 0.2 late; weights 1.2 early, 1 late",
    value=0.2,
    source="kl-trajectories, section 3, figures 3 and 4, and appendix B",
)
OUTLIER = Published(
    text="one checkpoint of Pythia 1B, by its weights", value=None, source="kl-trajectories, appendix D.1, figure 8"
)
FINE_TUNES = Published(text="median 0.40 bits/byte from the base", value=0.40, source="kl-trajectories, table 1(b)")


def run(bank: Bank, options: StudyOptions) -> Study:
    """KL along the runs, exponents, outliers, departures. Raises StudyError where no run has checkpoints enough."""
    runs = runs_of(bank)
    whole = [one for one in runs if len(one.rows) >= (LEAST if one.left is None else LEAST_TUNED)]
    if not any(one.left is None for one in whole):
        raise StudyError(
            f"bank '{bank.manifest.name}' has no training run of {LEAST} checkpoints",
            "give checkpoints a `step` in the manifest, and name the one before as parent; the bank `trajectories` "
            "shows how",
        )
    kl, texts = _divergences(bank, whole)
    weights = _weight_distances(bank)
    paths = [_path(bank, one, kl, weights) for one in whole]
    mains = [one for one in paths if one.run.left is None]
    tunes = [one for one in paths if one.run.left is not None]
    return Study(
        name="trajectory",
        title="Training as a path",
        question="How do checkpoints of a training run move, and where does a fine-tune leave it?",
        section="kl-trajectories, section 3, appendices B to D",
        beside=(
            _kl_beside(mains, kl),
            _diffusion_beside(mains),
            _outlier_beside(paths),
            *(_departure_beside(one, mains, kl) for one in tunes),
        ),
        findings=(*_kl_findings(mains, kl), *_diffusion_findings(mains), *_outlier_findings(paths, bank)),
        tables=(runs_table(paths),),
        figures=(kl_figure(paths), *exponent_figure(mains), *(departure_figure(one, mains, kl) for one in tunes)),
        limits=(
            f"KL over the {texts} texts that are left when the 3 % that jump most between neighbours are taken out, "
            "as the paper does.",
            f"An exponent is fitted to {WINDOW} evenly spaced checkpoints behind its start; windows of one run "
            "overlap, so the range of the runs' medians stands in place of an interval. A rate of learning that falls "
            "within a window lowers both exponents.",
        ),
    )


def _divergences(bank: Bank, runs: Sequence[Run]) -> tuple[Floats, int]:
    """(M, M) KL of all references, in the bank's order, over the texts that stay steady; and how many these are."""
    known = likelihoods_of(bank)
    if len(known.rows) < len(bank.references):
        raise StudyError("some checkpoints have no log-likelihoods", "build the bank with `--signals likelihood`")
    texts = steady_texts(known.nats, [one.rows for one in runs])
    return pairwise_divergences(known.nats[:, texts], known.mean_bytes), len(texts)


def _weight_distances(bank: Bank) -> Floats | None:
    if not (bank.folder / WEIGHT_DISTANCES).exists() or (path := bank.checked_file(WEIGHT_DISTANCES)) is None:
        return None
    found = (read_arrays(path, bank.manifest.files[WEIGHT_DISTANCES]) or {}).get(SQUARED)
    count = len(bank.references)
    if found is None or found.shape != (count, count) or not np.isfinite(found).all():
        raise StudyError(f"{WEIGHT_DISTANCES} does not hold a distance for each pair of references", "make it again")
    return found


def _path(bank: Bank, one: Run, kl: Floats, weights: Floats | None) -> Path:
    own = np.ix_(one.rows, one.rows)
    name = bank.references[int(one.rows[-1])].id
    own_weights = None if weights is None else weights[own]
    return Path(
        one, name, kl[own], own_weights, _off(one, kl[own]), None if own_weights is None else _off(one, own_weights)
    )


def _off(one: Run, squared: Floats) -> Bools:
    """(C,) outliers among the evenly spaced checkpoints; the paper too looks behind the first, quick ones only."""
    even, found = even_part(one.steps), np.zeros(len(one.steps), dtype=bool)
    found[even] = outliers(squared[np.ix_(even, even)])
    return found


def _kl_beside(paths: Sequence[Path], kl: Floats) -> Beside:
    early, late = (np.concatenate([one.early_and_late[at] for one in paths]) for at in (0, 1))
    seeds = _between_ends(paths, kl)
    return Beside(
        experiment="KL of neighbouring checkpoints, bits/byte",
        published=KL,
        here=f"{_n(np.median(early))} early, {_n(np.median(late))} late (medians)"
        + (f"; {_n(np.median(seeds))} between seeds at the end" if len(seeds) else ""),
        why="Larger steps: these runs are over after so few steps that each checkpoint is a large share of the "
        "training, and most texts are not of the kind that the models learn."
        if float(np.median(late)) > 2 * (KL.value or 0)
        else "",
    )


def _between_ends(paths: Sequence[Path], kl: Floats) -> Floats:
    """KL between the last checkpoints of runs."""
    ends = [int(one.run.rows[-1]) for one in paths]
    return np.array([kl[i, j] for at, i in enumerate(ends) for j in ends[:at]])


def _kl_findings(paths: Sequence[Path], kl: Floats) -> list[Finding]:
    made = []
    for at, when in enumerate(("first", "last")):
        medians = [float(np.median(one.early_and_late[at])) for one in paths]
        made.append(_of_runs(f"KL of neighbours, {when} third of the evenly spaced checkpoints", medians, UNIT))
    apart = [float(one.kl[even_part(one.run.steps)[0], -1]) for one in paths]
    made.append(_of_runs("KL of distant checkpoints, first evenly spaced one and last", apart, UNIT))
    seeds = _between_ends(paths, kl)
    if len(seeds):
        ends = (float(seeds.min()), float(seeds.max()))
        made.append(
            Finding(
                name="KL between the last checkpoints of runs",
                value=float(np.median(seeds)),
                unit=UNIT,
                n=len(seeds),
                of="run pair",
                note=f"from {_n(ends[0])} to {_n(ends[1])}",
            )
        )
    return made


def _of_runs(name: str, values: Sequence[float], unit: str = "") -> Finding:
    """The median of the runs' values; with so few runs their range stands for an interval, and is called that."""
    note = f"runs from {_n(min(values))} to {_n(max(values))}" if len(values) > 1 else "one run: no interval"
    return Finding(name=name, value=float(np.median(values)), unit=unit, n=len(values), of="run", note=note)


def _halves(found: dict[int, float]) -> tuple[float, float]:
    """Medians of the exponents that start early and late."""
    values = [found[step] for step in sorted(found)]
    half = max(1, len(values) // 2)
    return float(np.median(values[:half])), float(np.median(values[-half:]))


def _diffusion(paths: Sequence[Path]) -> dict[str, list[tuple[float, float]]]:
    """By what is meant, the early and the late exponent of each run that has windows enough."""
    found: dict[str, list[tuple[float, float]]] = {}
    for one in paths:
        for what, squared in (("log-likelihoods", one.kl), ("weights", one.weights)):
            if squared is not None and (each := one.exponents(squared)):
                found.setdefault(what, []).append(_halves(each))
    return found


def _diffusion_beside(paths: Sequence[Path]) -> Beside:
    found = _diffusion(paths)
    said = [
        f"{what} {_n(np.median(pairs, axis=0)[0])} early, {_n(np.median(pairs, axis=0)[1])} late"
        for what, pairs in found.items()
    ]
    below = [q[1] < w[1] for q, w in zip(found.get("log-likelihoods", ()), found.get("weights", ()), strict=False)]
    order = f"; log-likelihoods below weights in {sum(below)} of {len(below)} runs" if below else ""
    return Beside(
        experiment="Diffusion exponent c",
        published=DIFFUSION,
        here="; ".join(said) + order if said else "not measured: too few evenly spaced checkpoints",
        why=_why_diffusion(found),
    )


def _why_diffusion(found: dict[str, list[tuple[float, float]]]) -> str:
    if "weights" not in found or "log-likelihoods" not in found:
        return "" if "log-likelihoods" in found else "No run has ten evenly spaced checkpoints behind another."
    late = float(np.median([late for _, late in found["log-likelihoods"]]))
    if late <= 0.4:
        return ""
    return (
        "The paper's 0.2 is of models whose loss no longer falls. These runs still learn: their log-likelihoods drift "
        "in one direction, which raises c (1 is diffusion, 2 a straight way), while a falling rate of learning lowers "
        "it for both."
    )


def _diffusion_findings(paths: Sequence[Path]) -> list[Finding]:
    found, made = _diffusion(paths), []
    for what, pairs in found.items():
        for at, when in enumerate(("early", "late")):
            made.append(_of_runs(f"diffusion exponent of {what}, {when} starts", [one[at] for one in pairs]))
    if "weights" not in found:
        note = f"the bank has no {WEIGHT_DISTANCES}: weights do not ship, and log-likelihoods do not tell them"
        made.append(Finding(name="diffusion exponent of weights", value=None, n=0, of="run", note=note))
    return made


def _outlier_beside(paths: Sequence[Path]) -> Beside:
    ways = (("KL", [one.outlying for one in paths]), ("weights", [one.outlying_weights for one in paths]))
    said = []
    for what, masks in ways:
        found = [
            f"step {', '.join(map(str, one.run.steps[mask]))} of the run to {one.name}"
            for one, mask in zip(paths, masks, strict=True)
            if mask is not None and mask.any()
        ]
        if any(mask is not None for mask in masks):
            said.append(f"by {what}: {'; '.join(found) if found else 'none'}")
    total = sum(len(one.run.rows) for one in paths)
    return Beside(
        experiment="Outlier checkpoints",
        published=OUTLIER,
        here=f"{'; '.join(said)}; of {total} checkpoints in {wording.plural(len(paths), 'run')}",
    )


def _outlier_findings(paths: Sequence[Path], bank: Bank) -> list[Finding]:
    names = [bank.references[int(row)].id for one in paths for row in one.run.rows[one.outlying]]
    total = sum(len(one.run.rows) for one in paths)
    note = ", ".join(names)
    return [Finding(name="outlier checkpoints", value=float(len(names)), n=total, of="checkpoint", note=note)]


def _departure_beside(tune: Path, mains: Sequence[Path], kl: Floats) -> Beside:
    found = departure(tune, mains, kl)
    if found is None:
        here = "the run that it started from is not in the bank"
    else:
        left = "never" if found.left_at is None else f"after {tune.run.steps[found.left_at]} steps of its own"
        here = (
            f"nearest to the first checkpoint is step {found.nearest_steps[0]} (it started from step "
            f"{found.base_step}); {left} it is farther from the run than neighbours there are from each other "
            f"({_n(found.usual)}); {_n(found.to_base[-1])} from its base at the end"
        )
    return Beside(
        experiment=f"Where a fine-tune leaves its run ({tune.name})",
        published=FINE_TUNES,
        here=here,
        why=_why_far(found),
    )


def _why_far(found: Departure | None) -> str:
    if found is None or found.to_base[-1] <= 10 * (FINE_TUNES.value or 0):
        return ""
    return (
        "The paper's fine-tunes are a small part of their base's training. This one is farther from its base than "
        f"neighbours of the run are from each other by a factor of {_n(found.to_base[-1] / found.usual)}: it is "
        "training on other text rather than a finish."
    )


def _n(value: np.floating | float) -> str:
    return wording.number(float(value))
