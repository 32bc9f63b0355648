"""The weights themselves: do the neurons of two models match, without running either?

anatomy    tensors and config -> MLP blocks, attention heads, embeddings; `layouts` is the table of architectures
anchors    common words as landmarks in the embeddings
neurons    what each neuron reads and writes, as bits
sketching  a model -> arrays of fixed size, and back
matching   twins among the neurons of two blocks
pieces     likely relatives among thousands of models
shifts     the exact p-value
values     the record of a comparison
reading    its numbers in words, and what they mean together
block_map  which blocks match, as a picture and in words
page       columns, glossary, and how many neurons match, as a picture
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, cast

import numpy as np
from threadpoolctl import threadpool_limits

from provcheck.signals.contract import Measured, NamedNumber, Signal
from provcheck.signals.describing import Figure
from provcheck.signals.stacks import ArrayLayout
from provcheck.signals.weights import page, reading
from provcheck.signals.weights.anatomy import dissect
from provcheck.signals.weights.anchors import anchors_digest, tokens_of
from provcheck.signals.weights.matching import Bits, match_blocks, signs
from provcheck.signals.weights.pieces import equal_pieces
from provcheck.signals.weights.shifts import exact_p_value, shifted_sums
from provcheck.signals.weights.sketching import Sketched, are_sound, chosen_blocks, is_sound, sketch, take_apart
from provcheck.signals.weights.stored import Unfit
from provcheck.signals.weights.values import (
    ANCHORED,
    COORDINATES,
    FINGERPRINT,
    INTRINSIC,
    PLACES,
    SHARED_START_MATCH,
    WeightsValues,
)
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
    Report,
    Sign,
    SignalValues,
    Sketch,
    Stack,
)

MOVES_BY = 0.02
"""How far a match may move on another machine: bits of numbers near zero may flip."""

LARGEST_INDEX = 2.0**31

PIECES = {"neurons as stored": COORDINATES, "neurons seen through attention": INTRINSIC}
"""Lists of likely relatives that go by no tokenizer."""

AT_ONCE = 1000
"""Fingerprints in double precision at once: of 10,000 references they would take a gigabyte."""


class Weights(Signal):
    """Neuron matching (DESIGN.md, "Weights"; kin to HuRef, Zeng et al., 2023, and to Zhu et al., 2025)."""

    name = "weights"
    title = "Weights"
    version = "weights/1"
    """1: 512 neurons of at most 8 blocks, 128 bits for each of six vectors."""

    needs = Capability.WEIGHTS
    accuses = True
    arrays: ClassVar = {
        **{name: ArrayLayout(2, np.uint8, 255) for name in (ANCHORED, COORDINATES, INTRINSIC)},
        PLACES: ArrayLayout(2, np.int32, LARGEST_INDEX),
        FINGERPRINT: ArrayLayout(1, np.float16, 2.0),
    }
    values = WeightsValues
    feature_names = ("kin_match", "anchored_match", "coordinate_match", "intrinsic_match")
    rising = frozenset(feature_names)
    innocent: ClassVar = {"kin_match": SHARED_START_MATCH}
    places = 3.0
    """On the zoo's calibration models the parent is nearest most often with this weight beside ABLE's 1."""

    columns = page.COLUMNS
    glossary = page.GLOSSARY

    def material(self, probes: ProbeSet) -> str:
        """The list of anchors; no probe takes part."""
        return anchors_digest()

    def measure(self, access: Access, probes: ProbeSet) -> Measured | NotMeasured:
        """From the stored tensors; the model is not run."""
        anatomy = dissect(access.tensors(), access.config())
        if isinstance(anatomy, NotMeasured):
            return anatomy
        anatomy.announce(map(int, chosen_blocks(anatomy.blocks)))
        try:
            arrays, facts = sketch(anatomy, tokens_of(access.token_ids, anatomy.vocabulary))
        except Unfit as fault:
            return NotMeasured(not_measured=str(fault))
        blocks = len(chosen_blocks(anatomy.blocks))
        return Measured(arrays=arrays, coverage=Coverage(measured=blocks, total=blocks, unit="block"), values=facts)

    def check(self, sketch: Sketch) -> bool:
        """Whether places and facts fit together."""
        return super().check(sketch) and is_sound(sketch.arrays, sketch.facts.values)

    def check_stack(self, stack: Stack) -> bool:
        """Whether places and facts of every model fit together."""
        return super().check_stack(stack) and are_sound(stack.arrays, stack.values)

    def compare(self, sketch: Sketch, stack: Stack, *, intervals: bool = True) -> Sequence[WeightsValues | NotMeasured]:
        """The best match over pairs of blocks, in each kind of coordinates, and the exact p-value."""
        own = take_apart(sketch.arrays, sketch.facts.values)
        apart = distances(sketch.arrays[FINGERPRINT][None], stack.arrays[FINGERPRINT])[0]
        with threadpool_limits(1):  # the products are so small that several threads would wait for one another
            return [
                compare_sketches(own, _row(stack, row), None if np.isnan(apart[row]) else float(apart[row]))
                for row in range(len(stack))
            ]

    def nearest(self, sketch: Sketch, stack: Stack, count: int) -> Sequence[int]:
        """By fingerprints, without matching neurons."""
        apart = distances(sketch.arrays[FINGERPRINT][None], stack.arrays[FINGERPRINT])[0]
        return [int(row) for row in np.argsort(apart, kind="stable")[:count] if not np.isnan(apart[row])]

    def lists(self, sketch: Sketch, stack: Stack, count: int) -> Mapping[str, Sequence[int]]:
        """By fingerprints, which need a tokenizer, and by equal pieces of the neurons' bits, which need none."""
        found = {"fingerprints of weights": self.nearest(sketch, stack, count)}
        for name, kind in PIECES.items():
            alike = equal_pieces(sketch.arrays[kind], stack.arrays[kind])
            found[name] = [int(row) for row in np.argsort(-alike, kind="stable")[:count] if alike[row]]
        return {name: rows for name, rows in found.items() if rows}

    def distance(self, values: SignalValues) -> Interval | None:
        """Of the fingerprints; it has no interval."""
        found = cast("WeightsValues", values).distance
        return None if found is None else Interval(value=found, low=found, high=found)

    def all_distances(self, stack: Stack) -> Floats:
        """Of the fingerprints."""
        return self.distance_matrix(stack)

    def features(self, values: SignalValues) -> Mapping[str, float]:
        """The three matches, and what two of them say of kinship; one that is None counts as 0."""
        found = cast("WeightsValues", values)
        return {name: getattr(found, name) or 0.0 for name in self.feature_names}

    def exact_p_value(self, values: SignalValues) -> float | None:
        """By the order of the neurons."""
        return cast("WeightsValues", values).exact_p_value

    def examine(self, values: SignalValues, sketch: Sketch, other: Stack) -> SignalValues:
        """Adds the match of every pair of blocks."""
        one, two = take_apart(sketch.arrays, sketch.facts.values), _row(other, 0)
        return values.model_copy(update={"blocks": block_matches(one, two)})

    def has_place(self, stack: Stack) -> Bools:
        """Models with anchors."""
        return np.asarray(stack.arrays[FINGERPRINT].any(axis=1))

    def distance_matrix(self, stack: Stack) -> Floats:
        """Of the fingerprints."""
        found = distances(stack.arrays[FINGERPRINT], stack.arrays[FINGERPRINT])
        np.fill_diagonal(found, 0)  # rounding leaves a trace
        return found

    def reasons(self, values: SignalValues, reference: str) -> tuple[str, ...]:
        """How many neurons found their twin, and the exact p-value."""
        return page.reasons(cast("WeightsValues", values), reference)

    def oddities(self, values: SignalValues, reference: str) -> tuple[Sign, ...]:
        """Stored along other axes, or in another order."""
        return reading.oddities(cast("WeightsValues", values), reference)

    def figures(self, report: Report, nearest: Comparison | None) -> list[Figure]:
        """Matches of this model and of independent models; blocks against blocks."""
        return page.figures(report, nearest)

    def numbers(self, values: SignalValues) -> tuple[NamedNumber, ...]:
        """The three matches."""
        found = cast("WeightsValues", values)
        return (
            NamedNumber("anchored match", found.anchored_match, MOVES_BY),
            NamedNumber("coordinate match", found.coordinate_match, MOVES_BY),
            NamedNumber("intrinsic match", found.intrinsic_match, MOVES_BY),
        )

    def details(self, values: SignalValues) -> tuple[NamedNumber, ...]:
        """The p-value as a power of ten, the counts, and the match of every pair of blocks."""
        found = cast("WeightsValues", values)
        power = None if found.exact_p_value is None else float(np.log10(max(found.exact_p_value, 1e-300)))
        return (
            NamedNumber("power of the exact p-value", power, 0.1 + 0.05 * abs(power or 0)),
            NamedNumber("distance of fingerprints", found.distance, MOVES_BY),
            NamedNumber("matched neurons", found.matched, 2 + MOVES_BY * found.neurons),
            NamedNumber("neurons", found.neurons, 2),
            *(
                NamedNumber(f"match of block {own} with {other}", match, MOVES_BY)
                for own, row in enumerate(found.blocks)
                for other, match in enumerate(row)
            ),
        )


def distances(one: Floats, two: Floats) -> Floats:
    """(M1, M2) 1 less the cosines of fingerprints, 0 to 1; NaN where a model has none."""
    return np.concatenate([_distances(one, two[at : at + AT_ONCE]) for at in range(0, len(two), AT_ONCE)], axis=1)


def _distances(one: Floats, two: Floats) -> Floats:
    units = [rows.astype(np.float64) for rows in (one, two)]
    lengths = [np.linalg.norm(rows, axis=1) for rows in units]
    with np.errstate(invalid="ignore", divide="ignore"):
        cosines = units[0] @ units[1].T / np.outer(*lengths)
    return np.asarray(np.clip(1 - cosines, 0, 1))


def compare_sketches(one: Sketched, two: Sketched, distance: float | None = None) -> WeightsValues:
    """The values of two models; `distance`: that of their fingerprints."""
    same_width = one.width == two.width
    kinds = [kind for kind in one.kinds if kind in two.kinds and (same_width or kind != COORDINATES)]
    found = {kind: match_blocks(one.kinds[kind], two.kinds[kind]) for kind in kinds}
    best = {kind: float(np.clip(matches.max(), -1, 1)) for kind, (matches, _) in found.items()}
    matched, neurons = 0, 0
    if kinds:
        matches, counts = found[kinds[0]]
        own, other = np.unravel_index(int(matches.argmax()), matches.shape)
        matched = int(counts[own, other])
        neurons = int(min(one.kinds[kinds[0]].counts[own], two.kinds[kinds[0]].counts[other]))
    return WeightsValues(
        anchored_match=best.get(ANCHORED),
        coordinate_match=best.get(COORDINATES),
        intrinsic_match=best.get(INTRINSIC),
        exact_p_value=p_value(one, two, [kind for kind in kinds if kind != INTRINSIC]),
        distance=distance,
        matched=matched,
        neurons=neurons,
    )


def p_value(one: Sketched, two: Sketched, kinds: Sequence[str]) -> float | None:
    """By the resemblance, in all these kinds, of neurons of the same index in blocks of the same number and size."""
    pairs = [
        (i, j)
        for i in range(len(one.blocks))
        for j in range(len(two.blocks))
        if one.blocks[i] == two.blocks[j] and one.sizes[i] == two.sizes[j]
    ]
    if not kinds:
        return None
    sums = [
        shifted_sums(
            np.sum([_alike(one.kinds[kind], two.kinds[kind], i, j) for kind in kinds], axis=0),
            one.index[i][: one.kinds[kinds[0]].counts[i]],
            two.index[j][: two.kinds[kinds[0]].counts[j]],
            int(one.sizes[i]),
        )
        for i, j in pairs
    ]
    return exact_p_value(sums)


def block_matches(one: Sketched, two: Sketched) -> tuple[tuple[float, ...], ...]:
    """Match of every pair of blocks, anchored if both models have anchors."""
    kind = ANCHORED if ANCHORED in one.kinds and ANCHORED in two.kinds else COORDINATES
    if kind == COORDINATES and one.width != two.width:
        return ()
    matches, _ = match_blocks(one.kinds[kind], two.kinds[kind])
    return tuple(tuple(float(np.clip(match, -1, 1)) for match in row) for row in matches)


def _alike(one: Bits, two: Bits, i: int, j: int) -> Floats:
    """(m1, m2) how alike neurons of two blocks read and write."""
    rows, columns = one.counts[i], two.counts[j]
    read = one.read[i][:rows] @ two.read[j][:columns].T
    write = signs(one.write[i][:rows]) @ signs(two.write[j][:columns]).T
    return np.asarray((read + write) / one.read.shape[-1])


def _row(stack: Stack, row: int) -> Sketched:
    return take_apart({name: array[row] for name, array in stack.arrays.items()}, stack.values[row])
