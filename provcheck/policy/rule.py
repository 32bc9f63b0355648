"""What all kinds of checks share: a rule of a policy file, what it found, and how it chooses references.

`identical` and `derived` count as related, `same-recipe` and `unrelated` as independent. A reference whose relation is
inconclusive is open: it neither fails a check nor lets one pass.

Of a large bank, only a shortlist is compared in full. Whether the other references are independent or open follows from
the last ones of the shortlist (`Evidence.ends`); they are counted, never left out, and every message says how many.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Annotated, Literal

from pydantic import Field

from provcheck.policy.evidence import UNKNOWN, Evidence, Standing
from provcheck.types import Outcome, Record, Share
from provcheck.wording import listing, plural

Severity = Literal["error", "warning"]
IfNoMatch = Literal["skipped", "inconclusive", "failed"]
Name = Annotated[str, Field(min_length=1, max_length=300)]
Globs = Annotated[tuple[Name, ...], Field(min_length=1)]
EVERY = ("*",)
NOT_SHORTLISTED = "behind independent ones in every list of likely relatives"
"""Why a reference that was not compared in full counts as independent."""


@dataclass(frozen=True)
class Finding:
    """What a check found; `references` decided it."""

    outcome: Outcome
    message: str
    references: tuple[str, ...] = ()


class Rule(Record, ABC):
    """One check of a policy file. Each kind is a subclass, whose docstring says what it checks."""

    id: str | None = Field(
        default=None, pattern=r"^[a-z0-9-]+$", max_length=80, description="a name of its own; else the kind is its name"
    )
    severity: Severity = Field(default="error", description="a warning never changes the exit code")
    required: bool = Field(default=False, description="whether what cannot be judged fails")
    kind: str

    @abstractmethod
    def describe(self) -> str:
        """What it asks for, in one sentence."""

    @abstractmethod
    def evaluate(self, evidence: Evidence) -> Finding:
        """What the evidence says. What was not measured never passes."""


class Matching(Rule):
    """A rule about some of the references; a reference must match all that is given."""

    references: Globs = Field(default=EVERY, description="globs over reference ids")
    families: Globs = Field(default=EVERY, description="globs over families")
    licenses: Globs = Field(default=EVERY, description=f"globs over licenses; `{UNKNOWN}` where nobody stated one")
    excluded: tuple[Name, ...] = Field(default=(), alias="except", description="globs over ids that do not count")
    probability_at_least: Share | None = Field(
        default=None,
        description="probability of being related from which a relation counts; one below it leaves the check open",
    )
    if_no_match: IfNoMatch = Field(
        default="inconclusive", description="the outcome when no reference of the bank matches"
    )

    def chosen(self, evidence: Evidence) -> list[Standing]:
        """The references that match, nearest first."""
        return [one for one in evidence.standings if self._fits(one)]

    def counts(self, one: Standing) -> bool:
        """Whether the subject is related to it, with the required probability."""
        surely = self.probability_at_least is None or (one.probability or 0.0) >= self.probability_at_least
        return one.relation.related and surely

    def leaves_open(self, one: Standing) -> bool:
        """Whether its relation is not settled, or related with less than the required probability."""
        return one.open or (one.relation.related and not self.counts(one))

    def whom(self) -> str:
        """The references that match, in words that follow `reference`."""
        given = (("named", self.references), ("of the families", self.families), ("with the licenses", self.licenses))
        words = "".join(f" {what} {listing(globs)}" for what, globs in given if globs != EVERY)
        but = f", except {listing(self.excluded)}" if self.excluded else ""
        surely = "" if self.probability_at_least is None else f" (probability {self.probability_at_least:g} or more)"
        return words + but + surely

    def _fits(self, one: Standing) -> bool:
        pairs = ((one.id, self.references), (one.family, self.families), (one.license, self.licenses))
        return all(any_glob(name, globs) for name, globs in pairs) and not any_glob(one.id, self.excluded)


def name_of(rule: Rule) -> str:
    """The check's id, or its kind where it has none of its own."""
    return rule.id or rule.kind


def any_glob(name: str, globs: Sequence[str]) -> bool:
    """Whether any of the globs matches; upper and lower case are the same, as on the Hub."""
    return any(fnmatchcase(name.lower(), glob.lower()) for glob in globs)


def passed_if(condition: bool, message: str) -> Finding:
    """Passed or failed, with the same message."""
    return Finding(Outcome.PASSED if condition else Outcome.FAILED, message)


def no_match(outcome: IfNoMatch = "inconclusive") -> Finding:
    """There is no reference to check against."""
    return Finding(Outcome(outcome), "no reference of this bank matches")


def undecided(unsettled: Sequence[Standing], asked: float | None = None) -> Finding:
    """The evidence does not decide; the nearest of these references says why."""
    first = unsettled[0]
    if not first.compared:
        message = f"{references_in_words(unsettled)} were not compared in full, and may be as near as those that were"
    elif first.open:
        message = f"the evidence does not settle the relation to {names(unsettled)}"
    else:
        sure = "of unknown probability" if first.probability is None else f"less probable than {asked:g}"
        message = f"judged related to {names(unsettled)}, but {sure}"
    return Finding(Outcome.INCONCLUSIVE, message, ids(unsettled))


def counted(chosen: Sequence[Standing]) -> str:
    """How many references, and how many of them were not compared in full."""
    beyond = sum(not one.compared for one in chosen)
    farther = f" ({beyond:,} of them not compared in full, but {NOT_SHORTLISTED})" if beyond else ""
    return references_in_words(chosen) + farther


def references_in_words(chosen: Sequence[Standing]) -> str:
    """`1 reference`, `2 references`."""
    return plural(len(chosen), "reference")


def names(chosen: Sequence[Standing]) -> str:
    """The first ones by name."""
    return listing(ids(chosen))


def with_relations(chosen: Sequence[Standing]) -> str:
    """The first ones by name, each with its relation."""
    return _each(chosen, lambda one: one.relation.value)


def with_licenses(chosen: Sequence[Standing]) -> str:
    """The first ones by name, each with its license."""
    return _each(chosen, lambda one: f"license {one.license or UNKNOWN}")


def ids(chosen: Sequence[Standing]) -> tuple[str, ...]:
    """All of them, by id."""
    return tuple(one.id for one in chosen)


def _each(chosen: Sequence[Standing], note: Callable[[Standing], str]) -> str:
    return listing([f"{one.id} ({note(one)})" for one in chosen])
