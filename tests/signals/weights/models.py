"""Random models as their anatomy, and what leaves their function as it is."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from provcheck.signals.weights.anchors import load_anchors
from provcheck.signals.weights.heads import Heads
from provcheck.signals.weights.mlps import Neurons
from provcheck.signals.weights.sketching import Sketched, sketch, take_apart
from provcheck.types import Floats, Ints

ANCHORS = [[word] for word in range(len(load_anchors()))]
"""Tokens of the anchors: each is a token of its own."""


@dataclass(frozen=True, eq=False)
class Plain:
    """A model in memory, with the methods of `Anatomy` that a sketch needs."""

    inner: tuple[Neurons, ...]
    heads: tuple[Heads | None, ...]
    embedding: Floats
    head: Floats

    @property
    def width(self) -> int:
        return int(self.embedding.shape[1])

    @property
    def blocks(self) -> int:
        return len(self.inner)

    @property
    def vocabulary(self) -> int:
        return len(self.embedding)

    def mlp(self, block: int) -> Neurons:
        return self.inner[block]

    def attention(self, block: int) -> Heads | None:
        return self.heads[block]

    def input_rows(self, ids: Ints) -> Floats:
        return self.embedding[ids]

    def output_rows(self, ids: Ints) -> Floats:
        return self.head[ids]


def random_model(seed: int, *, width: int = 24, blocks: int = 3, neurons: int = 40, gated: bool = True) -> Plain:
    random = np.random.RandomState(seed)

    def matrix(*shape: int) -> Floats:
        return random.standard_normal(shape).astype(np.float32)

    inner = tuple(
        Neurons(matrix(neurons, width), matrix(neurons, width) if gated else None, matrix(neurons, width))
        for _ in range(blocks)
    )
    heads = tuple(Heads(*(matrix(4, width // 4, width) for _ in range(4))) for _ in range(blocks))
    return Plain(inner, heads, matrix(len(ANCHORS), width), matrix(len(ANCHORS), width))


def changed(model: Plain, size: float, seed: int = 999) -> Plain:
    """Noise of that size, relative to the weights, on every neuron."""
    random = np.random.RandomState(seed)

    def noisy(values: Floats) -> Floats:
        return values + (size * random.standard_normal(values.shape)).astype(np.float32)

    return replace(
        model,
        inner=tuple(
            Neurons(noisy(one.read), None if one.gate is None else noisy(one.gate), noisy(one.write))
            for one in model.inner
        ),
    )


def reordered(model: Plain, seed: int = 1) -> Plain:
    """The neurons of every block in another order."""
    random = np.random.RandomState(seed)
    return replace(model, inner=tuple(_taken(one, random.permutation(len(one))) for one in model.inner))


def rotated(model: Plain, seed: int = 2) -> Plain:
    """The residual stream rotated."""
    turn = np.linalg.qr(np.random.RandomState(seed).standard_normal((model.width, model.width)))[0].astype(np.float32)
    inner = tuple(
        Neurons(one.read @ turn, None if one.gate is None else one.gate @ turn, one.write @ turn) for one in model.inner
    )
    heads = tuple(
        one and Heads(one.query @ turn, one.key @ turn, one.value @ turn, one.output @ turn) for one in model.heads
    )
    return Plain(inner, heads, model.embedding @ turn, model.head @ turn)


def rescaled(model: Plain, seed: int = 3) -> Plain:
    """Positive factors moved between what each neuron reads and writes."""
    random = np.random.RandomState(seed)
    factors = [random.uniform(0.2, 5, (len(one), 1)).astype(np.float32) for one in model.inner]
    pairs = zip(model.inner, factors, strict=True)
    return replace(model, inner=tuple(Neurons(one.read * by, one.gate, one.write / by) for one, by in pairs))


def doubled(model: Plain) -> Plain:
    """Every neuron twice, each writing half."""
    return replace(
        model,
        inner=tuple(
            Neurons(
                np.repeat(one.read, 2, axis=0),
                None if one.gate is None else np.repeat(one.gate, 2, axis=0),
                np.repeat(one.write, 2, axis=0) / 2,
            )
            for one in model.inner
        ),
    )


def heads_reordered(model: Plain) -> Plain:
    heads = tuple(
        one and Heads(one.query[::-1], one.key[::-1], one.value[::-1], one.output[::-1]) for one in model.heads
    )
    return replace(model, heads=heads)


def only_blocks(model: Plain, kept: list[int]) -> Plain:
    return replace(model, inner=tuple(model.inner[one] for one in kept), heads=tuple(model.heads[one] for one in kept))


def sketched(model: Plain, tokens: list[list[int]] | None = None) -> Sketched:
    return take_apart(*sketch(model, ANCHORS if tokens is None else tokens))  # type: ignore[arg-type]


def _taken(neurons: Neurons, order: Ints) -> Neurons:
    return Neurons(neurons.read[order], None if neurons.gate is None else neurons.gate[order], neurons.write[order])
