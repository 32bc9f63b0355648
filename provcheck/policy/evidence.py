"""What checks may look at, and how the subject stands to every reference of the bank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from provcheck.types import (
    Comparison,
    MeasurementFacts,
    Reference,
    Relation,
    ServedMatch,
    Shortlist,
    Signs,
    Subject,
    Verdict,
)
from provcheck.wording import at_hand

UNKNOWN = "unknown"
"""The name for an unstated license."""


@dataclass(frozen=True)
class Standing:
    """How the subject stands to one reference; `probability` is that of being related, None if unknown.

    `compared` is False for a reference of a large bank that is not on the shortlist.
    """

    id: str
    family: str
    license: str
    relation: Relation
    probability: float | None
    compared: bool
    copy_ruled_out: bool = False
    origin: str = ""
    """Of a reference at hand, in words: that it was measured for this audit, and where it was found."""

    @property
    def open(self) -> bool:
        """Whether the evidence does not settle the relation."""
        return self.relation is Relation.INCONCLUSIVE

    @property
    def may_be_copy(self) -> bool:
        """Whether the evidence leaves it open that the subject is a copy; what is derived is none."""
        return self.open and not self.copy_ruled_out


@dataclass(frozen=True)
class Evidence:
    """The findings of one audit.

    `bank`: every reference, also those of a large bank that were not compared in full, and those at hand;
    `unavailable`: claimed bases that could not be compared, with the reasons; `shortlist`: how much of a large bank
    was compared in full; `served`: an endpoint, token by token.
    """

    subject: Subject
    measurement: MeasurementFacts
    comparisons: Sequence[Comparison]
    verdict: Verdict
    claimed_base: str | None = None
    bank: Sequence[Reference] = ()
    unavailable: Mapping[str, str] = field(default_factory=dict)
    signs: Signs | None = None
    shortlist: Shortlist | None = None
    served: Sequence[ServedMatch] = ()

    @cached_property
    def standings(self) -> tuple[Standing, ...]:
        """All references of the bank: those compared, nearest first, then the rest."""
        compared = {comparison.reference for comparison in self.comparisons}
        rest = [reference for reference in self.bank if reference.id not in compared]
        return (*map(_compared, self.comparisons), *map(self._beyond, rest))

    @cached_property
    def ends(self) -> tuple[Comparison, ...]:
        """The last references of the lists that the shortlist was chosen by.

        What was not compared in full comes behind these in every list. In the bank that ships, no documented relative
        comes behind an independent reference in every list (`tests/comparison/test_shortlist.py`). So the rest is
        independent, and no copy, if all of these are. If one is not, nothing is known about the rest.
        """
        return tuple(one for one in self.comparisons if one.ends)

    def _beyond(self, reference: Reference) -> Standing:
        """A reference that was not compared in full; one that a list lacks is open."""
        listed = bool(self.ends) and reference.id not in (self.shortlist.unlisted if self.shortlist else ())
        independent = listed and all(one.relation.independent for one in self.ends)
        return Standing(
            id=reference.id,
            family=reference.family,
            license=reference.license or UNKNOWN,
            relation=Relation.UNRELATED if independent else Relation.INCONCLUSIVE,
            probability=None,
            compared=False,
            copy_ruled_out=listed and all(one.copy_ruled_out for one in self.ends),
        )

    def find(self, id: str) -> Standing | None:
        """The reference with that id, if the bank has it; upper and lower case are the same, as on the Hub."""
        return next((one for one in self.standings if one.id.lower() == id.lower()), None)


def claims(subject: Subject, claimed_base: str | None) -> tuple[str, ...]:
    """The base models that the user, or else the card, or else the adapter says the subject comes from."""
    if claimed_base:
        return (claimed_base,)
    return subject.declared_base or ((subject.base.id,) if subject.base else ())


def _compared(comparison: Comparison) -> Standing:
    return Standing(
        id=comparison.reference,
        family=comparison.family or "",
        license=comparison.license or UNKNOWN,
        relation=comparison.relation,
        probability=comparison.related_probability,
        compared=True,
        copy_ruled_out=comparison.copy_ruled_out,
        origin=at_hand(comparison.at_hand) if comparison.at_hand else "",
    )
