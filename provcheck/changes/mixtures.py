"""Is a model a merge of given parents? Least squares of its tensors on theirs, and the weights picked from one of them.

A linear merge is a weighted mean, SLERP nearly one, task arithmetic one with the common base among the parents (whose
weight makes the sum 1). TIES takes most weights from one parent or the base, unchanged, so they are counted too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from provcheck import wording
from provcheck.changes.merge_fits import Fits
from provcheck.changes.merge_kinds import find_kind
from provcheck.changes.tensor_names import Names
from provcheck.types import Floats, Ints, MergeKind, Mixture

ROWS = 512
"""Rows of a tensor that are read for it, evenly spaced."""

MERGED = 0.5
"""Residual, over the distance to the nearest parent, up to which a mixture explains the model."""

PICKED, FROM_EACH = 0.4, 0.05
"""Share of weights, of those in which the parents differ, from which a model is picked from them, and from how many of
these at least two must have given one."""

LEAST_SHARE = 0.05
"""Weight, of the largest, from which at least two parents must contribute."""

CLOSE = 2.0**-10
"""Relative distance up to which a weight equals a parent's: half precision rounds by half of it."""


TRIMMED = "No weighted mean explains the model, but trimmed changes from one of the parents do."


def fit_mixture(model: Names, parents: Mapping[str, Names]) -> Mixture | None:
    """The model as a mixture of the parents (two or more, by name); None where no tensor is common to all."""
    sums, fits = [], Fits(len(parents))
    for number, is_matrix, tensors in _tensors(model, list(parents.values())):
        sums.append(_Sums.of(number, tensors))
        if is_matrix:
            fits.add(tensors)
    if not sums:
        return None
    total = _Sums.added(sums)
    weights, numbers = total.weights(), sorted({one.block for one in sums if one.block is not None})
    by_block = [_Sums.added([one for one in sums if one.block == number]).weights() for number in numbers]
    residual = float(np.sqrt(total.left(weights) / max(total.nearest(), 1e-30)))
    distances = total.distances()
    merged, reason = _judged(residual, total, weights)
    kind = find_kind(fits, list(parents), distances[:-1, :-1])
    if not merged and kind and kind.kind is MergeKind.TIES:
        merged, reason = True, TRIMMED
    return Mixture(
        parents=tuple(parents),
        weights=tuple(map(float, weights)),
        by_block=tuple(tuple(map(float, one)) for one in by_block),
        residual=residual,
        picked=total.picked_share,
        distances=tuple(tuple(map(float, row)) for row in distances),
        is_merge=merged,
        reason=reason,
        merge=kind if merged else None,
    )


@dataclass(frozen=True, eq=False)
class _Sums:
    """Of some tensors, what all of the numbers follow from: products (P + 1, P + 1), the model last, and counts.

    differing: weights in which the parents differ; picked: of these, equal to a parent's; from_each (P,): to which.
    """

    block: int | None
    products: Floats
    differing: int
    picked: int
    from_each: Ints

    @classmethod
    def of(cls, block: int | None, tensors: Floats) -> _Sums:
        """From (P + 1, N) float64 tensors, the model's own last."""
        parents, own = tensors[:-1], tensors[-1]
        near = np.abs(tensors).max(axis=0) * CLOSE + 1e-12
        apart = np.ptp(parents, axis=0) > 2 * near
        equal = (np.abs(parents - own) <= near) & apart
        return cls(block, tensors @ tensors.T, int(apart.sum()), int(equal.any(axis=0).sum()), equal.sum(axis=1))

    @classmethod
    def added(cls, parts: Sequence[_Sums]) -> _Sums:
        """Over several tensors."""
        return cls(
            parts[0].block,
            np.sum([one.products for one in parts], axis=0),
            sum(one.differing for one in parts),
            sum(one.picked for one in parts),
            np.sum([one.from_each for one in parts], axis=0),
        )

    @property
    def picked_share(self) -> float:
        """Share of the weights in which the parents differ that equal a parent's."""
        return self.picked / max(1, self.differing)

    @property
    def shares(self) -> Floats:
        """(P,) shares of the weights in which the parents differ that equal each parent's."""
        return np.asarray(self.from_each / max(1, self.differing))

    def weights(self) -> Floats:
        """(P,) least squares of the model on the parents."""
        return np.asarray(np.linalg.lstsq(self.products[:-1, :-1], self.products[:-1, -1], rcond=1e-12)[0])

    def left(self, weights: Floats) -> float:
        """Squared length of what the mixture leaves."""
        all_weights = np.append(weights, -1)
        return max(0.0, float(all_weights @ self.products @ all_weights))

    def distances(self) -> Floats:
        """(P + 1, P + 1) between all models, the model last, over the length of its weights."""
        squares = np.diag(self.products)
        between = np.maximum(squares[:, None] + squares - 2 * self.products, 0)
        return np.asarray(np.sqrt(between / max(squares[-1], 1e-300)))

    def nearest(self) -> float:
        """Squared distance to the nearest parent."""
        own, squares = self.products[-1, -1], np.diag(self.products)[:-1]
        return max(0.0, float((own + squares - 2 * self.products[:-1, -1]).min()))


def _tensors(model: Names, parents: Sequence[Names]) -> Iterator[tuple[int | None, bool, Floats]]:
    """The tensors that all have in one shape: number of the block, whether it is a matrix, and values (P + 1, N)."""
    everyone = [*parents, model]
    depth = min(len(one.blocks) for one in everyone)
    for number in [None, *range(depth)]:
        parts = [one.outside if number is None else one.blocks[number] for one in everyone]
        for kind in parts[-1]:
            names = [part.get(kind) for part in parts]
            if None not in names and len({one.shape(str(n)) for one, n in zip(everyone, names, strict=True)}) == 1:
                rows = [one.rows(str(n), ROWS).ravel() for one, n in zip(everyone, names, strict=True)]
                yield number, model.is_matrix(str(names[-1])), np.array(rows, dtype=np.float64)


def _judged(residual: float, total: _Sums, weights: Floats) -> tuple[bool, str]:
    shares = ", ".join(f"{weight:.2f}" for weight in weights)
    left = f"{wording.number(residual)} of the distance to the nearest parent"
    several = int((np.abs(weights) > LEAST_SHARE * np.abs(weights).max()).sum()) > 1
    if not total.nearest():
        return False, "The model is one of the parents."
    if residual <= MERGED and several:
        return True, f"A mixture of the parents with the weights {shares} leaves {left}."
    if total.picked_share >= PICKED and int((total.shares >= FROM_EACH).sum()) > 1:
        share = f"{total.picked_share:.0%}"
        return True, f"{share} of the weights in which the parents differ are exactly those of one or the other."
    return False, f"No mixture explains the model: the best one (weights {shares}) leaves {left}."
