"""ABLE: how strongly each word of fixed questions moves a model's answers, by gradient attribution.

It has two views, the paper's and the contrast view; the judge and the order of references go by the contrast view.

views    attributions of tokens -> words -> the two views, projected per block of questions
cosine   distances, their bootstrap intervals, and matrices of them
values   the records of a comparison
page     columns, pictures and sentences
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import ClassVar, cast

import numpy as np
from pydantic import JsonValue

from provcheck.signals.able import page
from provcheck.signals.able.cosine import block_products, cosine_distances, pairwise_distances, resampled_distances
from provcheck.signals.able.values import (
    CONTRAST,
    PAPER,
    SHARED_START_DISTANCE,
    AbleValues,
    Distance,
    by_category,
    distance_at,
)
from provcheck.signals.able.views import (
    blocks_of,
    contrast_view,
    paper_view,
    project_blocks,
    word_of_character,
    words_of,
)
from provcheck.signals.contract import LinearView, Measured, NamedNumber, Signal
from provcheck.signals.describing import Figure
from provcheck.signals.stacks import ArrayLayout
from provcheck.types import (
    Access,
    Bools,
    Capability,
    Comparison,
    Coverage,
    Floats,
    Interval,
    NotMeasured,
    ProbeSet,
    Question,
    Report,
    SignalValues,
    Sketch,
    Stack,
    TokenAttributions,
)

MAX_ATTRIBUTION = 60_000.0
"""Limit for a projected attribution, which a bank keeps in half precision; far beyond any model's."""

MERGE_GAIN = 0.85
"""Among the zoo's calibration models, the two-parent merges reach 0.65 to 0.80; no other model stays below both this
limit and that of the log-likelihoods."""

MOVES_BY = 0.005
"""Cosine distance by which another device, dtype or batch size may move an ABLE distance."""

MOVES_BY_ON_FEW = 4 * MOVES_BY
"""The same for the distance on one category, which rests on a few blocks of questions."""

SILENT = NotMeasured(not_measured="a model's attributions are all zero, or no question was measured")


class Able(Signal):
    """Attribution-based language model embeddings (shared paper: ABLE)."""

    name = "able"
    title = "ABLE"
    version = "able/3"
    """3: the contrast view is relative to the mean embedding of the questions' tokens. 2: each block holds questions of
    one category. 1: both views, 256 dimensions, 48 blocks."""

    needs = Capability.GRADIENTS
    accuses = True
    arrays: ClassVar = {name: ArrayLayout(2, np.float16, MAX_ATTRIBUTION) for name in (PAPER, CONTRAST)}
    values = AbleValues
    feature_names = ("contrast_distance", "paper_distance")
    innocent: ClassVar = {"contrast_distance": SHARED_START_DISTANCE}
    places = 1.0
    columns = page.COLUMNS
    glossary = page.GLOSSARY

    def context(self, probes: ProbeSet) -> Mapping[str, JsonValue]:
        """How many blocks each category has, in the order of the blocks."""
        blocks = blocks_of([question.category for question in probes.questions])
        return {"categories": cast("JsonValue", dict(Counter(block.category for block in blocks)))}

    def measure(self, access: Access, probes: ProbeSet) -> Measured:
        """A question that was left out has zeros, so that every model has the same words."""
        found = access.attributions([(one.question, one.options) for one in probes.questions])
        each = list(zip(probes.questions, found, strict=True))
        words = [_words(one, options, lambda token: token.values) for one, options in each]
        relative = [_words(one, options, lambda token: token.relative) for one, options in each]
        blocks = blocks_of([question.category for question in probes.questions])
        left_out = Counter(reason for reason in found if isinstance(reason, str))
        total = len(probes.questions)
        return Measured(
            arrays={
                PAPER: project_blocks(paper_view(words), blocks),
                CONTRAST: project_blocks(contrast_view(relative), blocks),
            },
            coverage=Coverage(measured=total - left_out.total(), total=total, unit="question", left_out=dict(left_out)),
            raw={"able_words": _flat(words), "able_relative_words": _flat(relative)},
        )

    def check(self, sketch: Sketch) -> bool:
        """Whether both views have the blocks that the context names."""
        return super().check(sketch) and self._blocks_fit(sketch.arrays, sketch.facts.context, 0)

    def check_stack(self, stack: Stack) -> bool:
        """Whether both views have the blocks that the context names."""
        return super().check_stack(stack) and self._blocks_fit(stack.arrays, stack.context, 1)

    def exported(self, sketch: Sketch) -> Mapping[str, Floats]:
        """(256,) the embeddings of both views: the sums over all blocks."""
        return {"able_paper": sketch.arrays[PAPER].sum(axis=0), "able_contrast": sketch.arrays[CONTRAST].sum(axis=0)}

    def nearest(self, sketch: Sketch, stack: Stack, count: int) -> Sequence[int]:
        """By the cosine of the contrast view, without making a record of each."""
        products, norms = block_products(sketch.arrays[CONTRAST], stack.arrays[CONTRAST])
        similarity = products.sum(axis=1) / np.sqrt(np.maximum(norms.sum(axis=1), 1e-30))
        return [int(row) for row in np.argsort(-similarity, kind="stable")[:count]]

    def compare(self, sketch: Sketch, stack: Stack, *, intervals: bool = True) -> Sequence[AbleValues | NotMeasured]:
        """Cosine distances in both views."""
        views = [
            cosine_distances(sketch.arrays[view], stack.arrays[view], intervals=intervals) for view in (PAPER, CONTRAST)
        ]
        pairs = ((distance_at(views[0], row), distance_at(views[1], row)) for row in range(len(stack)))
        return [AbleValues(paper=one, contrast=two) if one and two else SILENT for one, two in pairs]

    def distance(self, values: SignalValues) -> Interval | None:
        """The contrast distance."""
        return values.contrast.interval if isinstance(values, AbleValues) else None

    def all_distances(self, stack: Stack) -> Floats:
        """Contrast distances."""
        return self.distance_matrix(stack)

    def features(self, values: SignalValues) -> Mapping[str, float]:
        """The cosine distances of both views."""
        found = cast("AbleValues", values)
        return {
            "contrast_distance": found.contrast.cosine_distance,
            "paper_distance": found.paper.cosine_distance,
        }

    def examine(self, values: SignalValues, sketch: Sketch, other: Stack) -> SignalValues:
        """Adds the distance on each category of questions."""
        categories = cast("dict[str, int]", sketch.facts.context["categories"])
        found = by_category(sketch.arrays[CONTRAST], other.arrays[CONTRAST][0], categories)
        return values.model_copy(update={"categories": found})

    def has_place(self, stack: Stack) -> Bools:
        """Models with attributions."""
        return np.array([bool(blocks.any()) for blocks in stack.arrays[CONTRAST]], dtype=bool)

    def distance_matrix(self, stack: Stack) -> Floats:
        """Contrast distances."""
        return pairwise_distances(stack.arrays[CONTRAST])

    def resampled_matrices(self, stack: Stack, resamples: int) -> Iterator[Floats]:
        """Contrast distances from blocks of questions drawn with replacement."""
        return resampled_distances(stack.arrays[CONTRAST], resamples)

    def linear_view(self, sketch: Sketch, stack: Stack) -> LinearView | None:
        """Unit contrast vectors, all blocks in one."""
        subject, others = _unit(sketch.arrays[CONTRAST][None])[0], _unit(stack.arrays[CONTRAST])
        return LinearView(subject, others, MERGE_GAIN, names_weights=True)

    def reasons(self, values: SignalValues, reference: str) -> tuple[str, ...]:
        """The contrast distance with its interval."""
        return page.reasons(cast("AbleValues", values), reference)

    def figures(self, report: Report, nearest: Comparison | None) -> list[Figure]:
        """The distance among independent pairs, and by category of questions."""
        return page.figures(report, nearest)

    def numbers(self, values: SignalValues) -> tuple[NamedNumber, ...]:
        """Both distances."""
        found = cast("AbleValues", values)
        return (
            NamedNumber("ABLE contrast", found.contrast.cosine_distance, MOVES_BY),
            NamedNumber("ABLE paper", found.paper.cosine_distance, MOVES_BY),
        )

    def details(self, values: SignalValues) -> tuple[NamedNumber, ...]:
        """The ends of the intervals, and the distances on each category, which rest on fewer questions."""
        found = cast("AbleValues", values)
        few = [(f"ABLE on {one.category}", one.distance) for one in found.categories]
        return (
            *_ends("ABLE contrast", found.contrast, 2 * MOVES_BY),
            *_ends("ABLE paper", found.paper, 2 * MOVES_BY),
            *(NamedNumber(name, one.cosine_distance if one else None, MOVES_BY_ON_FEW) for name, one in few),
            *(end for name, one in few for end in _ends(name, one, 2 * MOVES_BY_ON_FEW)),
        )

    @staticmethod
    def _blocks_fit(arrays: Mapping[str, Floats], context: Mapping[str, JsonValue], axis: int) -> bool:
        categories = context.get("categories")
        if arrays[PAPER].shape != arrays[CONTRAST].shape or not isinstance(categories, dict):
            return False
        counts = list(categories.values())
        if not all(type(count) is int and 0 < count <= arrays[PAPER].shape[axis] for count in counts):
            return False
        return bool(sum(cast("list[int]", counts)) == arrays[PAPER].shape[axis])


def _words(
    question: Question, options: Sequence[TokenAttributions] | str, of: Callable[[TokenAttributions], Floats]
) -> Floats:
    """(options, words) attributions; zeros for a question that was left out."""
    if isinstance(options, str):
        return np.zeros((len(question.options), int(word_of_character(question.question)[-1]) + 1))
    return words_of(question.question, [(option.spans, of(option)) for option in options])


def _flat(words: Sequence[Floats]) -> Floats:
    return np.concatenate([question.ravel() for question in words]).astype(np.float32)


def _unit(blocks: Floats) -> Floats:
    flat = blocks.reshape(len(blocks), -1).astype(np.float64)
    return np.asarray(flat / np.maximum(np.linalg.norm(flat, axis=1, keepdims=True), 1e-30))


def _ends(name: str, distance: Distance | None, moves_by: float) -> tuple[NamedNumber, ...]:
    low, high = (distance.ci95 if distance else None) or (None, None)
    return NamedNumber(f"{name} (low end)", low, moves_by), NamedNumber(f"{name} (high end)", high, moves_by)
