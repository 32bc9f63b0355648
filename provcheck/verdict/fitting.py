"""Fit a bank's judge: one calibration for every panel of signals that the bank documents enough pairs for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from provcheck.bank import Bank
from provcheck.errors import BankError
from provcheck.signals import TABLE, directions, find_signal, signal_of
from provcheck.types import Floats, Relation
from provcheck.verdict.calibration import (
    IDENTICAL,
    MAX_NUMBER,
    RELATED,
    SAME_RECIPE,
    Calibration,
    CalibrationFacts,
    may_accuse,
)
from provcheck.verdict.panels import Calibrations, Panel, largest_first, name_of, possible_panels
from provcheck.verdict.svm import LinearSVM, fit_svm
from provcheck.verdict.training import Pairs, documented_pairs, out_of_fold_scores

Reads = Mapping[str, tuple[str, ...]]
"""Features by machine."""

MIN_INDEPENDENT, MIN_RELATED, MIN_ROOTS = 100, 30, 8
"""A panel needs at least this many documented pairs and roots before it can be fitted."""

READS: Reads = {
    RELATED: ("able.contrast_distance", "weights.kin_match"),
    IDENTICAL: ("able.contrast_distance", "weights.anchored_match", "weights.intrinsic_match"),
    SAME_RECIPE: ("able.contrast_distance", "likelihood.log_winsorised_kl", "weights.coordinate_match"),
}
"""What each SVM may read; a panel reads those of its signals. Chosen on calibration roots, of zoo-v1 as far as ABLE and
log-likelihoods go: for `related`, every further feature of theirs made the result worse, since log-likelihoods separate
another seed or size from unrelated models, but not relatives from either. The two matches tell a copy from a descendant
better than the one that is the larger. Coordinates tell the same recipe because models that share their initialisation
resemble each other in them, though they are independent."""

DOCUMENTED = (Relation.IDENTICAL, Relation.DERIVED, Relation.SAME_RECIPE, Relation.UNRELATED)

NOT_ACQUITTED = 0.02
"""A pair that scores above all but this share of the independent pairs is not acquitted."""


WITNESSES = (
    "able.contrast_distance",
    "weights.anchored_match",
    "weights.coordinate_match",
    "weights.intrinsic_match",
)
"""Of these, two must speak for an accusation where a panel has as many. Gradient descent raised an innocent model's
intrinsic match to 0.3, or its ABLE likeness to 0.6, at 0.1 nats a token, but what one rises by leaves the others."""

WITNESSED = 0.001
"""A feature speaks for kinship beyond what all but this share of the independent pairs reach."""


def calibrate(
    bank: Bank, rows: Sequence[int] | None = None, pairs: Pairs | None = None, reads: Reads = READS
) -> Calibrations:
    """Fit every panel on the documented pairs of `rows`: by default every reference that is not held out.

    `pairs`: those of the whole bank, if they are known already; `reads`: what each SVM may read. A panel with too few
    pairs or roots is left out. Raises BankError when none can be fitted.
    """
    if rows is None:
        rows = [row for row, reference in enumerate(bank.references) if reference.split != "held-out"]
    pairs = pairs.among(rows) if pairs else documented_pairs(bank, rows)
    read = [name for names in reads.values() for name in names]
    fault = BankError(f"a judge reads {', '.join(reads[RELATED])}, none of which the bank was measured by")
    fitted = []
    for panel in possible_panels([signal_of(name) for name in read if name in pairs.names]):
        try:
            fitted.append(fit_panel(bank, panel, pairs, reads))
        except BankError as error:
            fault = error  # the last panel is the smallest, and needs the least
    if not fitted:
        raise fault
    return Calibrations(largest_first(fitted))


def fit_panel(bank: Bank, panel: Panel, pairs: Pairs, reads: Reads = READS) -> Calibration:
    """Fit one panel on the pairs that were measured by all of its signals.

    Raises BankError for too few of them, and where one of the signals does not help in the way in which it should:
    then a smaller panel says the same.
    """
    reads = {machine: _of_panel(names, panel) for machine, names in reads.items()}
    pairs = pairs.measured([name for names in reads.values() for name in names])
    roots = _roots(bank, pairs)
    _check_enough(pairs, roots)
    machines = _fit(bank, pairs, reads)
    independent, related = pairs.where(~pairs.related), machines[RELATED]
    read = independent.columns(related.features)
    scores = np.sort(related.scores(read))
    facts = _facts(bank, roots, machines, scores, _highest(related, read), pairs)
    if tuple(facts.signals) != panel or not may_accuse(related.features):
        raise BankError(f"the pairs of the bank give no weight to some of {name_of(panel)}")
    union = pairs.columns(facts.features)
    return Calibration(
        facts=facts,
        machines=machines,
        low=union.min(axis=0),
        high=union.max(axis=0),
        null_scores=scores,
        null_features={name: np.sort(independent.columns([name])[:, 0]) for name in related.features},
    )


def rate_interval(events: int, trials: int) -> tuple[float, float]:
    """95 % interval of a rate (Wilson, 1927); 0 to 1 without trials."""
    from scipy.stats import binomtest

    if trials == 0:
        return 0.0, 1.0
    found = binomtest(events, trials).proportion_ci(0.95, method="wilson")
    return float(found.low), float(found.high)


def _of_panel(names: Sequence[str], panel: Panel) -> tuple[str, ...]:
    return tuple(name for name in names if signal_of(name) in panel)


def _roots(bank: Bank, pairs: Pairs) -> tuple[str, ...]:
    """The models trained from scratch that take part in these pairs."""
    references = [bank.references[row] for row in np.unique(pairs.models)]
    return tuple(one.id for one in references if one.mechanism == "from-scratch")


def _check_enough(pairs: Pairs, roots: Sequence[str]) -> None:
    if len(roots) < MIN_ROOTS:
        raise BankError(f"a judge needs at least {MIN_ROOTS} independent roots; the bank documents {len(roots)}")
    related = int(pairs.related.sum())
    independent = len(pairs.relations) - related
    if independent < MIN_INDEPENDENT or related < MIN_RELATED:
        raise BankError(
            f"a judge needs at least {MIN_INDEPENDENT} independent and {MIN_RELATED} related pairs; the bank documents "
            f"{independent} and {related}"
        )
    missing = set(DOCUMENTED) - set(pairs.relations)
    if missing:
        raise BankError(f"a judge needs pairs of every relation; the bank documents none {', '.join(sorted(missing))}")


def _fit(bank: Bank, pairs: Pairs, reads: Reads) -> dict[str, LinearSVM]:
    """One SVM for related or independent, on all pairs, and one within each for the two relations there."""
    names, related = reads[RELATED], pairs.related
    scores = out_of_fold_scores(bank, pairs, names, related) if len(names) > 1 else None
    return {
        RELATED: fit_svm(pairs.columns(names), related, directions(names), scores),
        IDENTICAL: _second_machine(pairs.where(related), Relation.IDENTICAL, reads[IDENTICAL]),
        SAME_RECIPE: _second_machine(pairs.where(~related), Relation.SAME_RECIPE, reads[SAME_RECIPE]),
    }


def _second_machine(pairs: Pairs, relation: Relation, names: tuple[str, ...]) -> LinearSVM:
    positive = np.array([found is relation for found in pairs.relations])
    return fit_svm(pairs.columns(names), positive, directions(names))


def _highest(related: LinearSVM, features: Floats) -> float:
    """The highest score of independent pairs (P, F), even if one feature were as `Signal.innocent` says it may be."""
    found = [related.scores(features)]
    for column, (name, sign) in enumerate(directions(related.features).items()):
        limit = find_signal(signal_of(name)).innocent.get(name.partition(".")[2])
        if limit is not None:
            raised = features.copy()
            raised[:, column] = sign * np.maximum(sign * raised[:, column], sign * limit)
            found.append(related.scores(raised))
    return float(np.max(found))


def _facts(
    bank: Bank,
    roots: tuple[str, ...],
    machines: Mapping[str, LinearSVM],
    null: Floats,
    highest: float,
    pairs: Pairs,
) -> CalibrationFacts:
    """Thresholds: accuse above `highest`, and only where related is more probable than not; acquit up to the score that
    98 % of the independent pairs do not exceed."""
    slope, offset = machines[RELATED].sigmoid
    even = -offset / slope if slope > 0 else np.inf
    accuse = max(min(even, MAX_NUMBER), highest)
    read = {signal_of(name) for machine in machines.values() for name in machine.features}
    return CalibrationFacts(
        bank=bank.manifest.name,
        signals={name: bank.manifest.bases[name] for name in TABLE if name in read},
        reads={name: machine.features for name, machine in machines.items()},
        roots=roots,
        independent_pairs=len(null),
        related_pairs=int(pairs.related.sum()),
        false_accusation_upper=rate_interval(0, len(null))[1],
        accuse_above=accuse,
        acquit_up_to=min(accuse, float(np.quantile(null, 1 - NOT_ACQUITTED, method="higher"))),
        witnesses=_witnesses(pairs.where(~pairs.related), [name for name in WITNESSES if signal_of(name) in read]),
        copy_limits=_copy_limits(pairs, {**directions(machines[RELATED].features + machines[IDENTICAL].features)}),
    )


def _witnesses(independent: Pairs, names: Sequence[str]) -> dict[str, float]:
    """By feature, what all but `WITNESSED` of the independent pairs do not exceed."""
    directed = directions([name for name in names if name in independent.names])
    return {
        name: sign * float(np.quantile(sign * independent.columns([name])[:, 0], 1 - WITNESSED, method="higher"))
        for name, sign in directed.items()
    }


def _copy_limits(pairs: Pairs, directed: Mapping[str, int]) -> dict[str, float]:
    """By feature, halfway from the most alike independent pair to the least alike copy, and never beyond a copy."""
    copies = np.array([found is Relation.IDENTICAL for found in pairs.relations])
    limits = {}
    for name, sign in directed.items():
        alike = sign * pairs.columns([name])[:, 0]
        least = float(alike[copies].min())
        limits[name] = sign * min(least, (least + float(alike[~pairs.related].max())) / 2)
    return limits
