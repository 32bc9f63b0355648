"""Which references of a large bank are compared in full: the likeliest relatives by several lists.

Each list orders all references by something that is quick to look at, and each would need another disguise: answers,
neurons seen through common words, neurons as they are stored, neurons seen through the model's own attention.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain

import numpy as np

from provcheck.bank import Bank
from provcheck.signals import find_signal
from provcheck.types import Comparison, Ints, Shortlist, Sketch

SHORTLIST = 200
"""At most so many references of a large bank are compared in full, an equal share from each list. Every bank that ships
is smaller, and compared in full."""


@dataclass(frozen=True)
class Chosen:
    """Rows of the references to compare in full, and the lists that end with one of them."""

    rows: Ints
    ends: Mapping[int, tuple[str, ...]] = field(default_factory=dict)


def choose(shared: Mapping[str, Sketch], bank: Bank, always: Collection[int]) -> Chosen:
    """Of a small bank all references, else the first of each list, those at hand, and these rows.

    Where there is no list, some references are as good as others.
    """
    if not _is_large(bank):
        return Chosen(np.arange(len(bank.references)))
    lists = _lists(shared, bank.own)
    listed = chain(*lists.values()) if lists else range(SHORTLIST)
    rows = np.unique(np.array([*listed, *always, *bank.rows_at_hand], dtype=np.int64))
    last = {name: listed[-1] for name, listed in lists.items()}
    return Chosen(rows, {row: tuple(name for name in last if last[name] == row) for row in last.values()})


def _is_large(bank: Bank) -> bool:
    """Whether not all references of a bank are compared in full."""
    return len(bank.own.references) > SHORTLIST


def _leading(shared: Mapping[str, Sketch]) -> dict[str, Sketch]:
    """The signals that place models, or else the first."""
    return {name: one for name, one in shared.items() if find_signal(name).places} or dict([next(iter(shared.items()))])


def shortlist_of(shared: Mapping[str, Sketch], bank: Bank, comparisons: Sequence[Comparison]) -> Shortlist | None:
    """What the report says of a large bank: how much of it was compared in full, and by which lists it was chosen."""
    if not _is_large(bank):
        return None
    compared = {one.reference for one in comparisons if one.at_hand is None}
    unlisted = tuple(id for id in _unlisted(shared, bank.own) if id not in compared)
    return Shortlist(
        compared=len(compared),
        listed=len(bank.own.references) - len(compared) - len(unlisted),
        lists=tuple(sorted({name for one in comparisons for name in one.ends})),
        unlisted=unlisted,
    )


def _unlisted(shared: Mapping[str, Sketch], bank: Bank) -> list[str]:
    """Ids of the references that some list lacks, as its signal could not measure them."""
    missing = np.zeros(len(bank.references), dtype=bool)
    for name in _leading(shared):
        placed = find_signal(name).has_place(bank.stacks[name])
        missing[np.setdiff1d(np.arange(len(missing)), bank.rows_of(name)[placed])] = True
    return [bank.references[row].id for row in np.flatnonzero(missing)]


def _lists(shared: Mapping[str, Sketch], bank: Bank) -> dict[str, list[int]]:
    """Rows of the bank by the name of the list; each has the same share of the shortlist."""
    found: dict[str, list[int]] = {}
    for name, sketch in _leading(shared).items():
        rows, lists = bank.rows_of(name), find_signal(name).lists(sketch, bank.stacks[name], SHORTLIST)
        found |= {of: [int(rows[place]) for place in places] for of, places in lists.items()}
    share = max(1, SHORTLIST // max(1, len(found)))
    return {name: listed[:share] for name, listed in found.items()}
