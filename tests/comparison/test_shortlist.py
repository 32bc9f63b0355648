"""Of a large bank only a shortlist is compared in full: does it leave out documented relatives?

The bank that ships is compared in full, so the lists are tried on it as if it were large.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from provcheck.bank import Bank, load_bank
from provcheck.comparison.shortlist import SHORTLIST
from provcheck.signals import find_signal
from provcheck.signals.stacks import sketch_at
from provcheck.types import Bools, Ints

pytestmark = pytest.mark.slow

LISTS = 4
SHARE = 20
"""Of 175 references; by distances alone, a list of 100 still left two relatives out."""


@pytest.fixture(scope="module")
def zoo() -> Bank:
    return load_bank("zoo-v2")


@pytest.fixture(scope="module")
def ranks(zoo: Bank) -> dict[str, Ints]:
    """(M, M) for each list: the place of each reference on that of each; M where it has none."""
    found: dict[str, Ints] = {}
    for signal, stack in ((find_signal(name), stack) for name, stack in zoo.stacks.items()):
        if not signal.places:
            continue
        rows = zoo.rows_of(signal.name)
        for place, row in enumerate(rows):
            for name, listed in signal.lists(sketch_at(signal, stack, place), stack, len(rows)).items():
                of_list = found.setdefault(name, np.full((len(zoo.references),) * 2, len(zoo.references)))
                of_list[row, rows[list(listed)]] = np.arange(len(listed))
    return found


@pytest.fixture(scope="module")
def related(zoo: Bank) -> Bools:
    """(M, M) which two are documented as related."""
    ids = [one.id for one in zoo.references]
    found = np.array([[zoo.ancestry.relation(one, other).related for other in ids] for one in ids])
    np.fill_diagonal(found, False)
    return found


def independent_before(ranks: Ints, related: Bools) -> Iterator[int]:
    """For each documented relative: how many independent references come before it on one list."""
    for row in range(len(ranks)):
        others = ~related[row] & (np.arange(len(ranks)) != row)
        yield from np.searchsorted(np.sort(ranks[row][others]), ranks[row][related[row]])


def test_no_documented_relative_is_beyond_the_shortlist(ranks: dict[str, Ints], related: Bools) -> None:
    """Not even on lists of twenty, less than half of their share."""
    assert len(ranks) == LISTS and SHARE < SHORTLIST // LISTS
    assert related.sum() > 1000
    best = np.minimum.reduce(list(ranks.values()))
    assert (best[related] >= SHARE).sum() == 0


def test_no_relative_comes_behind_independent_references_in_every_list(ranks: dict[str, Ints], related: Bools) -> None:
    """So what lies beyond the shortlist is independent, if the last references of all lists are."""
    before = [np.fromiter(independent_before(one, related), dtype=np.int64) for one in ranks.values()]
    assert len(before[0]) == related.sum()
    assert (np.minimum.reduce(before) > 0).sum() == 0


def test_each_list_finds_relatives_that_the_others_miss(ranks: dict[str, Ints], related: Bools) -> None:
    before = {name: np.fromiter(independent_before(one, related), dtype=np.int64) for name, one in ranks.items()}
    missed = {name: int((np.minimum.reduce([b for n, b in before.items() if n != name]) > 0).sum()) for name in before}
    print({name: int((one > 0).sum()) for name, one in before.items()}, "without:", missed)
    assert sum(count > 0 for count in missed.values()) >= 3
