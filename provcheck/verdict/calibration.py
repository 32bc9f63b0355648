"""The calibration of one panel: fitted SVMs, thresholds and null distributions, as plain numbers.

A *panel* is a set of signals that are read together, at least one of which may accuse.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field

from provcheck.bank import Bank
from provcheck.signals import TABLE, directions, find_signal, signal_of
from provcheck.types import Basis, Bools, Count, Floats, Number, Record, Relation, Share
from provcheck.verdict.svm import LinearSVM

RELATED, IDENTICAL, SAME_RECIPE = "related", "identical", "same_recipe"

RANGE_MARGIN = 0.1
"""Features may lie beyond those of the farthest calibration pairs by this share of their range."""

WITNESSES_NEEDED = 2
"""Features that must speak for an accusation; one alone can be forged by an optimiser that knows how it is computed."""

MAX_NUMBER = 1e12
"""Limit for the numbers of a calibration; far beyond what a fit produces."""


class CalibrationFacts(Record):
    """What a panel was fitted on, what it reads, and where its thresholds lie."""

    bank: str
    signals: dict[str, Basis] = Field(description="how the signals that it reads were measured")
    reads: dict[str, tuple[str, ...]] = Field(description="features of each machine, as signal.feature")
    roots: tuple[str, ...]
    independent_pairs: Count
    related_pairs: Count
    false_accusation_upper: Share
    accuse_above: Number = Field(description="score above which two models are called related")
    acquit_up_to: Number = Field(description="score up to which they are called independent")
    copy_limits: dict[str, Number] = Field(
        description="by feature: two models less alike in all of these are no copies"
    )

    witnesses: dict[str, Number] = Field(
        default_factory=dict, description="by feature: a pair more alike than this is hardly ever independent"
    )

    @property
    def features(self) -> tuple[str, ...]:
        """All features that the panel reads, without duplicates."""
        return tuple(dict.fromkeys([*(name for names in self.reads.values() for name in names), *self.witnesses]))


@dataclass(frozen=True)
class Calibration:
    """Everything that turns the features of one panel into relations.

    low, high: (F,) range of the calibration pairs, for the features of `facts`; null_scores: sorted scores of the
    independent pairs; null_features: their sorted values by feature.
    """

    facts: CalibrationFacts
    machines: Mapping[str, LinearSVM]
    low: Floats
    high: Floats
    null_scores: Floats
    null_features: Mapping[str, Floats]

    @property
    def signals(self) -> tuple[str, ...]:
        """The signals that it reads."""
        return tuple(self.facts.signals)

    @property
    def related(self) -> LinearSVM:
        """The SVM that separates related from independent pairs."""
        return self.machines[RELATED]

    def can_judge(self, features: Mapping[str, float]) -> bool:
        """Whether all that it reads is known of a pair."""
        return all(name in features for name in self.facts.features)

    def probabilities(self, features: Mapping[str, float]) -> dict[Relation, float]:
        """Of the four relations; they sum to 1."""
        related, identical, same_recipe = (
            self.machines[name].probability(features) for name in (RELATED, IDENTICAL, SAME_RECIPE)
        )
        return {
            Relation.IDENTICAL: related * identical,
            Relation.DERIVED: related * (1 - identical),
            Relation.SAME_RECIPE: (1 - related) * same_recipe,
            Relation.UNRELATED: (1 - related) * (1 - same_recipe),
        }

    def out_of_range(self, features: Mapping[str, float]) -> tuple[str, ...]:
        """The features in which no calibration pair was as far apart, nor nearly.

        Nothing is too near: there the relation is only clearer, as for a copy among models of which none is one.
        """
        values = np.array([features[name] for name in self.facts.features])
        rises = np.array(list(directions(self.facts.features).values())) > 0
        margin = RANGE_MARGIN * (self.high - self.low)
        inside = np.where(rises, values >= self.low - margin, values <= self.high + margin)
        return tuple(name for name, fits in zip(self.facts.features, inside, strict=True) if not fits)

    def accused(self, columns: Callable[[Sequence[str]], Floats]) -> Bools:
        """(P,) which of some pairs are called related: they score high enough, and have the witnesses.

        `columns`: names of features -> their values (P, len(names)).
        """
        names = tuple(self.facts.witnesses)
        limits, signs = np.array([*self.facts.witnesses.values()]), np.array([*directions(names).values()])
        found = (signs * (columns(names) - limits) > 0).sum(axis=1)
        high = self.related.scores(columns(self.related.features)) > self.facts.accuse_above
        return np.asarray(high & (found >= min(WITNESSES_NEEDED, len(names))))

    def accuses(self, features: Mapping[str, float]) -> bool:
        """Whether a pair is called related."""
        return bool(self.accused(lambda names: np.array([[features[name] for name in names]]))[0])

    def rules_out_copy(self, features: Mapping[str, float]) -> bool:
        """Whether two models are less alike than copies in every feature that tells; one alone can be disguised."""
        return set(self.unlike_copies(features)) == set(self.facts.copy_limits)

    def unlike_copies(self, features: Mapping[str, float]) -> tuple[str, ...]:
        """The features in which two models are less alike than copies."""
        beyond = self._beyond(np.array([features[name] for name in self.facts.copy_limits]))
        return tuple(name for name, found in zip(self.facts.copy_limits, beyond, strict=True) if found)

    def rules_out_copies(self, features: Floats) -> Bools:
        """(P,) whether each of the pairs with features (P, L) is no copy, in the order of `copy_limits`."""
        return np.asarray(self._beyond(features).all(axis=1))

    def _beyond(self, features: Floats) -> Bools:
        """(..., L) whether features are beyond their limits."""
        limits = np.array(list(self.facts.copy_limits.values()))
        signs = np.array(list(directions(self.facts.copy_limits).values()))
        return np.asarray(signs * (features - limits) < 0)

    def fits(self, bank: Bank) -> bool:
        """Whether its signals were measured like the bank's, and a fit could give its numbers."""
        facts, count = self.facts, (len(self.facts.features),)
        nulls = [self.null_scores, *self.null_features.values()]
        return (
            self.measured_like(bank)
            and set(self.machines) == {RELATED, IDENTICAL, SAME_RECIPE}
            and set(facts.features) <= _known_features(facts.signals)
            and {signal_of(name) for name in facts.features} == set(facts.signals)
            and may_accuse(self.related.features)
            and set(facts.copy_limits) == {*self.related.features, *self.machines[IDENTICAL].features}
            and all(machine.is_sound(MAX_NUMBER) for machine in self.machines.values())
            and all(machine.is_monotone(directions(machine.features)) for machine in self.machines.values())
            and all(array.shape == count for array in (self.low, self.high))
            and set(self.null_features) == set(self.related.features)
            and all(array.shape == (facts.independent_pairs,) and len(array) > 0 for array in nulls)
            and all(_is_bounded(array) for array in (*nulls, self.low, self.high))
        )

    def measured_like(self, bank: Bank) -> bool:
        """Whether the bank was measured by all of its signals, in the same way."""
        return all(bank.manifest.bases.get(name) == basis for name, basis in self.facts.signals.items())

    def arrays(self) -> dict[str, Floats]:
        """The numbers by name, for a file."""
        found = {"low": self.low, "high": self.high, "null_scores": self.null_scores}
        found |= {f"null.{name}": values for name, values in self.null_features.items()}
        for name, machine in self.machines.items():
            found |= machine.arrays(name)
        return found

    @classmethod
    def from_arrays(cls, facts: CalibrationFacts, arrays: Mapping[str, Floats]) -> Calibration:
        """The calibration of these facts. Raises KeyError or ValueError for arrays that do not hold one."""
        return cls(
            facts=facts,
            machines={name: LinearSVM.from_arrays(name, reads, arrays) for name, reads in facts.reads.items()},
            low=arrays["low"],
            high=arrays["high"],
            null_scores=arrays["null_scores"],
            null_features={name: arrays[f"null.{name}"] for name in facts.reads[RELATED]},
        )


def may_accuse(features: Iterable[str]) -> bool:
    """Whether one of the features is of a signal that may accuse."""
    return any(find_signal(signal_of(name)).accuses for name in features)


def _known_features(signals: Iterable[str]) -> set[str]:
    """Everything that a judge can read from a comparison of these signals."""
    return {f"{name}.{one}" for name in signals if name in TABLE for one in find_signal(name).feature_names}


def _is_bounded(array: Floats) -> bool:
    return array.dtype.kind == "f" and bool((np.abs(array) <= MAX_NUMBER).all())
