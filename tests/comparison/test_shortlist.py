"""Of a large bank only the nearest are compared in full: which documented relatives does that leave out?

A known limit, kept in sight here: the fingerprint of weights goes through common words, so a model whose tokenizer was
exchanged may be far from its parent in every distance, although its neurons, compared one by one, give it away.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from provcheck.bank import Bank, load_bank
from provcheck.comparison import SHORTLIST
from provcheck.signals import find_signal
from provcheck.signals.stacks import sketch_at

KNOWN_MISSES = 2
"""Of all ordered pairs: one that the judge, comparing in full, calls derived, and one that it calls unrelated."""


@pytest.fixture(scope="module")
def zoo() -> Bank:
    return load_bank("zoo-v2")


def relatives(bank: Bank, row: int) -> set[int]:
    """References that are documented as related to this one."""
    ids = [one.id for one in bank.references]
    found = {other for other, id in enumerate(ids) if bank.ancestry.relation(ids[row], id).related}
    return found - {row}


def best_ranks(bank: Bank, row: int) -> dict[int, int]:
    """The place of each reference among the nearest to this one, by the signal that puts it first."""
    ranks: dict[int, int] = {}
    for name, stack in bank.stacks.items():
        signal, rows = find_signal(name), bank.rows_of(name)
        own = np.flatnonzero(rows == row)
        if not signal.places or not len(own):
            continue
        nearest = signal.nearest(sketch_at(signal, stack, int(own[0])), stack, len(rows))
        for rank, place in enumerate(nearest):
            other = int(rows[place])
            ranks[other] = min(rank, ranks.get(other, rank))
    return ranks


def ranks_of_relatives(bank: Bank) -> Iterator[int]:
    for row in range(len(bank.references)):
        ranks = best_ranks(bank, row)
        yield from (ranks.get(other, len(bank.references)) for other in relatives(bank, row))


def test_few_documented_relatives_are_beyond_the_shortlist(zoo: Bank) -> None:
    """Once it is none, the bound may be 0; it must not grow."""
    ranks = list(ranks_of_relatives(zoo))
    assert len(ranks) > 500
    assert sum(rank >= SHORTLIST for rank in ranks) <= KNOWN_MISSES
