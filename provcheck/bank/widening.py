"""References at hand: for one audit they stand behind a bank's own, in memory; no number of the bank moves.

They are kept in the precision of a bank, so that a pair has the numbers that it would have if the reference were added.
Where they come from is not documented, so they neither calibrate nor count as independent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from provcheck.bank.ancestry import UNDOCUMENTED
from provcheck.bank.editing import appended, check_fits_bank, rows_for
from provcheck.bank.folder import Bank, stack_fits
from provcheck.bank.saving import Rows, entry_of
from provcheck.errors import BankError, IncompatibleError
from provcheck.types import AtHand, Measurement, Reference, Stack


@dataclass(frozen=True)
class Beside:
    """A reference at hand, measured: the id that it has in this audit, and what it is."""

    id: str
    facts: AtHand
    measurement: Measurement


def widen(bank: Bank, beside: Sequence[Beside]) -> Bank:
    """The bank with these references behind its own, whatever order they come in.

    Raises IncompatibleError or BankError where one does not fit.
    """
    for one in sorted(beside, key=lambda one: one.id):
        bank = _with(bank, one)
    return bank


def _with(bank: Bank, one: Beside) -> Bank:
    with said_of_reference(one.id):
        check_fits_bank(bank, one.measurement)
    rows = {name: rows_for(bank, name, one.id, one.measurement) for name in bank.stacks}
    entry = entry_of(_reference(one), one.measurement, rows)
    stacks = {name: _longer(stack, name, one, rows[name]) for name, stack in bank.stacks.items()}
    manifest = bank.manifest.model_copy(update={"references": (*bank.references, entry)})
    return replace(bank, manifest=manifest, stacks=stacks, at_hand={**bank.at_hand, one.id: one.facts}, narrow=bank.own)


@contextmanager
def said_of_reference(name: str) -> Iterator[None]:
    """What cannot be compared is this reference, not the subject."""
    try:
        yield
    except IncompatibleError as error:
        why = error.message.removeprefix("the subject ")
        raise IncompatibleError(f"the reference '{name}' {why}", error.hint) from None


def _reference(one: Beside) -> Reference:
    """A family of its own."""
    return Reference(id=one.id, family=one.id, mechanism=UNDOCUMENTED, license=one.measurement.subject.license)


def _longer(stack: Stack, signal: str, one: Beside, rows: Rows | None) -> Stack:
    """The stack with one more model at the end, if the signal measured it."""
    if rows is None:
        return stack
    values = one.measurement.sketches[signal].facts.values
    alone = Stack(stack.context, (values,), {name: array[None] for name, array in rows.items()})
    if not stack_fits(signal, alone):
        raise BankError(f"the reference '{one.id}' has numbers that no bank can hold", "measure the model again")
    return Stack(stack.context, (*stack.values, values), appended(stack.arrays, rows))
