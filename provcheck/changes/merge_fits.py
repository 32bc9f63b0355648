"""Each kind of merge fitted to a model's matrices, to see what it leaves.

With parents p, a base b and changes d = p - b, a matrix of a merge is
    linear           sum of w p, where the w sum to 1 and none is below 0
    task arithmetic  b + sum of w d, which is a sum of w p with weights that sum to 1 as well
    SLERP            (sin((1 - t) a) p + sin(t a) q) / sin a, of two parents at the angle a: those weights sum to more
    TIES             b + the weighted mean of those d that are, each among its own, of the largest, and have the sign
                     elected at that place; exactly b where no d is of the largest
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import combinations
from typing import Literal

import numpy as np

from provcheck.changes.grids import precision_bits, rounded_to
from provcheck.types import Bools, Floats

PARALLEL = 0.9995
"""Cosine above which common programs for SLERP take the line in place of the arc."""

FEWEST_ZEROS = 0.05
"""Share of weights equal to the base's from which changes may have been trimmed."""

MOST = 2**19
"""Weights of a matrix that are fitted, evenly spaced; an odd step takes them from all columns."""

SAME = 1e-12
"""Squared distance of the parents, over their squared length, up to which a matrix says nothing."""

Form = Literal["affine", "arc", "trimmed"]


@dataclass(frozen=True)
class Hypothesis:
    """A formula. `origin`: the parent whose weight is 1 less all others; `others`: those parents; numbers."""

    form: Form
    origin: int
    others: tuple[int, ...]


@dataclass(frozen=True, eq=False)
class Fit:
    """What a hypothesis leaves of a matrix, squared, and the normal equations of the weights of its other parents."""

    left: float
    products: Floats
    towards: Floats

    def __add__(self, other: Fit) -> Fit:
        return Fit(self.left + other.left, self.products + other.products, self.towards + other.towards)


@dataclass(eq=False)
class Fits:
    """Sums over matrices: fits, squared length of what rounding leaves, squared distance to the nearest parent."""

    parents: int
    rounding: float = 0.0
    nearest: float = 0.0
    sums: dict[Hypothesis, Fit] = field(default_factory=dict)

    def add(self, tensors: Floats) -> None:
        """Fit one matrix, (P + 1, N) float64, the model's own last. Each has weights of its own.

        Where the parents do not differ, or the model's is exactly one of theirs, it fits all formulas.
        """
        tensors = tensors[:, :: tensors.shape[1] // MOST | 1]
        parents, own = tensors[:-1], tensors[-1]
        if _squared(parents - parents.mean(axis=0)) <= SAME * _squared(parents):
            return
        nearest = float(((parents - own) ** 2).sum(axis=1).min())
        if not nearest:
            return
        self.rounding += _rounding(own)
        self.nearest += nearest
        for one in _hypotheses(len(parents)):
            fit = FITTED[one.form](parents[one.origin], parents[list(one.others)], own)
            self.sums[one] = self.sums[one] + fit if one in self.sums else fit

    def best(self) -> list[Hypothesis]:
        """Of each form the one that leaves least."""
        forms = dict.fromkeys(one.form for one in self.sums)
        return [min((one for one in self.sums if one.form == form), key=self.residual) for form in forms]

    def residual(self, hypothesis: Hypothesis) -> float:
        """What it leaves, over the distance to the nearest parent."""
        return float(np.sqrt(self.sums[hypothesis].left / max(self.nearest, 1e-300)))

    @property
    def rounding_residual(self) -> float:
        """What rounding leaves, over the same."""
        return float(np.sqrt(self.rounding / max(self.nearest, 1e-300)))

    def weights(self, hypothesis: Hypothesis) -> Floats:
        """(P,) one a parent, over all matrices."""
        found, fit = np.zeros(self.parents), self.sums[hypothesis]
        found[list(hypothesis.others)] = _least_squares(fit.products, fit.towards)
        found[hypothesis.origin] = 1 - found.sum()
        return found


def _hypotheses(count: int) -> Iterator[Hypothesis]:
    numbers = range(count)
    yield Hypothesis("affine", 0, tuple(numbers[1:]))
    for one, two in combinations(numbers, 2):
        yield Hypothesis("arc", one, (two,))
    if count > 2:
        yield from (Hypothesis("trimmed", base, tuple(n for n in numbers if n != base)) for base in numbers)


def _affine(origin: Floats, others: Floats, own: Floats) -> Fit:
    """Least squares with weights that sum to 1."""
    apart, change = others - origin, own - origin
    return Fit(_left(apart, change), apart @ apart.T, apart @ change)


def _arc(origin: Floats, others: Floats, own: Floats) -> Fit:
    """The point of the arc in the direction that least squares give; of nearly parallel parents the line, if better."""
    apart = others - origin
    cosine = float(origin @ others[0] / max(np.sqrt(_squared(origin) * _squared(others)), 1e-300))
    angle, line = float(np.arccos(np.clip(cosine, -1, 1))), _affine(origin, others, own)
    if not 0 < angle < np.pi:
        return line
    basis = np.stack([origin, apart[0]])
    total, second = _least_squares(basis @ basis.T, basis @ own)
    share = float(np.arctan2(second * np.sin(angle), total - second + second * cosine) / angle)
    first, second = np.sin((1 - share) * angle) / np.sin(angle), np.sin(share * angle) / np.sin(angle)
    left = _squared(own - (first + second) * origin - second * apart[0])
    if cosine > PARALLEL and line.left < left:
        return line
    return Fit(left, line.products, line.products[0] * share)


def _trimmed(origin: Floats, others: Floats, own: Floats) -> Fit:
    """Least squares at all places where the same changes agree; the exact zeros show which changes were kept."""
    changes, change = others - origin, own - origin
    change = np.where(own == rounded_to(origin, precision_bits(own)), 0, change)
    if not FEWEST_ZEROS <= (change == 0).mean() < 1:
        return Fit(_squared(change), np.zeros((len(others), len(others))), np.zeros(len(others)))
    agree = _agreeing(changes, change)
    groups, left = (agree << np.arange(len(changes))[:, None]).sum(axis=0), 0.0
    for group in np.unique(groups):
        members = [bool(group >> bit & 1) for bit in range(len(changes))]
        left += _left(changes[members][:, groups == group], change[groups == group])
    everyone = changes[:, agree.all(axis=0)]
    return Fit(left, everyone @ everyone.T, everyone @ change[agree.all(axis=0)])


FITTED: dict[Form, Callable[[Floats, Floats, Floats], Fit]] = {"affine": _affine, "arc": _arc, "trimmed": _trimmed}
"""From the origin (N,), the others (P', N) and the model's own matrix (N,)."""


def _agreeing(changes: Floats, change: Floats) -> Bools:
    """(D, N) which changes are kept, and have the model's sign; where it has none, that of the largest one."""
    sizes = np.abs(changes)
    kept = sizes >= [[_cut(row, change != 0)] for row in sizes]
    largest = np.take_along_axis(changes, (sizes * kept).argmax(axis=0)[None], axis=0)[0]
    sign = np.sign(np.where(change != 0, change, largest))
    return np.asarray(kept & (np.sign(changes) == sign))


def _cut(sizes: Floats, changed: Bools) -> float:
    """The size from which on a change was kept: there hardly any place is unchanged, and below it several are."""
    order = np.argsort(-sizes)
    score = np.cumsum(np.where(changed[order], FEWEST_ZEROS, -1.0))
    return float(sizes[order[score.argmax()]]) if score.max() > 0 else np.inf


def _left(rows: Floats, wanted: Floats) -> float:
    """Squared length of what least squares of (N,) on (R, N) leave."""
    return _squared(wanted - _least_squares(rows @ rows.T, rows @ wanted) @ rows)


def _least_squares(products: Floats, towards: Floats) -> Floats:
    """(R,) weights of rows from their products and those with what is wanted; small ones where rows are dependent."""
    return np.asarray(np.linalg.lstsq(products, towards, rcond=1e-13)[0])


def _rounding(values: Floats) -> float:
    """Squared length of the rounding of these numbers: a twelfth of the square of the last place of each."""
    last = np.frexp(values[values != 0])[1] - precision_bits(values)
    return float((4.0**last).sum() / 12)


def _squared(values: Floats) -> float:
    return float(np.vdot(values, values))
