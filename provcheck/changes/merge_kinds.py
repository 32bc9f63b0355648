"""Which kind of merge it is: the one that explains every matrix up to rounding, if no other does.

Thresholds were chosen on merges of the zoo's calibration models (`python -m reference_embeddings.recipe changes`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from provcheck import wording
from provcheck.changes.corners import may_be_base
from provcheck.changes.merge_fits import Fits, Form, Hypothesis
from provcheck.types import Floats, KindOfMerge, MergeFit, MergeKind

ROUNDED = 2.0
"""Residual, over that of rounding, up to which a formula explains a model: at most 1.2 where it is the true one.
Another leaves 2.5 and more; 1.6, which is unclear, of models that hardly differ in bfloat16. TIES is let off, since its
cut is read off counts."""

EXACT = 0.003
"""Residual up to which one does, however fine the precision: SLERP leaves up to 0.0015 in float32, where its angle was
computed from other digits, and other rows, than are read here."""

CLEAR = 0.1
"""Residual up to which any of them does: at most 0.06 where it is the true one. Where rounding leaves more, nothing can
be told; and TIES leaves 0.7 where changes were dropped at random."""

NO_PART = 0.02
"""Weight, either way, up to which a parent counts as having no part in it."""

KINDS: dict[Form, MergeKind] = {"affine": MergeKind.LINEAR, "arc": MergeKind.SLERP, "trimmed": MergeKind.TIES}

SAID = {
    MergeKind.LINEAR: "The model is a weighted mean of its parents; the numbers would be the same if one of these had "
    "been extrapolated from it and the others.",
    MergeKind.SLERP: "The model lies on the arc between two parents: in each matrix their weights sum to more than 1, "
    "by as much as the angle asks for.",
    MergeKind.TASK_ARITHMETIC: "The weights sum to 1, and one is below 0: changes were added to a base that count for "
    "more than 1 in all, or for less than 0. The numbers do not say which of these models was made last.",
    MergeKind.TIES: "Where the changes from the base are small the model is exactly the base, and elsewhere it has the "
    "mean of those changes that have one sign.",
}
NONE_FITS = "No formula explains the model up to rounding: a parent may be missing, or more was done to it."
HIDDEN = "Rounding changed the model so much, beside the distance to its parents, that no kind can be told."
ALIKE = "{} explain the model alike."
FORMULAS: dict[Form, str] = {"affine": "weighted mean", "arc": "SLERP", "trimmed": "TIES"}


def find_kind(fits: Fits, parents: Sequence[str], distances: Floats) -> KindOfMerge | None:
    """The kind, if the model is a merge of these parents; None where every matrix is one of theirs.

    distances: (P, P) between the parents.
    """
    best = fits.best()
    if not best:
        return None
    explain = [one for one in best if _explains(one, fits)]
    kinds = {kind: one for one in explain for kind in _kinds(one, fits, distances)}
    kind = next(iter(kinds)) if len(kinds) == 1 else MergeKind.UNCLEAR
    base = _base(kinds[kind], fits, distances) if kind in (MergeKind.TASK_ARITHMETIC, MergeKind.TIES) else None
    return KindOfMerge(
        kind=kind,
        left=tuple(kinds),
        base=None if base is None else parents[base],
        reason=f"{_said(kind, list(kinds), fits)} {_leaves(best, fits)}",
        rounding=fits.rounding_residual,
        fits=tuple(
            MergeFit(kind=KINDS[one.form], residual=fits.residual(one), weights=tuple(map(float, fits.weights(one))))
            for one in best
        ),
    )


def _explains(one: Hypothesis, fits: Fits) -> bool:
    residual = fits.residual(one)
    if one.form != "trimmed":
        return residual <= min(max(ROUNDED * fits.rounding_residual, EXACT), CLEAR)
    return residual <= CLEAR and int((fits.weights(one)[list(one.others)] > NO_PART).sum()) > 1


def _kinds(one: Hypothesis, fits: Fits, distances: Floats) -> list[MergeKind]:
    """Task arithmetic is linear too if no weight is below 0: only a base with a part of its own tells of it."""
    weights = fits.weights(one)
    if one.form == "arc" and weights.min() < -NO_PART:
        return []  # a parent lies as well on the arc through its merge and the other parent, beyond its end
    if one.form != "affine":
        return [KINDS[one.form]]
    if weights.min() < -NO_PART:
        return [MergeKind.TASK_ARITHMETIC]
    used = np.flatnonzero(weights > NO_PART)
    if len(used) > 2 and any(may_be_base(distances, int(number)) for number in used):
        return [MergeKind.LINEAR, MergeKind.TASK_ARITHMETIC]
    return [MergeKind.LINEAR]


def _base(one: Hypothesis, fits: Fits, distances: Floats) -> int | None:
    """The base of TIES; of task arithmetic the one parent that may be it."""
    if one.form == "trimmed":
        return one.origin
    bases = [number for number in range(len(distances)) if may_be_base(distances, number)]
    return bases[0] if len(bases) == 1 else None


def _said(kind: MergeKind, kinds: Sequence[MergeKind], fits: Fits) -> str:
    if kind is not MergeKind.UNCLEAR:
        return SAID[kind]
    if kinds:
        return ALIKE.format(wording.joined([one.value for one in kinds]).capitalize())
    return HIDDEN if fits.rounding_residual > CLEAR else NONE_FITS


def _leaves(best: Sequence[Hypothesis], fits: Fits) -> str:
    """What each formula leaves, in words."""
    said = [f"{FORMULAS[one.form]} {wording.number(fits.residual(one))}" for one in best]
    said.append(f"rounding alone {wording.number(fits.rounding_residual)}")
    return f"What is left, over the distance to the nearest parent: {wording.joined(said)}."
