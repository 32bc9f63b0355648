"""Is the subject a merge? Two related references that together explain it far better than any one alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from provcheck.bank import Bank
from provcheck.comparison.divergence import clip_floor
from provcheck.types import Comparison, Floats, Measurement, Parent, Relation, Verdict

MAX_CANDIDATES = 30
MIN_PARENT_DISTANCE = 0.1
"""Two references nearer to each other than this are one parent, not two."""

ABLE_GAIN, LOGLIK_GAIN = 0.85, 0.6
"""The residual of two parents over that of the best single one must be at most this, in both spaces.

Of the zoo's calibration models the two-parent merges reach 0.65 to 0.80 and 0.40 to 0.53; no other model reaches both.
"""


@dataclass(frozen=True)
class Fit:
    """The best pair in one space: places of the two parents, their weights, and the gain over one parent."""

    parents: tuple[int, int]
    weights: tuple[float, float]
    gain: float


def name_parents(verdict: Verdict, comparisons: Sequence[Comparison], measurement: Measurement, bank: Bank) -> Verdict:
    """The verdict with both parents, where the subject is derived and looks like a merge of two references."""
    if verdict.relation is not Relation.DERIVED:
        return verdict
    related = [c.reference for c in comparisons if c.relation is Relation.DERIVED][:MAX_CANDIDATES]
    parents = find_parents(measurement, bank, related)
    if not parents:
        return verdict
    named = " and ".join(f"{parent.reference} (weight {parent.weight:.2f})" for parent in parents)
    reason = f"It looks like a merge: {named} together explain it far better than any single reference."
    return verdict.model_copy(update={"parents": parents, "reasons": (*verdict.reasons, reason)})


def find_parents(measurement: Measurement, bank: Bank, related: Sequence[str]) -> tuple[Parent, ...]:
    """Two parents with weights, or none.

    Non-negative least squares of the subject's contrast vector on every two of the related references' vectors; the
    best two must explain the log-likelihoods too. Weights are those of the ABLE fit.
    """
    rows = {reference.id: row for row, reference in enumerate(bank.references)}
    chosen = [rows[id] for id in related]
    if len(chosen) < 2:
        return ()
    able = best_pair(_unit(measurement.contrast_blocks[None])[0], _unit(bank.contrast_blocks[chosen]))
    if able is None or able.gain > ABLE_GAIN:
        return ()
    loglik = _centred(
        np.vstack([measurement.loglik_nats[None], bank.loglik_nats[chosen]]), clip_floor(bank.loglik_nats)
    )
    if pair_gain(loglik[0], loglik[1:], able.parents) > LOGLIK_GAIN:
        return ()
    return tuple(
        Parent(reference=related[place], weight=weight)
        for place, weight in sorted(zip(able.parents, able.weights, strict=True), key=lambda both: -both[1])
    )


def best_pair(subject: Floats, others: Floats) -> Fit | None:
    """The two of the unit vectors (M, D), not near copies of each other, that fit the subject (D,) best."""
    basis, target = _reduced(subject, others)
    similar = others @ others.T
    fits = [
        (_residual(basis[:, pair], target), pair)
        for pair in combinations(range(len(others)), 2)
        if 1 - similar[pair] >= MIN_PARENT_DISTANCE
    ]
    if not fits:
        return None
    (residual, weights), pair = min(fits, key=lambda fit: fit[0][0])
    single = min(_residual(basis[:, [place]], target)[0] for place in range(len(others)))
    return Fit(pair, (float(weights[0]), float(weights[1])), residual / max(single, 1e-12))


def pair_gain(subject: Floats, others: Floats, pair: tuple[int, int]) -> float:
    """Residual of two of the vectors (M, D) over that of the best single one."""
    basis, target = _reduced(subject, others)
    single = min(_residual(basis[:, [place]], target)[0] for place in range(len(others)))
    return _residual(basis[:, pair], target)[0] / max(single, 1e-12)


def _reduced(subject: Floats, others: Floats) -> tuple[Floats, Floats]:
    """The same least-squares problems in few dimensions: the triangular factor of all the vectors."""
    triangle: Floats = np.asarray(np.linalg.qr(np.column_stack([others.T, subject]), mode="r"))
    return triangle[:, :-1], triangle[:, -1]


def _residual(basis: Floats, target: Floats) -> tuple[float, Floats]:
    from scipy.optimize import nnls

    weights, residual = nnls(basis, target)
    return float(residual), weights


def _unit(blocks: Floats) -> Floats:
    flat = blocks.reshape(len(blocks), -1).astype(np.float64)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-30))


def _centred(loglik_nats: Floats, floor: float) -> Floats:
    """Row-centred log-likelihoods over the texts that all of the models measured."""
    common = np.isfinite(loglik_nats).all(axis=0)
    clipped = np.maximum(loglik_nats[:, common].astype(np.float64), floor)
    return np.asarray(clipped - clipped.mean(axis=1, keepdims=True))
