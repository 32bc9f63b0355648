"""A first, uncalibrated judge: is the subject nearer to a reference than independent models ever are in this bank?

It has no error rates and says so; a calibrated judge takes its place where a bank has one. It looks at distances only:
those of the first signal that may accuse and, for independent models, those of the first that may not.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from provcheck.bank import Bank
from provcheck.signals import all_signals, find_signal
from provcheck.signals.contract import Signal
from provcheck.types import Comparison, Interval, JudgeFacts, NotMeasured, Relation, SignalValues

RELATED_SHARE = 0.85
"""Related: the whole interval lies below this share of the smallest distance between independent references."""

INDEPENDENT_SHARE = 0.90
"""Independent: the whole interval lies above this share of it. Between the two the rule does not decide."""

IDENTICAL_DISTANCE = 0.05
"""Identical: related, and the whole interval lies below this."""

MIN_PAIRS = 3
MAX_REFERENCES = 300
"""Number of references of a large bank, evenly spaced, that the pairs are made from."""

BETWEEN = "The distance lies between those of related and of independent models, where this rule does not decide."

NAME = "margin rule (not calibrated)"


@dataclass(frozen=True)
class MarginRule:
    """How near independent models of the bank come to each other.

    lead: the signal that may accuse, smallest: the smallest distance of `pairs` documented independent pairs in it;
    behaviour: the signal that may not, smallest_behaviour: the smallest distance of documented unrelated pairs in that.
    None where the bank has no such signal, or too few pairs.
    """

    pairs: int
    lead: str | None
    smallest: float | None
    behaviour: str | None = None
    smallest_behaviour: float | None = None
    digest: str | None = None
    limitation: str = (
        "The rule that judges here has no calibrated error rates yet; treat every relation as a lead to follow, not as "
        "proof."
    )

    @classmethod
    def from_bank(cls, bank: Bank) -> MarginRule:
        """Read the independent pairs off the bank's documented lineage."""
        known = [signal for signal in all_signals().values() if signal.name in bank.stacks]
        lead = next((signal for signal in known if signal.accuses), None)
        behaviour = next((signal for signal in known if not signal.accuses), None)
        rows = np.unique(np.linspace(0, len(bank.references) - 1, MAX_REFERENCES).astype(int))
        between = _distances(bank, lead, rows, (Relation.SAME_RECIPE, Relation.UNRELATED))
        unrelated = _distances(bank, behaviour, rows, (Relation.UNRELATED,))
        enough = len(between) >= MIN_PAIRS
        return cls(
            pairs=len(between),
            lead=lead.name if lead else None,
            smallest=min(between) if enough else None,
            behaviour=behaviour.name if behaviour else None,
            smallest_behaviour=min(unrelated) if enough and unrelated else None,
        )

    @property
    def panels(self) -> tuple[tuple[str, ...], ...]:
        """The signals that it looks at; what the second says is welcome, and not needed."""
        names = tuple(name for name in (self.lead, self.behaviour) if name)
        return (names, names[:1]) if self.lead else ()

    def facts(self, judged: Sequence[Comparison]) -> JudgeFacts:
        """Its name; it has no error rates to state."""
        return JudgeFacts(name=NAME)

    def judge(self, comparisons: Sequence[Comparison], signals: Collection[str]) -> tuple[Comparison, ...]:
        """The comparisons with relations; probabilities and p-values stay None, since the rule has none."""
        return tuple(
            one.model_copy(
                update={"relation": self._relation(one, signals), "copy_ruled_out": self._rules_out_copy(one, signals)}
            )
            for one in comparisons
        )

    def _rules_out_copy(self, comparison: Comparison, signals: Collection[str]) -> bool:
        """Whether the whole interval lies beyond what is called related."""
        found = _distance(comparison, self.lead) if self.lead in signals else None
        if found is None or self.smallest is None or comparison.same_weights:
            return False
        return found.low >= RELATED_SHARE * self.smallest

    def _relation(self, comparison: Comparison, signals: Collection[str]) -> Relation:
        if comparison.same_weights:
            return Relation.IDENTICAL
        found = _distance(comparison, self.lead) if self.lead in signals else None
        if found is None or self.smallest is None:
            return Relation.INCONCLUSIVE
        if found.high < RELATED_SHARE * self.smallest:
            return Relation.IDENTICAL if found.high < IDENTICAL_DISTANCE else Relation.DERIVED
        if found.low > INDEPENDENT_SHARE * self.smallest:
            return self._independent(_distance(comparison, self.behaviour) if self.behaviour in signals else None)
        return Relation.INCONCLUSIVE

    def _independent(self, behaviour: Interval | None) -> Relation:
        """Nearer in behavior than unrelated references ever are, but with independent weights: the same recipe."""
        near = behaviour and self.smallest_behaviour is not None and behaviour.value < self.smallest_behaviour
        return Relation.SAME_RECIPE if near else Relation.UNRELATED

    def explain(self, comparison: Comparison) -> tuple[str, ...]:
        """Why it was judged so, in plain sentences."""
        if comparison.same_weights:
            return ("The weight files are byte for byte those of the reference.",)
        if self.lead is None:
            return ("The bank was measured by no signal that shows descent.",)
        values, signal = comparison.signals.get(self.lead), find_signal(self.lead)
        if not isinstance(values, SignalValues):
            why = values.not_measured if isinstance(values, NotMeasured) else "no reason is stated"
            return (f"{signal.title} could not be compared: {why}.",)
        if self.smallest is None:
            return (
                f"The bank documents only {self.pairs} pairs of independent models; at least {MIN_PAIRS} are needed "
                "to know how far apart independent models lie. Models that nobody documents do not count.",
            )
        undecided = comparison.relation is Relation.INCONCLUSIVE
        return (
            *([BETWEEN] if undecided else []),
            *signal.reasons(values, comparison.reference),
            f"The nearest two of the bank's {self.pairs} pairs of independent models are {self.smallest:.3f} apart.",
            "This rule has no calibrated error rates yet.",
        )


def _distances(bank: Bank, signal: Signal | None, rows: np.ndarray, relations: tuple[Relation, ...]) -> list[float]:
    """Distances of the documented pairs of these relations among some references."""
    if signal is None:
        return []
    stack, places = bank.part(signal.name, rows)
    distances = signal.all_distances(stack)
    ids = [bank.references[rows[place]].id for place in places]
    return [
        float(distances[first, second])
        for first, second in combinations(range(len(ids)), 2)
        if np.isfinite(distances[first, second]) and bank.ancestry.relation(ids[first], ids[second]) in relations
    ]


def _distance(comparison: Comparison, signal: str | None) -> Interval | None:
    values = comparison.signals.get(signal) if signal else None
    return find_signal(signal).distance(values) if signal and isinstance(values, SignalValues) else None
