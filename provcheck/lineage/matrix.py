"""The distances of all references of a bank, as the order of references, the tree and the map go by them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from provcheck.bank import Bank, load_bank
from provcheck.errors import UsageError
from provcheck.lineage.leaves import gather
from provcheck.signals import find_signal
from provcheck.signals.stacks import exact
from provcheck.types import Floats, StrPath
from provcheck.types.notebook import data_frame


@dataclass(frozen=True, eq=False)
class DistanceMatrix:
    """Distances among M references, sorted by id.

    values: (M, M) float64, symmetric, 0 on the diagonal; NaN for a pair that the signal gives no distance of. The unit
    is that of the signal, KL in bits/byte for `likelihood`; the mean of several signals has none, 0 is the same and
    about 1 has nothing in common. left_out: ids of references without any distance.
    """

    title: str
    ids: tuple[str, ...]
    families: tuple[str, ...]
    values: Floats
    left_out: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<{len(self)} x {len(self)} distances by {self.title}>"

    def __len__(self) -> int:
        return len(self.ids)

    def between(self, first: str, second: str) -> float:
        """The distance of two references. Raises KeyError for an id that is not among them."""
        rows = {id: row for row, id in enumerate(self.ids)}
        return float(self.values[rows[first], rows[second]])

    def to_frame(self) -> Any:
        """(M, M) a pandas DataFrame with ids on both axes. Raises ImportError where pandas is not installed."""
        return data_frame(self.values, index=list(self.ids), columns=list(self.ids))


def distance_matrix(bank: Bank | StrPath, signal: str | None = None) -> DistanceMatrix:
    """The distances of all references of a bank that ships, of a bank's folder, or of a loaded one.

    By default the mean over the signals that give distances, which orders the references of a report; else that of
    one `signal`. Raises BankError, and UsageError for a signal that the bank does not have.
    """
    loaded = bank if isinstance(bank, Bank) else load_bank(bank)
    return _by_all(loaded) if signal is None else _by_one(loaded, signal)


def _by_all(bank: Bank) -> DistanceMatrix:
    leaves = gather(bank, range(len(bank.references)))
    if leaves.signal is None:
        raise UsageError(f"no signal that bank '{bank.manifest.name}' was measured by gives distances")
    families = tuple(one.family for one in leaves.references)
    return DistanceMatrix(leaves.title, tuple(leaves.ids), families, leaves.distances, leaves.left_out)


def _by_one(bank: Bank, name: str) -> DistanceMatrix:
    if name not in bank.stacks:
        known = ", ".join(bank.stacks) or "none"
        raise UsageError(f"bank '{bank.manifest.name}' has no signal {name!a}", f"its signals: {known}")
    signal, references = find_signal(name), [bank.references[row] for row in bank.rows_of(name)]
    above = np.triu(signal.all_distances(exact(bank.stacks[name])), 1)
    order = sorted(range(len(references)), key=lambda row: references[row].id)
    found = [references[row] for row in order]
    left_out = {one.id for one in bank.references} - {one.id for one in found}
    return DistanceMatrix(
        signal.title,
        tuple(one.id for one in found),
        tuple(one.family for one in found),
        np.asarray((above + above.T)[np.ix_(order, order)], dtype=np.float64),
        tuple(sorted(left_out)),
    )
