"""How good is the judge? Error rates on held-out roots, next to simpler methods, as in Table 1 of the ABLE paper.

Every method is fitted only on calibration roots and tested only on pairs of held-out models.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from provcheck.bank import Bank
from provcheck.errors import BankError
from provcheck.evaluation.phylolm import allele_similarities
from provcheck.evaluation.weight_based import RIVALS, weight_similarities
from provcheck.types import Bools, Floats, Record
from provcheck.verdict.calibration import Calibration, calibrate, rate_interval
from provcheck.verdict.training import Pairs, documented_pairs

SEEDS = 5
ROOT_SHARE = 0.8
"""Each seed fits on this share of the calibration roots, drawn at random, with all their descendants."""

MISSING = {
    "PhyloLM": "the bank holds no sampled continuations",
    **dict.fromkeys(RIVALS, "the bank holds no similarities of weights"),
}
"""What it means when a method is not in the table."""


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


class MechanismRecall(Record):
    """How many held-out pairs of parent and child, or of other kin, the full judge called related."""

    mechanism: str
    pairs: int
    related: int
    inconclusive: int


class Evaluation(Record):
    """The table of one bank."""

    bank: str
    held_out_models: int
    independent_pairs: int
    related_pairs: int
    methods: tuple[Scores, ...]
    not_measured: dict[str, str]
    mechanisms: tuple[MechanismRecall, ...]
    audits: int
    audits_accusing: int
    features: dict[str, float]
    """AUC of each feature alone on the calibration pairs, related against independent; 0.5 is chance."""


@dataclass(frozen=True)
class Answer:
    """What a method says about the held-out pairs: a score to rank by, P(related), and whether it accuses."""

    score: Floats
    probability: Floats
    accused: Bools


Method = Callable[[Pairs, Pairs, int], Answer]


def evaluate(bank: Bank) -> Evaluation:
    """Evaluate every method on the held-out split. Raises BankError when the bank has none."""
    held = [row for row, reference in enumerate(bank.references) if reference.split == "held-out"]
    if len({root for row in held for root in bank.ancestry.roots(bank.references[row].id)}) < 2:
        raise BankError(f"the bank '{bank.manifest.name}' has fewer than two held-out roots to evaluate on")
    pairs = documented_pairs(bank)
    final = calibrate(bank, pairs=pairs)
    pairs = pairs.measured(final.facts.features)
    test = pairs.among(held)
    if len(set(test.related)) < 2:
        raise BankError(f"the held-out models of the bank '{bank.manifest.name}' are all related, or none of them are")
    answers: dict[str, list[Answer]] = defaultdict(list)
    similarities = _similarities(bank)
    for seed in range(SEEDS):
        rows = _drawn_rows(bank, seed)
        fitted = calibrate(bank, rows, pairs)
        for name, method in _methods(similarities, fitted).items():
            answers[name].append(method(pairs.among(rows), test, seed))
    return Evaluation(
        bank=bank.manifest.name,
        held_out_models=len(held),
        independent_pairs=int((~test.related).sum()),
        related_pairs=int(test.related.sum()),
        methods=tuple(_scores(name, given, test.related) for name, given in answers.items()),
        not_measured={name: why for name, why in MISSING.items() if name not in answers},
        mechanisms=_by_mechanism(bank, final, test),
        audits=len(held),
        audits_accusing=_accusing_audits(pairs, final, held),
        features=_feature_aucs(bank, pairs),
    )


def _drawn_rows(bank: Bank, seed: int) -> list[int]:
    """Rows of a random 80 % of the calibration roots with their descendants."""
    rows = [row for row, reference in enumerate(bank.references) if reference.split != "held-out"]
    roots = {row: bank.ancestry.roots(bank.references[row].id) for row in rows}
    names = sorted(frozenset().union(*roots.values()))
    drawn = set(np.random.RandomState(seed).permutation(names)[: round(ROOT_SHARE * len(names))])
    return [row for row in rows if roots[row] <= drawn]


def _similarities(bank: Bank) -> dict[str, Floats]:
    """(M, M) similarities by published method, where the bank holds what is needed for them."""
    alleles = allele_similarities(bank)
    return {**({} if alleles is None else {"PhyloLM": alleles}), **weight_similarities(bank)}


def _methods(similarities: dict[str, Floats], fitted: Calibration) -> dict[str, Method]:
    """The rows of the table, in its order."""
    methods: dict[str, Method] = {"Random": _random, "Greedy": _greedy}
    methods["Log-Likelihood"] = _one_feature("likelihood.log_kl")
    methods |= {name: _similarity(found) for name, found in similarities.items()}
    methods["ABLE paper view"] = _one_feature("able.paper_distance")
    methods["ABLE contrast view"] = _one_feature("able.contrast_distance")
    methods["Full judge"] = lambda _train, test, _seed: _judge(fitted, test)
    return methods


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


def _judge(fitted: Calibration, test: Pairs) -> Answer:
    score = _judged(fitted, test)
    return Answer(score, fitted.related.probability_of(score), score > fitted.facts.accuse_above)


def _judged(fitted: Calibration, pairs: Pairs) -> Floats:
    """(P,) scores."""
    return fitted.related.scores(pairs.columns(fitted.related.features))


def _scores(method: str, answers: list[Answer], related: Bools) -> Scores:
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


def _by_mechanism(bank: Bank, fitted: Calibration, test: Pairs) -> tuple[MechanismRecall, ...]:
    scores = _judged(fitted, test)
    groups: dict[str, list[float]] = defaultdict(list)
    for (i, j), score, related in zip(test.models, scores, test.related, strict=True):
        if related:
            first, second = bank.references[i], bank.references[j]
            child = first if second.id in first.parents else second if first.id in second.parents else None
            groups[child.mechanism if child else "other kin"].append(score)
    facts = fitted.facts
    return tuple(
        MechanismRecall(
            mechanism=mechanism,
            pairs=len(found),
            related=sum(score > facts.accuse_above for score in found),
            inconclusive=sum(facts.acquit_up_to < score <= facts.accuse_above for score in found),
        )
        for mechanism, found in sorted(groups.items())
    )


def _accusing_audits(pairs: Pairs, fitted: Calibration, held: list[int]) -> int:
    """Number of held-out models wrongly called related to some reference outside the held-out split."""
    outside = pairs.where(np.isin(pairs.models, held).sum(axis=1) == 1)
    accused = outside.models[_judged(fitted, outside) > fitted.facts.accuse_above]
    return len(set(accused.ravel()) & set(held))


def _feature_aucs(bank: Bank, pairs: Pairs) -> dict[str, float]:
    """AUC of each feature on the calibration roots only, the basis for choosing the judge's features."""
    from sklearn.metrics import roc_auc_score

    rows = [row for row, reference in enumerate(bank.references) if reference.split != "held-out"]
    chosen = pairs.among(rows)
    aucs = [float(roc_auc_score(chosen.related, column)) for column in chosen.features.T]
    return {name: round(max(auc, 1 - auc), 4) for name, auc in zip(chosen.names, aucs, strict=True)}


def markdown(evaluation: Evaluation) -> str:
    """The tables as Markdown."""
    lines = [
        f"{evaluation.held_out_models} held-out models of the bank {evaluation.bank}: {evaluation.related_pairs} "
        f"related and {evaluation.independent_pairs} independent pairs; mean and standard deviation, {SEEDS} seeds.",
        "",
        "| method | AUC | accuracy | precision | recall | F1 | false accusations (95 % interval) | calibration error |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in evaluation.methods:
        cells = (row.auc, row.accuracy, row.precision, row.recall, row.f1)
        low, high = row.false_accusation_interval
        shown = " | ".join(_with_sd(cell) for cell in cells)
        false = f"{row.false_accusation_rate[0]:.2%} ({low:.2%} to {high:.2%})"
        lines.append(f"| {row.method} | {shown} | {false} | {_with_sd(row.expected_calibration_error)} |")
    lines += [
        f"| {method} | not measured: {reason} | | | | | | |" for method, reason in evaluation.not_measured.items()
    ]
    lines += ["", "| pairs of parent and child by mechanism | pairs | related | inconclusive |", "|---|---:|---:|---:|"]
    lines += [f"| {m.mechanism} | {m.pairs} | {m.related} | {m.inconclusive} |" for m in evaluation.mechanisms]
    lines += [
        "",
        f"Each of the {evaluation.audits} held-out models was audited against the references of the other roots, none "
        f"of them its kin: {evaluation.audits_accusing} of these audits accused.",
        "",
        "| feature, on calibration pairs | AUC alone |",
        "|---|---:|",
        *(f"| {name} | {auc:.3f} |" for name, auc in evaluation.features.items()),
    ]
    return "\n".join(lines) + "\n"


def _with_sd(value: tuple[float, float]) -> str:
    return f"{value[0]:.3f} ± {value[1]:.3f}"
