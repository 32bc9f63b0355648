"""Is the subject a merge? Two related references that together explain it far better than any one alone.

All signals that have linear coordinates must agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from provcheck.bank import Bank
from provcheck.signals import all_signals
from provcheck.signals.contract import LinearView
from provcheck.types import Comparison, Floats, Measurement, Parent, Relation, Verdict

MAX_CANDIDATES = 30
MIN_PARENT_DISTANCE = 0.1
"""Two references nearer to each other than this, by the cosine of their coordinates, are one parent, not two."""


@dataclass(frozen=True)
class Fit:
    """The best pair in one space: indexes of the two parents, their weights, and the gain over one parent."""

    parents: tuple[int, int]
    weights: tuple[float, float]
    gain: float


def name_parents(verdict: Verdict, comparisons: Sequence[Comparison], measurement: Measurement, bank: Bank) -> Verdict:
    """The verdict with both parents, where the subject is derived and looks like a merge of two references."""
    if verdict.relation is not Relation.DERIVED:
        return verdict
    related = [c.reference for c in comparisons if c.relation is Relation.DERIVED][:MAX_CANDIDATES]
    return with_parents(verdict, find_parents(measurement, bank, related))


def with_parents(verdict: Verdict, parents: tuple[Parent, ...]) -> Verdict:
    """The verdict with these parents in place of its own, and the sentence that names them."""
    if not parents:
        return verdict
    named = " and ".join(f"{parent.reference} (weight {parent.weight:.2f})" for parent in parents)
    reason = f"It looks like a merge: {named} together explain it far better than any single reference."
    others = verdict.reasons[:-1] if verdict.parents else verdict.reasons
    return verdict.model_copy(update={"parents": parents, "reasons": (*others, reason)})


def find_parents(measurement: Measurement, bank: Bank, related: Sequence[str]) -> tuple[Parent, ...]:
    """Two parents with weights, or none.

    Non-negative least squares of the subject on every pair of related references, in the coordinates of the signal that
    yields the weights; the best pair must explain the subject in all other coordinates too.
    """
    views = _views(measurement, bank, related)
    if len(views) < 2:
        return ()  # the limits on the gain hold for several signals together; one alone names false parents
    lead = next((view for view in views if view.names_weights), None)
    best = best_pair(lead.subject, lead.others) if lead else None
    if lead is None or best is None or best.gain > lead.gain:
        return ()
    if any(pair_gain(one.subject, one.others, best.parents) > one.gain for one in views if one is not lead):
        return ()
    return tuple(
        Parent(reference=related[place], weight=weight)
        for place, weight in sorted(zip(best.parents, best.weights, strict=True), key=lambda both: -both[1])
    )


def best_pair(subject: Floats, others: Floats) -> Fit | None:
    """The two among the unit vectors (M, D), not near copies of each other, that best fit the subject (D,)."""
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


def _views(measurement: Measurement, bank: Bank, related: Sequence[str]) -> list[LinearView]:
    """The linear coordinates of all signals that measured the subject and every candidate."""
    rows = [bank.rows[id] for id in related]
    views = []
    for name, signal in all_signals().items():
        sketch = measurement.sketches.get(name)
        if (
            len(rows) < 2
            or sketch is None
            or name not in bank.stacks
            or sketch.facts.basis != bank.manifest.bases[name]
        ):
            continue
        stack, measured = bank.part(name, rows)
        if len(measured) == len(rows) and (view := signal.linear_view(sketch, stack)):
            views.append(view)
    return views


def _reduced(subject: Floats, others: Floats) -> tuple[Floats, Floats]:
    """The same least-squares problems in few dimensions: the triangular factor of all the vectors."""
    triangle: Floats = np.asarray(np.linalg.qr(np.column_stack([others.T, subject]), mode="r"))
    return triangle[:, :-1], triangle[:, -1]


def _residual(basis: Floats, target: Floats) -> tuple[float, Floats]:
    """Non-negative least squares with one or two columns: the free solution if it is allowed, else one column alone."""
    weights: Floats = np.linalg.lstsq(basis, target, rcond=None)[0]
    if len(weights) == 2 and (weights < 0).any():
        alone = np.maximum(basis.T @ target, 0) / np.maximum((basis**2).sum(axis=0), np.finfo(float).tiny)
        weights = min(np.diag(alone), key=lambda one: float(np.linalg.norm(basis @ one - target)))
    weights = np.maximum(weights, 0)
    return float(np.linalg.norm(basis @ weights - target)), weights
