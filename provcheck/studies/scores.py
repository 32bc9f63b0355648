"""Scores of models predicted from their coordinates by ridge regression, each time for models that were left out.

ABLE, section 4.5, table 3 and figure 6: five benchmarks of the Open LLM Leaderboard, leave-one-out, Spearman's rho.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from provcheck import wording
from provcheck.bank import Bank
from provcheck.errors import StudyError
from provcheck.signals.able.values import CONTRAST, PAPER
from provcheck.signals.likelihood.divergence import row_centred
from provcheck.studies.material import Likelihoods, StudyOptions, likelihoods_of, probes_of
from provcheck.studies.ridge import numbered, predict_left_out
from provcheck.studies.statistics import RESAMPLES, SEED, Estimate, correlation, shuffled
from provcheck.studies.tables import SCORES, read_values
from provcheck.types import Beside, Finding, Floats, Grid, Ints, Plot, ProbeSet, Published, Series, Study, StudyFigure

LEAST_MODELS, LEAST_FAMILIES = 12, 4
DOMAINS = (
    "The bank holds no benchmark scores. A task is a domain of its texts: bits a byte on every second text of it, none "
    "of which is in the coordinates (the log-likelihoods' are the other texts)."
)
TABLE = "A score is what the user's table says."
BANKS_TABLE = (
    f"A score is what the bank's {SCORES} says. Tasks made of the probe questions are not new to ABLE, which was "
    "measured on these questions, though not told the right answers."
)
LEAST_TEXTS = 10
"""Held-out texts of a domain that make a task."""

PUBLISHED = Published(text="rho 0.81 to 0.89, leave-one-out, ABLE", value=0.86, source="ABLE, section 4.5, table 3")
WAYS = ("leave-one-out", "leave-family-out")


@dataclass(frozen=True)
class Material:
    """Scores (M, T) of M models on tasks, their coordinates (M, K) by kind, and the number of each one's family."""

    tasks: tuple[str, ...]
    scores: Floats
    coordinates: dict[str, Floats]
    families: Ints
    about: str
    """What a score is."""


@dataclass(frozen=True)
class Predicted:
    """Spearman's rho of a task's scores with the predictions, and the p-value over orders of models or families."""

    task: str
    rho: Estimate
    p_value: float
    predictions: Floats


def run(bank: Bank, options: StudyOptions) -> Study:
    """Predict every task from every kind of coordinates, in both ways. Raises StudyError for too few models."""
    material = _material(bank, options)
    found = {(kind, way): _predict(material, kind, way) for kind in material.coordinates for way in WAYS}
    return Study(
        name="scores",
        title="Scores from coordinates",
        question="Can a model's scores be predicted from its coordinates, without testing it?",
        section="ABLE, section 4.5",
        beside=tuple(_beside(kind, found, material) for kind in material.coordinates),
        findings=tuple(_finding(kind, way, one) for (kind, way), all in found.items() for one in all),
        tables=(_table(found, material),),
        figures=(_figure(found, material),),
        limits=(
            material.about,
            "Near copies of a model stay in the training set of leave-one-out, so that it is easy; leave-family-out "
            "is what a new model meets. The penalty is chosen inside each training set.",
            "Intervals draw models, or families, with replacement.",
        ),
    )


def _material(bank: Bank, options: StudyOptions) -> Material:
    known, probes = likelihoods_of(bank, LEAST_MODELS), probes_of(bank, options)
    half = np.arange(len(probes.texts)) % 2 == 0
    path = options.csv or bank.checked_file(SCORES)
    if path is None:
        tasks, scores = _domains(known, probes, np.flatnonzero(~half))
        coordinate_texts, rows, about = np.flatnonzero(half), known.rows, DOMAINS
    else:
        tasks, scores, rows = _from_table(bank, path)
        coordinate_texts, about = np.arange(len(probes.texts)), TABLE if options.csv else BANKS_TABLE
    kept, coordinates = _coordinates(bank, known, rows, coordinate_texts)
    complete = np.isfinite(scores[kept]).all(axis=1)
    families = numbered([bank.references[int(row)].family for row in rows[kept][complete]])
    if len(families) < LEAST_MODELS or families.max() + 1 < LEAST_FAMILIES:
        raise StudyError(
            f"scores and coordinates are known of {len(families)} models; {LEAST_MODELS} of {LEAST_FAMILIES} families "
            "are needed",
            "give a table with --csv (id,task,score) that has every task for more references",
        )
    chosen = {kind: values[complete] for kind, values in coordinates.items()}
    return Material(tasks, scores[kept][complete], chosen, families, about)


def _domains(known: Likelihoods, probes: ProbeSet, held_out: Ints) -> tuple[tuple[str, ...], Floats]:
    """Log-likelihood in bits a byte of the held-out texts of each domain, of those that every model measured."""
    held_out = held_out[np.isfinite(known.nats[:, held_out]).all(axis=0)]
    names = [_domain(probes.texts[int(at)].domain) for at in held_out]
    size = np.array([len(probes.texts[int(at)].text.encode()) for at in held_out], dtype=np.float64)
    tasks, columns = [], []
    for name in dict.fromkeys(names):
        own = np.array([one == name for one in names])
        if own.sum() >= LEAST_TEXTS:
            tasks.append(name)
            columns.append(known.nats[:, held_out[own]].sum(axis=1) / size[own].sum() / np.log(2))
    if not tasks:
        raise StudyError("no domain of the probes has texts enough for a task", "give scores with --csv")
    return tuple(tasks), np.stack(columns, axis=1)


def _domain(name: str) -> str:
    """The languages are one domain: there are too few texts of each."""
    return name.partition("-")[0] if name.startswith("multilingual") else name


def _from_table(bank: Bank, path: Path) -> tuple[tuple[str, ...], Floats, Ints]:
    values = read_values(path, bank, "task", "score")
    tasks = tuple(dict.fromkeys(task for _, task in values))
    rows = np.array(sorted({bank.rows[id] for id, _ in values}), dtype=np.int64)
    ids = [bank.references[int(row)].id for row in rows]
    return tasks, np.array([[values.get((id, task), np.nan) for task in tasks] for id in ids]), rows


def _coordinates(bank: Bank, known: Likelihoods, rows: Ints, texts: Ints) -> tuple[Ints, dict[str, Floats]]:
    """Places in `rows` of the models with all coordinates, and these by kind."""
    place = {int(row): at for at, row in enumerate(known.rows)}
    kept = [at for at, row in enumerate(rows) if int(row) in place]
    stack, found = bank.part("able", rows[kept]) if "able" in bank.stacks else (None, np.arange(len(kept)))
    kept_rows = np.array(kept, dtype=np.int64)[found]
    nats = known.nats[[place[int(row)] for row in rows[kept_rows]]][:, texts]
    coordinates = {"log-likelihoods": row_centred(nats, known.mean_bytes)}
    if stack is not None:
        views = {"ABLE, paper's view": PAPER, "ABLE, contrast view": CONTRAST}
        coordinates |= {view: unit(stack.arrays[name].astype(np.float64).sum(axis=1)) for view, name in views.items()}
    return kept_rows, coordinates


def unit(vectors: Floats) -> Floats:
    """(M, K) each scaled to unit length."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-30))


def _predict(material: Material, kind: str, way: str) -> list[Predicted]:
    by_family = way == WAYS[1]
    groups = material.families if by_family else np.arange(len(material.families))
    predicted = predict_left_out(material.coordinates[kind], material.scores, groups)
    return [
        Predicted(task, _rho(score, guess, groups), _p_value(score, guess, groups), guess)
        for task, score, guess in zip(material.tasks, material.scores.T, predicted.T, strict=True)
    ]


def _rho(score: Floats, guess: Floats, groups: Ints) -> Estimate:
    """Spearman's rho, with the interval of resamples of groups."""
    stream, members = np.random.RandomState(SEED), [np.flatnonzero(groups == one) for one in np.unique(groups)]
    samples = []
    for _ in range(RESAMPLES):
        drawn = np.concatenate([members[one] for one in stream.randint(len(members), size=len(members))])
        samples.append(spearman(score[drawn], guess[drawn]))
    low, high = np.nanpercentile(samples, [2.5, 97.5])
    return Estimate(spearman(score, guess), float(low), float(high), len(members))


def spearman(first: Floats, second: Floats) -> float:
    """Spearman's rho."""
    from scipy.stats import rankdata

    return correlation(rankdata(first), rankdata(second))


def _p_value(score: Floats, guess: Floats, groups: Ints) -> float:
    """Share of orders of the groups' mean scores that fit the groups' mean predictions as well."""
    from scipy.stats import rankdata

    sizes = np.bincount(groups)
    truth, said = (rankdata(np.bincount(groups, one) / sizes) for one in (score, guess))
    _, p = shuffled(truth.astype(np.int64), lambda order: correlation(order.astype(np.float64), said))
    return p


def _beside(kind: str, found: dict[tuple[str, str], list[Predicted]], material: Material) -> Beside:
    said = []
    for way in WAYS:
        values = [one.rho.value for one in found[kind, way]]
        said.append(f"{way} {_n(min(values))} to {_n(max(values))} (median {_n(float(np.median(values)))})")
    return Beside(
        experiment=f"Scores predicted from {kind}, Spearman's rho",
        published=PUBLISHED if kind.startswith("ABLE") else None,
        here=f"{'; '.join(said)}; {len(material.tasks)} tasks, {len(material.families)} models, "
        f"{material.families.max() + 1} families",
        why=_why(found, kind) if kind.startswith("ABLE") else "",
    )


def _why(found: dict[tuple[str, str], list[Predicted]], kind: str) -> str:
    easy, hard = (float(np.median([one.rho.value for one in found[kind, way]])) for way in WAYS)
    if easy - hard < 0.1:
        return ""
    return (
        f"Leave-one-out may copy the score of a near copy of the model: without its family the median falls from "
        f"{_n(easy)} to {_n(hard)}. The paper reports leave-one-out alone."
    )


def _finding(kind: str, way: str, one: Predicted) -> Finding:
    return Finding(
        name=f"rho, {one.task}, from {kind}, {way}",
        value=one.rho.value,
        ci95=one.rho.ci95,
        n=one.rho.n,
        of="family" if way == WAYS[1] else "model",
        note=f"p = {_n(one.p_value)} over orders of {'families' if way == WAYS[1] else 'models'}",
    )


def _table(found: dict[tuple[str, str], list[Predicted]], material: Material) -> Grid:
    columns = list(found)
    rows = tuple(
        (task, *(_n(found[column][at].rho.value) for column in columns)) for at, task in enumerate(material.tasks)
    )
    headings = ("Task", *(f"{kind}, {way}" for kind, way in columns))
    return Grid(caption="Spearman's rho", headings=headings, rows=rows, numbers=tuple(range(1, len(headings))))


def _figure(found: dict[tuple[str, str], list[Predicted]], material: Material) -> StudyFigure:
    series = []
    for (kind, way), predicted in found.items():
        if way == WAYS[1]:
            rhos = [one.rho for one in predicted]
            series.append(
                Series(
                    label=kind,
                    x=tuple(float(at) for at in range(len(rhos))),
                    y=tuple(one.value for one in rhos),
                    low=tuple(one.low for one in rhos),
                    high=tuple(one.high for one in rhos),
                )
            )
    reading = "How well the order of models by score is predicted when the model's whole family is left out."
    plot = Plot(x_label="task", y_label="Spearman's rho", series=tuple(series), names=material.tasks)
    return StudyFigure(id="rho", heading="Predicted and true scores", reading=reading, plot=plot)


def _n(value: float) -> str:
    return wording.number(value)
