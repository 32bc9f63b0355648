"""References at hand: what the user names with --reference, and the base that a model is claimed to descend from.

They are measured like the model itself, and stand beside the bank's references for this one audit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from provcheck.bank import Bank
from provcheck.bank.widening import Beside, said_of_reference, widen
from provcheck.errors import ProvcheckError, UsageError
from provcheck.io.spelling import did_you_mean
from provcheck.io.text import clean
from provcheck.measuring import ModelOptions, find_comparable, measured
from provcheck.observer import Observer
from provcheck.store import measurement_digest
from provcheck.targets import Target
from provcheck.targets.bases import find_base
from provcheck.types import AtHand, Found, Measurement, Subject
from provcheck.wording import FOUND

DIGITS = 12
"""Of a digest, in the id of a reference whose own id another model has."""

SWITCHED_OFF = "it is not in this bank, and --no-claimed-reference leaves it out"


@dataclass(frozen=True)
class Given:
    """A reference that the user named.

    `id`: what it is called in this audit, `called`: in the command that repeats it; `in_bank`: the bank has this very
    model.
    """

    id: str
    called: str
    target: Target
    in_bank: bool = False

    @property
    def note(self) -> str:
        """What the user should know about its name; empty where it has its own."""
        if self.in_bank:
            return f"the reference {self.id} is in the bank already, with the same weight files"
        own = self.target.subject.id
        return "" if self.id == own else f"another model is called {own} too: the reference is {self.id} in this audit"


@dataclass(frozen=True)
class Compared:
    """What a subject is compared with: the bank, widened by the references at hand.

    `named`: ids that were named before anything was measured; `unavailable`: claimed bases that are not among the
    references, with the reasons.
    """

    bank: Bank
    named: tuple[str, ...] = ()
    unavailable: Mapping[str, str] = field(default_factory=dict)


def find_references(names: Sequence[str], bank: Bank, subject: Subject, options: ModelOptions) -> tuple[Given, ...]:
    """Find the references that the user names, each once, and give each an id of its own.

    Raises ProvcheckError where one cannot be found, or cannot be compared with the bank.
    """
    found: list[Given] = []
    for name in names:
        target = _find(name, bank, options)
        one = _given(target, bank, (subject, *(given.target.subject for given in found)))
        if one.id.lower() not in {given.id.lower() for given in found}:
            found.append(one)
    return tuple(found)


def measure_references(
    given: Iterable[Given],
    claims: Iterable[str],
    bank: Bank,
    subject: Target,
    options: ModelOptions,
    observe: Observer,
    *,
    claimed: bool = True,
) -> Compared:
    """Measure the references that the user names, then the claimed bases that can be had, unless not `claimed`.

    Raises ProvcheckError for a reference that the user named. A claimed base that cannot be had has a reason instead.
    """
    given, claims = tuple(given), tuple(claims)
    found = [_measured(one.id, one.target, "given", options, observe) for one in given if not one.in_bank]
    known = {id.lower() for id in (*bank.rows, *(one.id for one in found))}
    unavailable: dict[str, str] = {}
    for claim in claims:
        if claim.lower() in known:
            continue
        known.add(claim.lower())
        try:
            found += [_claimed(claim, bank, subject, options, observe)] if claimed else []
            unavailable |= {} if claimed else {claim: SWITCHED_OFF}
        except ProvcheckError as error:
            unavailable[claim] = clean(error.message) or type(error).__name__
    return Compared(widen(bank, found), (*(one.id for one in given), *claims), unavailable)


def check_claim(claim: str, compared: Compared) -> None:
    """Raise UsageError where the base that the user claims is not at hand: nothing would check the claim."""
    if claim not in compared.unavailable:
        return
    bank = compared.bank
    raise UsageError(
        f"the claimed base {claim} is no reference of the bank {bank.manifest.name}, and it cannot be measured "
        f"({compared.unavailable[claim]}){did_you_mean(claim, bank.rows)}",
        "correct --claimed-base (`provcheck bank show` lists a bank's references), or name a model with --reference",
    )


def _find(name: str, bank: Bank, options: ModelOptions) -> Target:
    """`--revision` is that of the model; a reference states its own as `org/name@revision`."""
    manifest = bank.manifest
    with said_of_reference(name):
        return find_comparable(
            manifest.bases, manifest.name, name, replace(options, revision=None, max_requests=0), manifest.called
        )


def _given(target: Target, bank: Bank, others: Sequence[Subject]) -> Given:
    """The id is the reference's own, unless another model has it: then a part of its digest tells them apart."""
    own, called = target.subject, target.subject.called
    entry = next((one for one in bank.references if one.id.lower() == own.id.lower()), None)
    if entry and own.weights_digest and entry.weights_digest == own.weights_digest:
        return Given(entry.id, called, target, in_bank=True)
    namesakes = [one.weights_digest for one in others if one.id.lower() == own.id.lower()]
    namesakes += [entry.weights_digest] if entry else []
    if all(own.weights_digest and one == own.weights_digest for one in namesakes):
        return Given(own.id, called, target)
    if own.weights_digest is None:
        raise UsageError(
            f"another model is called '{own.id}' too, and nothing tells the two apart: no weight files are known",
            "give the reference as a model, not as a measurement",
        )
    return Given(f"{own.id}@{own.weights_digest[:DIGITS]}", called, target)


def _claimed(claim: str, bank: Bank, subject: Target, options: ModelOptions, observe: Observer) -> Beside:
    """The claimed base under the name of the claim. Raises ProvcheckError where it does not fit the bank, too."""
    target, found = find_base(subject, claim, options, observe)
    one = _measured(claim, target, found, options, observe)
    widen(bank, [one])
    return one


def _measured(id: str, target: Target, found: Found, options: ModelOptions, observe: Observer) -> Beside:
    observe.note(f"measuring {'the reference' if found == 'given' else 'the claimed base'} {id}{FOUND[found]}")
    return beside(id, measured(target, options, observe), found)


def beside(id: str, measurement: Measurement, found: Found) -> Beside:
    """A measured reference under that id."""
    facts = AtHand(subject=measurement.subject, measurement=measurement_digest(measurement), found=found)
    return Beside(id, facts, measurement)
