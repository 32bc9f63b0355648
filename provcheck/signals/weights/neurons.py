"""What the neurons of an MLP block read and write, in three kinds of coordinates, as bits.

anchored     through the anchors: unchanged by rotation of the residual stream, and comparable across widths
coordinates  the stored numbers themselves: needs no tokenizer, but any rotation destroys it
intrinsic    through the block's own attention heads and MLP: needs neither tokenizer nor axes
Each is a pair of vectors for every neuron, `read` and `write`. Their signs along random directions are kept: the share
of equal bits gives the angle between two vectors (Goemans and Williamson, 1995).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from provcheck.signals.weights.heads import Heads
from provcheck.signals.weights.mlps import Neurons
from provcheck.signals.weights.stored import Unfit
from provcheck.types import Floats, Ints

BITS, INTRINSIC_BITS = 128, 256
"""Random directions for each vector; intrinsic ones are less alike, and need more."""

ANCHORED_SEED, GATE_SEED, COORDINATES_SEED, INTRINSIC_SEED, FINGERPRINT_SEED = 11, 12, 13, 14, 15

FEATURES = 4096
"""Length of a fingerprint: the cosine of those of two models is then known to 1/64."""

AT_ONCE = 1024
"""Neurons that become features together, which bounds the memory."""

Packed = np.ndarray
"""(n, bits / 4) uint8: the bits of `read`, then those of `write`."""

Form = tuple[Floats, Floats]
"""A bilinear form of the residual stream, A'B, as (A, B): both (r, d)."""


@dataclass(frozen=True)
class Axes:
    """Directions (BITS, d) that neurons are seen along: anchors in input and output embedding, and random ones.

    The first three are None for a model whose tokenizer tells too few anchors apart.
    """

    read: Floats | None
    gate: Floats | None
    write: Floats | None
    random: Floats


@dataclass(frozen=True)
class Seen:
    """Chosen neurons of a block: their places (m,), and bits of each kind; None where the model gives none.

    fingerprint: (FEATURES,) of all neurons of the block; None without anchors.
    """

    places: Ints
    fingerprint: Floats | None
    anchored: Packed | None
    coordinates: Packed
    intrinsic: Packed | None


def random_matrix(rows: int, columns: int, seed: int) -> Floats:
    """(rows, columns) standard normal; the first columns do not depend on their number."""
    found = np.random.RandomState(seed).standard_normal((columns, rows))
    return np.asarray(found.T, dtype=np.float32)


def see(neurons: Neurons, heads: Heads | None, axes: Axes, most: int) -> Seen:
    """The `most` loudest neurons of a block: those with the largest product of |read| and |write|.

    Exact copies of a neuron count once, silent ones and those behind a shut gate not at all. Raises Unfit for NaN.
    """
    if not (opened := neurons.open).all():
        kept = np.flatnonzero(opened)
        seen = see(neurons.take(kept), heads, axes, most)
        return replace(seen, places=kept[seen.places])
    with np.errstate(over="ignore", invalid="ignore"):
        loudness = np.linalg.norm(neurons.read, axis=1) * np.linalg.norm(neurons.write, axis=1)
    if not np.isfinite(loudness).all():
        raise Unfit("the weights hold NaN, or numbers too large for a model")
    read, write = _views(neurons, axes)
    bits = _pack(read, write)
    places = _loudest(loudness, bits, most)
    chosen = Neurons(neurons.read[places], None, neurons.write[places])
    coordinates = _pack(*(_along(part, axes.random) for part in (chosen.read, chosen.write)))
    intrinsic = _intrinsic(chosen, neurons, heads) if heads else None
    if axes.read is None:
        return Seen(places, None, None, coordinates, intrinsic)
    return Seen(places, fingerprint(read, write), bits[places], coordinates, intrinsic)


def fingerprint(read: Floats, write: Floats) -> Floats:
    """(FEATURES,) of n neurons that read and write along these unit vectors (n, BITS).

    Random features of a kernel (Kar and Karnick, 2012): the inner product of two fingerprints is, on average, the sum
    over all pairs of neurons of cos(read, read')^2 cos(write, write'). Twins make it large, all other pairs cancel.
    """
    by_write, by_read, again = _mixing(read.shape[1])
    total = np.zeros(FEATURES, dtype=np.float32)
    for start in range(0, len(read), AT_ONCE):
        some = slice(start, start + AT_ONCE)
        total += ((write[some] @ by_write) * (read[some] @ by_read) * (read[some] @ again)).sum(axis=0)
    return total


@cache
def _mixing(bits: int) -> Floats:
    """(3, bits, FEATURES) of +-1."""
    coins = np.random.RandomState(FINGERPRINT_SEED).randint(0, 2, (3, bits, FEATURES), dtype=np.int8)
    return (2 * coins - 1).astype(np.float32)


def _views(neurons: Neurons, axes: Axes) -> tuple[Floats, Floats]:
    """(n, BITS) what each neuron reads and writes, along the anchors where there are any, as unit vectors.

    Factors that were moved between reading and writing are taken out first, then the mean over neurons.
    """
    if axes.read is None or axes.write is None or axes.gate is None:
        return _along(neurons.read, axes.random), _along(neurons.write, axes.random)
    read, write = _along(neurons.read, axes.read), _along(neurons.write, axes.write)
    return (read if neurons.gate is None else _unit(read + _along(neurons.gate, axes.gate))), write


def _along(vectors: Floats, axes: Floats) -> Floats:
    seen = _unit(vectors) @ axes.T
    return _unit(seen - seen.mean(axis=0))


def _loudest(loudness: Floats, bits: Packed, most: int) -> Ints:
    _, first = np.unique(bits, axis=0, return_index=True)
    different = np.sort(first[loudness[first] > 0])
    return np.sort(different[np.argsort(-loudness[different], kind="stable")[:most]])


def _intrinsic(chosen: Neurons, neurons: Neurons, heads: Heads) -> Packed:
    """Numbers that depend on neither axes nor tokenizer: v'Mv, v'LMv and v'KLMv for forms K, L, M of the block.

    The forms are query with key, value with output, and the MLP itself, each summed over heads or neurons, so that the
    order of these does not matter; K and L are also transposed. What a neuron reads gives one vector, what it writes
    the other.
    """
    forms = (_pairs(heads.query, heads.key), _pairs(heads.output, heads.value), (neurons.write, neurons.read))
    seen = [_flattened(_standardised(_forms_at(_unit(part), forms))) for part in (chosen.read, chosen.write)]
    noise = random_matrix(INTRINSIC_BITS, seen[0].shape[1], INTRINSIC_SEED)
    return _pack(*(part @ noise.T for part in seen))


def _forms_at(vectors: Floats, forms: Sequence[Form]) -> Floats:
    """(m, F) v'Mv, v'LMv and v'KLMv, by the images of v and of Mv under all forms and their transposes."""
    images = _images(vectors, forms)
    plain = images[: len(forms)]
    found = [(vectors * image).sum(axis=1) for image in plain]
    found += [(one * two).sum(axis=1) for place, one in enumerate(images) for two in images[place:]]
    found += [(one * two).sum(axis=1) for image in plain for two in _images(image, forms) for one in images]
    return np.stack(found, axis=1)


def _images(vectors: Floats, forms: Sequence[Form]) -> list[Floats]:
    """The vectors (m, d) under each form A'B, given as (A, B), then under each transposed one."""
    turned = [(right, left) for left, right in forms]
    return [np.asarray(vectors @ right.T @ left) for left, right in (*forms, *turned)]


def _pairs(left: Floats, right: Floats) -> tuple[Floats, Floats]:
    """The rows of all heads, those that several heads share repeated."""
    width = left.shape[-1]
    return left.reshape(-1, width), np.repeat(right, len(left) // len(right), axis=0).reshape(-1, width)


def _standardised(features: Floats) -> Floats:
    """Square roots with their signs, as mean 0 and deviation 1 over the neurons: the forms differ widely in scale."""
    scaled = features / np.maximum(np.abs(features).mean(axis=0), 1e-30)
    rooted = np.sign(scaled) * np.sqrt(np.abs(scaled))
    return np.asarray((rooted - rooted.mean(axis=0)) / np.maximum(rooted.std(axis=0), 1e-12))


def _flattened(features: Floats) -> Floats:
    """The same with the singular values rooted: what all neurons have in common, any model's have."""
    left, values, right = np.linalg.svd(features, full_matrices=False)
    return np.asarray((left * np.sqrt(values)) @ right)


def _pack(read: Floats, write: Floats) -> Packed:
    return np.packbits(np.concatenate([read > 0, write > 0], axis=1), axis=1)


def _unit(values: Floats) -> Floats:
    return np.asarray(values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-30))
