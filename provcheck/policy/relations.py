"""Checks of the relations to the references of the bank.

Related are `identical` and `derived`, independent `same-recipe` and `unrelated`. A reference whose relation is
inconclusive is open: it neither fails a check nor lets one pass.

A large bank is compared in full with the nearest references only. Whether the others are independent or open follows
from how far away they are (`Evidence.settled_beyond`); they are counted, never left out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from provcheck.policy.evidence import UNKNOWN, Evidence, Standing
from provcheck.policy.rules import Finding, Name, Rule, listing
from provcheck.types import Outcome, Relation

Globs = Annotated[tuple[Name, ...], Field(min_length=1)]
EVERY = ("*",)
IfNoMatch = Literal["skipped", "inconclusive", "failed"]
Share = Annotated[float, Field(ge=0, le=1)]


class Matching(Rule):
    """What chooses references: all that is given must fit."""

    references: Globs = Field(default=EVERY, description="globs over reference ids")
    families: Globs = Field(default=EVERY, description="globs over families")
    licenses: Globs = Field(default=EVERY, description=f"globs over licences; `{UNKNOWN}` where nobody stated one")
    excluded: tuple[Name, ...] = Field(default=(), alias="except", description="globs over ids that do not count")
    probability_at_least: Share | None = Field(
        default=None,
        description="probability of being related from which a relation counts; one below it leaves the check open",
    )

    def chosen(self, evidence: Evidence) -> list[Standing]:
        """The references that match, nearest first."""
        return [one for one in evidence.standings if self._fits(one)]

    def counts(self, one: Standing) -> bool:
        """Whether the subject is related to it, and surely enough."""
        surely = self.probability_at_least is None or (one.probability or 0.0) >= self.probability_at_least
        return one.relation.related and surely

    def leaves_open(self, one: Standing) -> bool:
        """Whether its relation is not settled, or not as surely as asked for."""
        return one.open or (one.relation.related and not self.counts(one))

    def whom(self) -> str:
        """The references that match, in words that follow `reference`."""
        given = (("named", self.references), ("of the families", self.families), ("with the licences", self.licenses))
        words = "".join(f" {what} {listing(globs)}" for what, globs in given if globs != EVERY)
        but = f", except {listing(self.excluded)}" if self.excluded else ""
        surely = "" if self.probability_at_least is None else f" (probability {self.probability_at_least:g} or more)"
        return words + but + surely

    def _fits(self, one: Standing) -> bool:
        pairs = ((one.id, self.references), (one.family, self.families), (one.license, self.licenses))
        return all(any_glob(name, globs) for name, globs in pairs) and not any_glob(one.id, self.excluded)


class NotRelatedTo(Matching):
    """The subject is related to none of the references that match."""

    kind: Literal["not-related-to"]
    if_no_match: IfNoMatch = Field(default="skipped", description="the outcome when no reference of the bank matches")

    def describe(self) -> str:
        """One sentence."""
        return f"The model is related to no reference{self.whom()}."

    def evaluate(self, evidence: Evidence) -> Finding:
        """One related reference fails it, else an open one leaves it open."""
        chosen = self.chosen(evidence)
        if not chosen:
            return _no_match(self.if_no_match)
        if related := [one for one in chosen if self.counts(one)]:
            return Finding(Outcome.FAILED, f"related to {_relations(related)}", _ids(related))
        if unsettled := [one for one in chosen if self.leaves_open(one)]:
            return _open(unsettled, self.probability_at_least)
        return Finding(Outcome.PASSED, f"related to none of {_count(chosen)}", _ids(chosen[:1]))


class MustDescendFrom(Matching):
    """The subject is related to at least one of the references that match."""

    kind: Literal["must-descend-from"]
    if_no_match: IfNoMatch = Field(
        default="inconclusive", description="the outcome when no reference of the bank matches"
    )

    @model_validator(mode="after")
    def _names_somebody(self) -> Self:
        if (self.references, self.families, self.licenses) == (EVERY, EVERY, EVERY):
            raise PydanticCustomError("nobody_named", "name references, families or licenses that are allowed")
        return self

    def describe(self) -> str:
        """One sentence."""
        return f"The model descends from, or is, a reference{self.whom()}."

    def evaluate(self, evidence: Evidence) -> Finding:
        """One related reference is enough, else an open one leaves it open."""
        chosen = self.chosen(evidence)
        if not chosen:
            return _no_match(self.if_no_match)
        if related := [one for one in chosen if self.counts(one)]:
            return Finding(Outcome.PASSED, f"related to {_relations(related)}", _ids(related))
        if unsettled := [one for one in chosen if self.leaves_open(one)]:
            return _open(unsettled, self.probability_at_least)
        others = [one for one in evidence.standings if one.relation.related]
        instead = f"; it is related to {_relations(others)}" if others else ""
        return Finding(Outcome.FAILED, f"related to none of {_count(chosen)}{instead}", _ids(others or chosen[:1]))


class IdenticalOnlyToItself(Rule):
    """The subject is a copy of no reference but itself."""

    kind: Literal["identical-only-to-itself"]
    itself: Globs | None = Field(
        default=None, description="globs over the ids under which the bank may hold the subject; else only its own id"
    )

    def describe(self) -> str:
        """One sentence."""
        return (
            f"The model is identical to no reference but itself{f' ({listing(self.itself)})' if self.itself else ''}."
        )

    def evaluate(self, evidence: Evidence) -> Finding:
        """An identical stranger fails it, else an open one leaves it open."""
        strangers = [one for one in evidence.standings if not self._is_itself(one, evidence.subject.id)]
        if not strangers:
            return _no_match("skipped")
        if copies := [one for one in strangers if one.relation is Relation.IDENTICAL]:
            return Finding(Outcome.FAILED, f"identical to {listing([one.id for one in copies])}", _ids(copies))
        if unsettled := [one for one in strangers if one.open]:
            return _open(unsettled)
        return Finding(Outcome.PASSED, f"identical to none of {_count(strangers)}", _ids(strangers[:1]))

    def _is_itself(self, one: Standing, subject: str) -> bool:
        """A subject's own id is no glob: a model that calls itself `*` is not everybody."""
        return any_glob(one.id, self.itself) if self.itself else one.id.lower() == subject.lower()


class LicensesOfRelatives(Rule):
    """Every reference that the subject is related to has an allowed licence."""

    kind: Literal["licenses-of-relatives"]
    allowed: Globs = Field(description="globs over licences")
    unknown: Literal["inconclusive", "failed"] = Field(
        default="inconclusive", description="the outcome for a relative whose licence nobody stated"
    )

    def describe(self) -> str:
        """One sentence."""
        return f"Every reference that the model is related to has one of the licences {listing(self.allowed)}."

    def evaluate(self, evidence: Evidence) -> Finding:
        """A licence that is not allowed fails it; one unknown, or a relation that is open, may leave it open."""
        related = [one for one in evidence.standings if one.relation.related]
        unstated = [one for one in related if one.license.lower() in ("", UNKNOWN)]
        barred = [one for one in related if one not in unstated and not any_glob(one.license, self.allowed)]
        if barred:
            return Finding(Outcome.FAILED, f"related to {_licensed(barred)}", _ids(barred))
        if unstated:
            return Finding(Outcome(self.unknown), f"related to {_licensed(unstated)}", _ids(unstated))
        if unsettled := [one for one in evidence.standings if one.open and not any_glob(one.license, self.allowed)]:
            return _open(unsettled)
        if not related:
            return Finding(Outcome.SKIPPED, "related to no reference of this bank")
        return Finding(Outcome.PASSED, f"related to {_licensed(related)}", _ids(related))


def any_glob(name: str, globs: Sequence[str]) -> bool:
    """Whether any of the globs fits; upper and lower case are the same, as on the Hub."""
    return any(fnmatchcase(name.lower(), glob.lower()) for glob in globs)


def _no_match(outcome: IfNoMatch) -> Finding:
    return Finding(Outcome(outcome), "no reference of this bank matches")


def _open(unsettled: Sequence[Standing], asked: float | None = None) -> Finding:
    """The evidence does not decide; why it does not is said of the nearest."""
    first = unsettled[0]
    if not first.compared:
        message = f"{_many(unsettled)} were not compared in full, and may be as near as those that were"
    elif first.open:
        message = f"the evidence does not settle the relation to {_names(unsettled)}"
    else:
        sure = "of unknown probability" if first.probability is None else f"less probable than {asked:g}"
        message = f"judged related to {_names(unsettled)}, but {sure}"
    return Finding(Outcome.INCONCLUSIVE, message, _ids(unsettled))


def _count(chosen: Sequence[Standing]) -> str:
    """How many they are, and how many of them lie beyond the nearest."""
    beyond = sum(not one.compared for one in chosen)
    farther = f" ({beyond} of them farther away than those that were compared in full)" if beyond else ""
    return _many(chosen) + farther


def _many(chosen: Sequence[Standing]) -> str:
    return f"{len(chosen)} reference" + ("" if len(chosen) == 1 else "s")


def _names(chosen: Sequence[Standing]) -> str:
    return listing([one.id for one in chosen])


def _relations(chosen: Sequence[Standing]) -> str:
    return _each(chosen, lambda one: one.relation.value)


def _licensed(chosen: Sequence[Standing]) -> str:
    return _each(chosen, lambda one: f"licence {one.license or UNKNOWN}")


def _each(chosen: Sequence[Standing], note: Callable[[Standing], str]) -> str:
    return listing([f"{one.id} ({note(one)})" for one in chosen])


def _ids(chosen: Sequence[Standing]) -> tuple[str, ...]:
    return tuple(one.id for one in chosen)
