"""Which model to ask: routers that know a question's words and the models' frozen ABLE embeddings.

ABLE, section 4.4 and table 2: a linear map takes frozen embeddings of questions into the space of frozen ABLE vectors;
accuracy 0.676 on EmbedLLM's data, beside 0.665 of learned embeddings, 0.605 and 0.413.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from provcheck import wording
from provcheck.bank import Bank
from provcheck.errors import StudyError
from provcheck.signals.able.values import PAPER
from provcheck.studies.material import StudyOptions, probes_of
from provcheck.studies.ridge import fit_between, numbered
from provcheck.studies.statistics import SEED, Estimate, bootstrapped
from provcheck.studies.tables import ANSWERS, read_values
from provcheck.types import Beside, Finding, Floats, Grid, Ints, Plot, Published, Question, Series, Study, StudyFigure

LEAST_MODELS, LEAST_ITEMS = 6, 40
FOLDS = 5
NEAREST_QUESTIONS = 10
WORDS, FEATURES, MODEL_FEATURES = 2000, 32, 16
PENALTY = 0.1

PUBLISHED = Published(
    text="ABLE router 0.676, learned embeddings 0.665, others 0.605 and 0.413",
    value=0.676,
    source="ABLE, section 4.4, table 2",
)
KNOWN, NEW = "models with labels", "models of families without labels"
TABLE = "A model is right where the user's table says so."
BANKS_TABLE = (
    f"A model is right where the bank's {ANSWERS} says so, which the recipe of the shipped bank fills by the highest "
    "log-likelihood a byte. Labels of your own go in with --csv (id,question,correct)."
)
SAID = {
    "chance": "a model at random",
    "single": "best single model",
    "nearest": "nearest model, nearest questions",
    "classifier": "classifier on ABLE",
    "oracle": "oracle",
}


@dataclass(frozen=True)
class Material:
    """Whether each model is right on each item (M, N), the items' texts and ABLE embeddings (M, K) of unit length."""

    correct: Floats
    texts: tuple[str, ...]
    able: Floats
    families: Ints
    about: str
    """Who says whether a model is right."""

    guess: float | None = None
    """How often somebody is right who draws an option of each question; None where the items are no probe questions."""


def run(bank: Bank, options: StudyOptions) -> Study:
    """Accuracy of each way to choose, on questions that were left out. Raises StudyError for too few labels."""
    material = _material(bank, options)
    found = {KNOWN: _route_known(material), NEW: _route_new(material)}
    return Study(
        name="routing",
        title="Model routing",
        question="Can frozen ABLE embeddings tell which model to ask?",
        section="ABLE, section 4.4",
        beside=tuple(_beside(setting, each, material) for setting, each in found.items()),
        findings=tuple(_finding(setting, way, one) for setting, each in found.items() for way, one in each.items()),
        tables=(_table(found),),
        figures=(_figure(found),),
        limits=(
            material.about,
            f"{FOLDS} folds by item; in the second setting also by family. The question's embedding is that of its "
            f"words, fitted on the other folds; its {FEATURES} numbers, the {MODEL_FEATURES} of a model and the "
            "penalty were fixed before anything was measured.",
            "Intervals draw items with replacement; the models are given.",
        ),
    )


def _material(bank: Bank, options: StudyOptions) -> Material:
    probes, path = probes_of(bank, options), options.csv or bank.checked_file(ANSWERS)
    if "able" not in bank.stacks:
        raise StudyError(f"bank '{bank.manifest.name}' has no ABLE embeddings", "build it with `--signals able`")
    if path is None:
        raise StudyError(
            f"bank '{bank.manifest.name}' holds no answers of its models ({ANSWERS})",
            "give a table with --csv (id,question,correct)",
        )
    values = read_values(path, bank, "question", "correct")
    words = {one.id: one.question for one in probes.questions}
    items = list(dict.fromkeys(question for _, question in values))
    rows = bank.rows_of("able")
    ids = [bank.references[int(row)].id for row in rows]
    table = np.array([[values.get((id, item), np.nan) for item in items] for id in ids])
    complete = np.isfinite(table).all(axis=1)
    rows, correct = rows[complete], table[complete]
    if len(rows) < LEAST_MODELS or len(items) < LEAST_ITEMS or not set(np.unique(correct)) <= {0.0, 1.0}:
        raise StudyError(
            f"{len(rows)} models have a label 0 or 1 on each of {len(items)} items; {LEAST_MODELS} and {LEAST_ITEMS} "
            "are needed",
            "give a table with --csv (id,question,correct) that has every question for every model",
        )
    stack, _ = bank.part("able", rows)
    able = stack.arrays[PAPER].astype(np.float64).sum(axis=1)
    able /= np.maximum(np.linalg.norm(able, axis=1, keepdims=True), 1e-30)
    families = numbered([bank.references[int(row)].family for row in rows])
    texts = tuple(words.get(item, item) for item in items)
    about = TABLE if options.csv else BANKS_TABLE
    return Material(correct, texts, able, families, about, _guess(probes.questions, items))


def _guess(questions: Sequence[Question], items: Sequence[str]) -> float | None:
    chances = {one.id: 1 / len(one.options) for one in questions}
    return float(np.mean([chances[item] for item in items])) if chances.keys() >= set(items) else None


def embed(texts: Sequence[str], known: Ints) -> Floats:
    """(N, D) embeddings of texts by their words: TF-IDF, reduced to the first directions of the `known` ones."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    words = TfidfVectorizer(max_features=WORDS, sublinear_tf=True).fit([texts[at] for at in known])
    weights = words.transform(texts)
    size = min(FEATURES, min(weights[known].shape) - 1)
    reduced = TruncatedSVD(size, random_state=SEED).fit(weights[known]).transform(weights)
    reduced /= np.maximum(np.linalg.norm(reduced, axis=1, keepdims=True), 1e-12)
    return np.hstack([reduced, np.full((len(texts), 1), 0.5)])


def model_features(able: Floats, known: Ints) -> Floats:
    """(M, K) directions of the known models' ABLE embeddings, and a constant."""
    centred = able - able[known].mean(axis=0)
    _, sizes, directions = np.linalg.svd(centred[known], full_matrices=False)
    kept = min(MODEL_FEATURES, int((sizes > 1e-9).sum()))
    return np.hstack([centred @ directions[:kept].T / (sizes[0] / np.sqrt(len(known))), np.ones((len(able), 1))])


def _route_known(material: Material) -> dict[str, Estimate]:
    """Accuracy by way of choosing, among models whose answers to other questions are known."""
    everyone = np.arange(len(material.able))
    chosen: dict[str, Floats] = {}
    for out, known, questions in _folds(material):
        _route(chosen, material, questions, out, known, everyone, everyone)
    return {way: _accuracy(found) for way, found in chosen.items()}


def _route_new(material: Material) -> dict[str, Estimate]:
    """The same among models of which no answer is known: those of a fifth of the families, in turn."""
    dealt = np.random.RandomState(SEED).permutation(material.families.max() + 1) % FOLDS
    total: list[dict[str, Floats]] = []
    for fold in range(min(FOLDS, int(material.families.max()) + 1)):
        new = np.flatnonzero(dealt[material.families] == fold)
        labelled = np.flatnonzero(dealt[material.families] != fold)
        if len(new) < 2 or len(labelled) < 2:
            continue
        chosen: dict[str, Floats] = {}
        for out, known, questions in _folds(material):
            _route(chosen, material, questions, out, known, labelled, new)
        total.append(chosen)
    if not total:
        return {}
    mean: dict[str, Floats] = {way: np.stack([one[way] for one in total]).mean(axis=0) for way in total[0]}
    return {way: _accuracy(found) for way, found in mean.items()}


def _accuracy(right: Floats) -> Estimate:
    """The mean over items (N,)."""
    return bootstrapped(len(right), lambda drawn: float(right[drawn].mean()))


def _folds(material: Material) -> list[tuple[Ints, Ints, Floats]]:
    """Items left out, items known, and embeddings of all, which the known ones alone decide."""
    count = len(material.texts)
    dealt = np.random.RandomState(SEED).permutation(count) % FOLDS
    parts = [(np.flatnonzero(dealt == fold), np.flatnonzero(dealt != fold)) for fold in range(FOLDS)]
    return [(out, known, embed(material.texts, known)) for out, known in parts]


def _route(
    chosen: dict[str, Floats],
    material: Material,
    questions: Floats,
    out: Ints,
    known: Ints,
    labelled: Ints,
    among: Ints,
) -> None:
    """Put down, by way of choosing, how right the choice among some models is on the items left out.

    Only labels of `labelled` models on `known` items are read. For models without labels the best single one is that
    whose nearest labelled model is the best.
    """
    labels = material.correct[np.ix_(labelled, known)]
    features = model_features(material.able, labelled)
    near = labelled_nearest(material.able, among, labelled)
    mapped = fit_between(features[labelled], questions[known], labels, PENALTY)
    likeness = questions[out] @ questions[known].T
    nearest = np.argsort(-likeness, axis=1, kind="stable")[:, :NEAREST_QUESTIONS]
    guesses = {
        "single": np.repeat(labels[near].mean(axis=1)[:, None], len(out), axis=1),
        "nearest": labels[near][:, nearest].mean(axis=2) + 1e-3 * labels[near].mean(axis=1)[:, None],
        "classifier": features[among] @ mapped @ questions[out].T,
    }
    truth = material.correct[np.ix_(among, out)]
    results = {way: truth[guess.argmax(axis=0), np.arange(len(out))] for way, guess in guesses.items()}
    results |= {"chance": truth.mean(axis=0), "oracle": truth.max(axis=0)}
    for way, values in results.items():
        chosen.setdefault(way, np.zeros(len(material.texts)))[out] = values


def labelled_nearest(able: Floats, among: Ints, labelled: Ints) -> Ints:
    """(A,) for each of some models the place in `labelled` of the one nearest in ABLE: itself where it is labelled."""
    return np.asarray((able[among] @ able[labelled].T).argmax(axis=1))


def _beside(setting: str, found: dict[str, Estimate], material: Material) -> Beside:
    said = ", ".join(f"{SAID[way]} {_said(found[way])}" for way in SAID if way in found)
    models = f"{len(material.able)} models, {len(material.texts)} items"
    return Beside(
        experiment=f"Accuracy of routing, {setting}",
        published=PUBLISHED,
        here=f"{said}; {models}" if said else "not measured: too few families",
        why=_why(setting, found, material.guess) if found else "",
    )


def _why(setting: str, found: dict[str, Estimate], guess: float | None) -> str:
    single, router, oracle = found["single"], found["classifier"], found["oracle"]
    if router.low > single.value:
        return ""
    if guess is not None and single.low <= guess:
        return (
            f"Who guesses is right on {_n(guess)} of these questions, and the best single model is not told apart from "
            "that: models so small do not know the answers, so that no choice among them can be better than another."
        )
    if single.value > 0.9 * oracle.value:
        return (
            f"One model is right on {_n(single.value)} of the items, the oracle on {_n(oracle.value)}: these labels "
            "leave next to nothing for a router to gain."
        )
    if setting == NEW:
        return (
            "Without labels of a model's own family a router knows it by its nearest ABLE neighbours alone, which "
            "belong to other families; the study `scores` shows how little these tell of what a model can do."
        )
    return "The words of an item tell little of which model is right on it."


def _said(one: Estimate) -> str:
    return f"{_n(one.value)} ({_n(one.low)} to {_n(one.high)})"


def _finding(setting: str, way: str, one: Estimate) -> Finding:
    return Finding(name=f"accuracy, {SAID[way]}, {setting}", value=one.value, ci95=one.ci95, n=one.n, of="item")


def _table(found: dict[str, dict[str, Estimate]]) -> Grid:
    rows = tuple(
        (name, *(_said(each[way]) if way in each else "" for each in found.values())) for way, name in SAID.items()
    )
    return Grid(caption="Accuracy on items left out", headings=("Choice", *found), rows=rows, numbers=(1, 2))


def _figure(found: dict[str, dict[str, Estimate]]) -> StudyFigure:
    series = []
    for setting, each in found.items():
        ways = [way for way in SAID if way in each]
        places = tuple(float(list(SAID).index(way)) for way in ways)
        ends = [tuple(getattr(each[way], end) for way in ways) for end in ("value", "low", "high")]
        series.append(Series(label=setting, x=places, y=ends[0], low=ends[1], high=ends[2]))
    reading = "How often the chosen model is right, with the 95 % interval over items."
    plot = Plot(x_label="choice", y_label="accuracy", series=tuple(series), names=tuple(SAID.values()))
    return StudyFigure(id="accuracy", heading="Accuracy of routing", reading=reading, plot=plot)


def _n(value: float) -> str:
    return wording.number(value)
