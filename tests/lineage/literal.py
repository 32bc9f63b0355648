"""Trees the slow way, straight from the definitions, to hold the quick ones against."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

from provcheck.types import Floats

Split = frozenset[int]
"""The side of an edge without tip 0."""


@dataclass(frozen=True)
class LiteralTree:
    """An unrooted tree as the lengths of its edges, each named by the tips on its side without tip 0."""

    tips: int
    edges: dict[Split, float]

    @property
    def inner(self) -> set[Split]:
        """The splits with two tips at least on either side."""
        return {side for side in self.edges if 1 < len(side) < self.tips - 1}

    def distances(self) -> Floats:
        """(M, M): the sum of the edges between two tips."""
        matrix = np.zeros((self.tips, self.tips))
        for i, j in itertools.permutations(range(self.tips), 2):
            matrix[i, j] = sum(length for side, length in self.edges.items() if (i in side) != (j in side))
        return matrix


def without_zero(side: Split, tips: int) -> Split:
    """The same split, named by its other side where tip 0 is in this one."""
    return frozenset(range(tips)) - side if 0 in side else side


def literal_neighbor_joining(distances: Floats) -> LiteralTree:
    """Saitou and Nei (1987) in the form of Studier and Keppler (1988); negative lengths become zero at the end."""
    tips = len(distances)
    d = {
        frozenset((frozenset((i,)), frozenset((j,)))): distances[i, j]
        for i, j in itertools.combinations(range(tips), 2)
    }
    clusters = [frozenset((tip,)) for tip in range(tips)]
    edges: dict[Split, float] = {}

    def between(a: Split, b: Split) -> float:
        return float(d[frozenset((a, b))]) if a != b else 0.0

    while len(clusters) > 3:
        n = len(clusters)
        total = {a: sum(between(a, b) for b in clusters) for a in clusters}
        a, b = min(itertools.combinations(clusters, 2), key=lambda p: (n - 2) * between(*p) - total[p[0]] - total[p[1]])
        edges[a] = between(a, b) / 2 + (total[a] - total[b]) / (2 * (n - 2))
        edges[b] = between(a, b) - edges[a]
        joined = a | b
        clusters = [c for c in clusters if c not in (a, b)]
        for c in clusters:
            d[frozenset((joined, c))] = (between(a, c) + between(b, c) - between(a, b)) / 2
        clusters.append(joined)
    x, y, z = clusters
    for one, two, three in ((x, y, z), (y, z, x), (z, x, y)):
        edges[one] = (between(one, two) + between(one, three) - between(two, three)) / 2
    return LiteralTree(tips, {without_zero(side, tips): max(0.0, length) for side, length in edges.items()})


def literal_average_linkage(distances: Floats) -> set[Split]:
    """The inner splits of the tree that joins, each time, the two clusters with the least mean distance."""
    tips = len(distances)
    clusters = [frozenset((tip,)) for tip in range(tips)]
    found = set()
    while len(clusters) > 1:
        pairs = itertools.combinations(clusters, 2)
        a, b = min(pairs, key=lambda p: np.mean([distances[i, j] for i in p[0] for j in p[1]]))
        clusters = [c for c in clusters if c not in (a, b)] + [a | b]
        found.add(without_zero(a | b, tips))
    return {side for side in found if 1 < len(side) < tips - 1}


@st.composite
def trees(draw: st.DrawFn, most: int = 12) -> LiteralTree:
    """Any tree of which every inner node has three edges, with clear lengths: tips are hung into edges one by one."""
    tips = draw(st.integers(3, most))
    sides: list[Split] = [frozenset((1,)), frozenset((2,)), frozenset((1, 2))]  # the edge of tip 0 is the last
    for tip in range(3, tips):
        place = draw(st.integers(0, len(sides) - 1))
        hung = sides[place]
        grown = [side | {tip} if hung < side else side for side in sides]
        sides = [*grown, hung | {tip}, frozenset((tip,))]
    lengths = draw(st.lists(st.floats(0.05, 1), min_size=len(sides), max_size=len(sides)))
    return LiteralTree(tips, dict(zip(sides, lengths, strict=True)))


def noise(tips: int, seed: int) -> Floats:
    """(M, M) distances that are those of no tree."""
    half = np.triu(np.random.default_rng(seed).uniform(0.1, 1, (tips, tips)), 1)
    return np.asarray(half + half.T)
