"""The methods of the table of error rates: simple ones, and every panel of the judge; and what each is rated by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from provcheck.bank import Bank
from provcheck.evaluation.phylolm import allele_similarities
from provcheck.evaluation.weight_based import RIVALS, weight_similarities
from provcheck.signals import signal_of
from provcheck.types import Bools, Floats, Record
from provcheck.verdict.calibration import Calibration
from provcheck.verdict.fitting import rate_interval
from provcheck.verdict.panels import Calibrations
from provcheck.verdict.training import Pairs

ALONE = {
    "Log-Likelihood": "likelihood.log_kl",
    "ABLE paper view": "able.paper_distance",
    "ABLE contrast view": "able.contrast_distance",
    "Weights, anchored match": "weights.anchored_match",
}
"""Features that are a method of their own."""


MISSING = {
    "PhyloLM": "the bank holds no sampled continuations",
    **dict.fromkeys(RIVALS, "the bank holds no similarities of weights"),
}
"""What it means when a method is not in the table."""

BESIDE = (("able", "likelihood"), ("weights",))
"""The panels whose recall by mechanism is counted beside that of the largest."""


class Scores(Record):
    """One method, mean and standard deviation over seeds."""

    method: str
    auc: tuple[float, float]
    accuracy: tuple[float, float]
    precision: tuple[float, float]
    recall: tuple[float, float]
    f1: tuple[float, float]
    false_accusation_rate: tuple[float, float]
    false_accusation_interval: tuple[float, float]
    expected_calibration_error: tuple[float, float]


@dataclass(frozen=True)
class Answer:
    """What a method says about the held-out pairs: a score to rank by, P(related), and whether it accuses."""

    score: Floats
    probability: Floats
    accused: Bools


Method = Callable[[Pairs, Pairs, int], Answer]


def similarities_of(bank: Bank) -> dict[str, Floats]:
    """(M, M) similarities by published method, where the bank holds what is needed for them."""
    alleles = allele_similarities(bank)
    return {**({} if alleles is None else {"PhyloLM": alleles}), **weight_similarities(bank)}


def methods_of(similarities: Mapping[str, Floats], fitted: Calibrations, signals: Sequence[str]) -> dict[str, Method]:
    """The rows of the table, in its order: what goes by these signals, and every panel of them, the smallest first."""
    methods: dict[str, Method] = {"Random": _random}
    if "able" in signals:
        methods["Greedy"] = _greedy
    methods |= {name: _similarity(found) for name, found in similarities.items()}
    methods |= {name: _one_feature(feature) for name, feature in ALONE.items() if signal_of(feature) in signals}
    panels = [one for one in reversed(fitted.panels) if set(one.signals) <= set(signals)]
    return methods | {f"Judge: {' + '.join(one.signals)}": _by_panel(one) for one in panels}


def _random(_train: Pairs, test: Pairs, seed: int) -> Answer:
    """A fair coin."""
    score = np.random.RandomState(seed).uniform(size=len(test.models))
    return Answer(score, score, score > 0.5)


def _greedy(_train: Pairs, test: Pairs, _seed: int) -> Answer:
    """Every model is related to its one nearest neighbour in ABLE's paper view, and to nothing else."""
    distance = test.columns(["able.paper_distance"])[:, 0]
    nearest = np.zeros(len(distance), dtype=bool)
    for model in np.unique(test.models):
        with_it = np.flatnonzero((test.models == model).any(axis=1))
        nearest[with_it[np.argmin(distance[with_it])]] = True
    return Answer(nearest.astype(float), nearest.astype(float), nearest)


def _one_feature(name: str) -> Method:
    return lambda train, test, _seed: _curve(train.columns([name])[:, 0], train.related, test.columns([name])[:, 0])


def _similarity(similarities: Floats) -> Method:
    def method(train: Pairs, test: Pairs, _seed: int) -> Answer:
        (i, j), (k, m) = train.models.T, test.models.T
        return _curve(similarities[i, j], train.related, similarities[k, m])

    return method


def _curve(train: Floats, related: Bools, test: Floats) -> Answer:
    """A logistic curve through one number; accused above one half."""
    from sklearn.linear_model import LogisticRegression

    mean, scale = train.mean(), max(float(train.std()), 1e-9)
    x, asked = ((values[:, None] - mean) / scale for values in (train, test))
    curve = LogisticRegression(solver="newton-cholesky", class_weight="balanced").fit(x, related)
    probability = curve.predict_proba(asked)[:, 1]
    return Answer(probability, probability, probability > 0.5)


def _by_panel(panel: Calibration) -> Method:
    def method(_train: Pairs, test: Pairs, _seed: int) -> Answer:
        score = scores_by(panel, test)
        return Answer(score, panel.related.probability_of(score), panel.accused(test.columns))

    return method


def scores_by(panel: Calibration, pairs: Pairs) -> Floats:
    """(P,) scores."""
    return panel.related.scores(pairs.columns(panel.related.features))


def score(method: str, answers: list[Answer], related: Bools) -> Scores:
    """Rate the answers of all seeds."""
    from sklearn.metrics import roc_auc_score

    columns = [
        (float(roc_auc_score(related, a.score)), *_rates(a.accused, related), _calibration_error(a, related))
        for a in answers
    ]
    mean, sd = np.mean(columns, axis=0), np.std(columns, axis=0)
    auc, accuracy, precision, recall, f1, false, ece = ((float(m), float(s)) for m, s in zip(mean, sd, strict=True))
    independent = int((~related).sum())
    return Scores(
        method=method,
        auc=auc,
        accuracy=accuracy,
        precision=precision,
        recall=recall,
        f1=f1,
        false_accusation_rate=false,
        false_accusation_interval=rate_interval(round(false[0] * independent), independent),
        expected_calibration_error=ece,
    )


def _rates(accused: Bools, related: Bools) -> tuple[float, float, float, float, float]:
    """Accuracy, precision, recall, F1 and false-accusation rate; an abstention accuses nobody."""
    hits, false = int((accused & related).sum()), int((accused & ~related).sum())
    precision = hits / max(1, hits + false)
    recall = hits / max(1, int(related.sum()))
    f1 = 2 * precision * recall / max(1e-9, precision + recall)
    return float((accused == related).mean()), precision, recall, f1, false / max(1, int((~related).sum()))


def _calibration_error(answer: Answer, related: Bools) -> float:
    """Expected calibration error over ten bins of P(related) (Naeini et al., 2015)."""
    bins = np.minimum((answer.probability * 10).astype(int), 9)
    gaps = [
        abs(float(answer.probability[bins == b].mean() - related[bins == b].mean())) * float((bins == b).mean())
        for b in np.unique(bins)
    ]
    return float(sum(gaps))
