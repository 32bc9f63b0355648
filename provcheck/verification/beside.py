"""The references at hand of a report, found and measured again.

Those of the Hub are found at the commit that the report states. Others the user names; what they are called does not
matter, the digests of their weight files do.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import pairwise

from provcheck.bank import Bank
from provcheck.bank.widening import Beside, widen
from provcheck.errors import ProvcheckError
from provcheck.measuring import ModelOptions, measured
from provcheck.observer import Observer, Silent
from provcheck.policy import claims
from provcheck.references import Compared, Given
from provcheck.store import measurement_digest
from provcheck.targets import Target, find_target
from provcheck.targets.bases import find_base
from provcheck.types import AtHand, Check, Comparison, Report
from provcheck.verification.inputs import named_on_hub
from provcheck.verification.steps import failed, passed, skipped

REFERENCE = "--reference"


@dataclass
class Again:
    """Looks for the references of a report, and measures them. `names`: what the user gives for them."""

    report: Report
    names: Sequence[str]
    subject: Target
    options: ModelOptions
    observe: Observer
    found: list[Beside] = field(default_factory=list)

    def checks(self) -> Iterator[Check]:
        """One line for each reference at hand; those that repeat are then in `found`."""
        given = [find_target(name, self.options) for name in self.names]
        for place, one in enumerate(self._stated, 1):
            yield self._check(f"reference-{place}", one, given)

    @property
    def complete(self) -> bool:
        """Whether every reference at hand was found and measured."""
        return len(self.found) == len(self._stated)

    def compared(self, bank: Bank) -> Compared:
        """What the subject is compared with, as the report states it."""
        named = (*(one.id for one in self.given(bank)), *claims(self.report.subject, self.report.claimed_base))
        return Compared(widen(bank, self.found), named, self.report.unavailable)

    def given(self, bank: Bank) -> tuple[Given, ...]:
        """The references that the command of the report names, as far as it has them."""
        at_hand = {facts.subject.called: one.reference for one, facts in self._named_by("given")}
        ids = {id.lower(): id for id in bank.rows}
        known = {word: at_hand.get(word) or ids.get(word.partition("@")[0].lower()) for word in _words(self.report)}
        return tuple(Given(id, word, self.subject) for word, id in known.items() if id)

    @property
    def _stated(self) -> list[Comparison]:
        return [one for one in self.report.comparisons if one.at_hand]

    def _named_by(self, how: str) -> list[tuple[Comparison, AtHand]]:
        return [(one, one.at_hand) for one in self._stated if one.at_hand and one.at_hand.found == how]

    def _check(self, id: str, one: Comparison, given: Sequence[Target]) -> Check:
        if one.at_hand is None:
            return skipped(id, "the report does not say what it is")
        target = self._find(one.reference, one.at_hand, given)
        if target is None:
            return skipped(id, f"where {one.reference} lies is not known: name it with {REFERENCE}")
        if target.subject.weights_digest != one.at_hand.subject.weights_digest:
            return failed(id, f"the weight files of {one.reference} differ from those that the report states")
        signals = list(self.report.measurement.signals)
        measurement = measured(target, self.options, self.observe, signals)
        self.found.append(Beside(one.reference, one.at_hand, measurement))
        if measurement_digest(measurement) == one.at_hand.measurement:
            return passed(id, f"{one.reference}: the same weight files, bit for bit the same measurement")
        return skipped(id, f"{one.reference}: the same weight files, not bit for bit the same; the distances decide")

    def _find(self, id: str, stated: AtHand, given: Sequence[Target]) -> Target | None:
        """What the user names, or else what the report says of its origin; by digest, or else by name."""
        same = [one for one in given if one.subject.weights_digest == stated.subject.weights_digest]
        if found := same or [one for one in given if one.subject.id == stated.subject.id]:
            return found[0]
        with suppress(ProvcheckError):
            if named := named_on_hub(stated.subject):
                return find_target(named, self.options)
            if stated.found in ("beside", "adapter"):
                return find_base(self.subject, id, replace(self.options, offline=True), Silent())[0]
        return None


def _words(report: Report) -> list[str]:
    """The references that the command names."""
    with suppress(ValueError):
        return [word for option, word in pairwise(shlex.split(report.tool.command)) if option == REFERENCE]
    return []
