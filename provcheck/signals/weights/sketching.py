"""A model as a sketch of fixed size: the loudest neurons of evenly spaced MLP blocks, and back from its arrays.

Every sketch has ROWS rows, dealt out to its blocks, so that sketches of all models stack; rows that are not needed are
empty. The numbers of the model itself that reading a sketch takes are in its facts: blocks, width, anchors, heads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from provcheck.signals.weights.anatomy import Anatomy
from provcheck.signals.weights.anchors import MIN_ANCHORS, anchor_rows, count_different, load_anchors, project
from provcheck.signals.weights.matching import Bits
from provcheck.signals.weights.neurons import (
    ANCHORED_SEED,
    BITS,
    COORDINATES_SEED,
    FEATURES,
    GATE_SEED,
    INTRINSIC_BITS,
    Axes,
    Seen,
    random_matrix,
    see,
)
from provcheck.signals.weights.stored import Unfit
from provcheck.signals.weights.values import ANCHORED, COORDINATES, FINGERPRINT, INTRINSIC, PLACES
from provcheck.types import Floats, Ints

ROWS, MOST_BLOCKS = 512, 8
MOST_LAYERS = 1e6
KINDS = {ANCHORED: BITS // 4, COORDINATES: BITS // 4, INTRINSIC: INTRINSIC_BITS // 4}
"""Bytes for each neuron."""

EMPTY = -1


@dataclass(frozen=True)
class Sketched:
    """A sketch taken apart. `kinds`: the bits of each kind that the model gives, for its B sketched blocks (silent ones
    left out).

    blocks: (B,) their numbers in the model; sizes: (B,) their neurons in the model; index: (B, m) of each sketched one.
    """

    width: int
    blocks: Ints
    sizes: Ints
    index: Ints
    kinds: Mapping[str, Bits]


def chosen_blocks(blocks: int) -> Ints:
    """Numbers of the blocks that are sketched: all of a few, else evenly spaced from the first to the last."""
    return np.unique(np.linspace(0, blocks - 1, min(blocks, MOST_BLOCKS)).round().astype(np.int64))


def sketch(anatomy: Anatomy, tokens: list[list[int]]) -> tuple[dict[str, Floats], dict[str, float | None]]:
    """The arrays and the facts of a model; `tokens`: those of each anchor. Silent blocks leave their rows empty.

    Raises Unfit where no block is left.
    """
    axes, anchors = _axes(anatomy, tokens)
    numbers = chosen_blocks(anatomy.blocks)
    most = ROWS // len(numbers)
    arrays: dict[str, Any] = {kind: np.zeros((ROWS, size), dtype=np.uint8) for kind, size in KINDS.items()}
    arrays[PLACES] = np.full((ROWS, 3), EMPTY, dtype=np.int32)
    whole = np.zeros(FEATURES, dtype=np.float32)
    with_heads = True
    for place, number in enumerate(numbers):
        neurons = anatomy.mlp(int(number))
        if neurons.silent:
            continue
        seen = see(neurons, anatomy.attention(int(number)), axes, most)
        _fill(arrays, seen, place * most, (int(number), len(neurons.read)))
        with_heads &= seen.intrinsic is not None
        whole += 0 if seen.fingerprint is None else seen.fingerprint
    if (arrays[PLACES] == EMPTY).all():
        raise Unfit("no neuron of any block does anything")
    arrays[FINGERPRINT] = whole / max(float(np.linalg.norm(whole)), 1e-30)
    facts = {"blocks": anatomy.blocks, "width": anatomy.width, "anchors": anchors, "heads": int(with_heads)}
    return arrays, {name: float(value) for name, value in facts.items()}


def take_apart(arrays: Mapping[str, Floats], facts: Mapping[str, float | None]) -> Sketched:
    """The inverse of `sketch`, for arrays that `is_sound` found in order."""
    count = len(chosen_blocks(int(facts["blocks"] or 0)))
    most = ROWS // count
    places = arrays[PLACES][: count * most].reshape(count, most, 3).astype(np.int64)
    present = places[..., 0] != EMPTY
    used = int(present.sum(axis=1).max())  # what is empty in every block takes no part
    sounding = present[:, 0]
    places, present = places[sounding, :used], present[sounding, :used]
    kinds = {
        kind: Bits.unpack(arrays[kind][: count * most].reshape(count, most, -1)[sounding, :used], present)
        for kind in KINDS
        if _gives(kind, facts)
    }
    return Sketched(int(facts["width"] or 0), places[:, 0, 0], places[:, 0, 2], places[..., 1], kinds)


def is_sound(arrays: Mapping[str, Floats], facts: Mapping[str, float | None]) -> bool:
    """Whether arrays and facts from a file could be those of a model."""
    return are_sound({name: array[None] for name, array in arrays.items()}, [facts])


def are_sound(arrays: Mapping[str, Floats], facts: Sequence[Mapping[str, float | None]]) -> bool:
    """Whether arrays (M, ...) and facts from a file could be those of M models."""
    names = ("blocks", "width", "anchors", "heads")
    if not all(isinstance(one.get(name), float) for one in facts for name in names):
        return False
    shapes = {kind: (ROWS, size) for kind, size in KINDS.items()} | {FINGERPRINT: (FEATURES,), PLACES: (ROWS, 3)}
    if any(arrays[name].shape[1:] != shape for name, shape in shapes.items()):
        return False
    blocks = np.array([one["blocks"] for one in facts], dtype=np.float64)
    if not ((blocks >= 1) & (blocks <= MOST_LAYERS)).all():
        return False
    return all(_well_placed(arrays[PLACES][blocks == number], int(number)) for number in np.unique(blocks))


def _well_placed(places: Ints, blocks: int) -> bool:
    """Whether these places (M, ROWS, 3) could be those of M models with so many blocks."""
    numbers = chosen_blocks(blocks)
    most = ROWS // len(numbers)
    dealt = places[:, : most * len(numbers)].reshape(len(places), len(numbers), most, 3)
    present = dealt[..., 0] != EMPTY
    return bool(
        (places[:, most * len(numbers) :] == EMPTY).all()
        and present.any(axis=(1, 2)).all()
        and (present[..., :-1] >= present[..., 1:]).all()
        and (dealt[..., 0] == np.where(present, numbers[:, None], EMPTY)).all()
        and (dealt[..., 1] < np.where(present, dealt[..., 2], 0)).all()
        and (dealt[..., 2] == np.where(present, dealt[..., :1, 2], EMPTY)).all()
        and (dealt[..., 1] >= np.where(present, 0, EMPTY)).all()
    )


def _axes(anatomy: Anatomy, tokens: list[list[int]]) -> tuple[Axes, int]:
    """The directions, and the number of different anchors; without enough of these there are none."""
    random = random_matrix(BITS, anatomy.width, COORDINATES_SEED)
    anchors = count_different(tokens)
    if anchors < MIN_ANCHORS:
        return Axes(None, None, None, random), 0
    words = len(load_anchors())
    own, gates = (random_matrix(BITS, words, seed) for seed in (ANCHORED_SEED, GATE_SEED))
    rows = (anchor_rows(one, tokens) for one in (anatomy.input_rows, anatomy.output_rows))
    both, write = project(next(rows), np.concatenate([own, gates])), project(next(rows), own)
    return Axes(both[:BITS], both[BITS:], write, random), anchors


def _fill(arrays: dict[str, Any], seen: Seen, start: int, block: tuple[int, int]) -> None:
    rows = slice(start, start + len(seen.places))
    arrays[PLACES][rows] = [(block[0], place, block[1]) for place in seen.places]
    for kind, bits in ((ANCHORED, seen.anchored), (COORDINATES, seen.coordinates), (INTRINSIC, seen.intrinsic)):
        if bits is not None:
            arrays[kind][rows] = bits


def _gives(kind: str, facts: Mapping[str, float | None]) -> bool:
    needed = {ANCHORED: "anchors", INTRINSIC: "heads"}.get(kind)
    return needed is None or bool(facts[needed])
