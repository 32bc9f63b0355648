"""Models between models: weights mixed on a grid, and how ABLE moves with them; and the same under another template.

ABLE, appendix C: W(a, b) = (1 - a - b) W0 + a W1 + b W2 for a and b in 0, 0.25 ... 1, of one architecture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from provcheck.errors import StudyError
from provcheck.probes import quick_subset
from provcheck.signals.able.cosine import pairwise_distances
from provcheck.signals.able.values import CONTRAST, PAPER
from provcheck.studies.material import StudyOptions
from provcheck.studies.variants import Weights, folders_of, measure_with, same_form, saved_probes, weights_of
from provcheck.types import Floats, ProbeSet

STEPS = (0.0, 0.25, 0.5, 0.75, 1.0)
TEMPLATE = "Question: {question}\nAnswer:"
"""The other template; the plain one is the question alone."""

VIEWS = {"paper": PAPER, "contrast": CONTRAST}


@dataclass(frozen=True)
class Interpolated:
    """The models of a grid with their distances: of weights, and of ABLE by view, plain and under the template.

    `names` are the anchors, `shares` (G, 2) the a and b of each model; all distances are (G, G) and Euclidean.
    """

    names: tuple[str, ...]
    shares: Floats
    weights: Floats
    plain: dict[str, Floats]
    templated: dict[str, Floats]

    def path(self, view: str, anchor: int) -> tuple[Floats, Floats]:
        """Share of an anchor (1 or 2), and ABLE's distance to the first, along the straight way to it."""
        along = np.flatnonzero(
            (self.shares[:, 2 - anchor] == 0) if self.shares.shape[1] > 1 else self.shares[:, 0] >= 0
        )
        return self.shares[along, anchor - 1], self.plain[view][0, along]


def interpolate(options: StudyOptions, probes: ProbeSet) -> Interpolated:
    """Measure the grid of the first three models, or of two, on an eighth of the questions. Raises StudyError."""
    folders = folders_of(options, least=2)[:3]
    anchors = [weights_of(folder) for folder in folders]
    if not same_form(anchors):
        raise StudyError(
            "models of different shapes have nothing between them", "name models of one architecture and size"
        )
    shares = np.array([(a, b) for a in STEPS for b in (STEPS if len(anchors) > 2 else (0.0,))])
    options.observe.start("models between models", 2 * len(shares))
    small = quick_subset(probes)
    with saved_probes(small) as own, saved_probes(_templated(small)) as other:
        found = [[_views(options, folders[0], _mixed(anchors, one), where) for where in (own, other)] for one in shares]
    options.observe.finish()
    plain, templated = ({view: _apart([one[at][view] for one in found]) for view in VIEWS} for at in (0, 1))
    return Interpolated(tuple(folder.name for folder in folders), shares, _between(anchors, shares), plain, templated)


def neighbours_kept(grid: Interpolated, view: str) -> float:
    """Share of the grid's models whose nearest in ABLE is also one of its neighbours on the grid."""
    apart = grid.plain[view].copy()
    np.fill_diagonal(apart, np.inf)
    nearest = grid.shares[apart.argmin(axis=1)]
    return float((np.abs(nearest - grid.shares).max(axis=1) <= STEPS[1] + 1e-9).mean())


def _mixed(anchors: Sequence[Weights], shares: Floats) -> Weights:
    parts = (1 - shares.sum(), *shares)
    return {
        name: sum(
            (part * one[name] for part, one in zip(parts, anchors, strict=False)), np.zeros((), np.float32)
        ).astype(np.float32)
        for name in anchors[0]
    }


def _between(anchors: Sequence[Weights], shares: Floats) -> Floats:
    """(G, G) Euclidean distances of the mixed weights, from the inner products of the anchors' differences."""
    moves = [[one[name] - anchors[0][name] for name in anchors[0]] for one in anchors[1:]]
    products = np.array([[sum(float((x * y).sum()) for x, y in zip(a, b, strict=True)) for b in moves] for a in moves])
    steps = (shares[:, None] - shares[None])[:, :, : len(moves)]
    return np.asarray(np.sqrt(np.maximum(0.0, np.einsum("gha,ab,ghb->gh", steps, products, steps))))


def _views(options: StudyOptions, folder: Path, weights: Weights, probes: str) -> dict[str, Floats]:
    """(B, 256) blocks of both views."""
    arrays = measure_with(options, folder, weights, probes, "able").sketches["able"].arrays
    options.observe.advance()
    return {view: arrays[name] for view, name in VIEWS.items()}


def _apart(blocks: Sequence[Floats]) -> Floats:
    return np.asarray(np.sqrt(2 * pairwise_distances(np.stack(blocks))))


def _templated(probes: ProbeSet) -> ProbeSet:
    questions = tuple(
        one.model_copy(update={"question": TEMPLATE.format(question=one.question)}) for one in probes.questions
    )
    return ProbeSet(f"{probes.name}-template", probes.digest, questions, probes.texts)
