"""Three models as a triangle: what was changed in two models independently is at a right angle, seen from their parent.

That tells which of several parents a merge may count changes from. It does not tell who was first, so it says nothing
about descent. A triangle has no beginning: a parent sees its two children at the angle at which a model sees its own
parent and its own child. What two children have in common makes the first angle a little acute, up to a cosine of 0.5;
but a child that is trained on its grandparent's data goes back part of the way, which makes the second as acute (0.36).
"""

from __future__ import annotations

from itertools import combinations

from provcheck.types import Floats

UPRIGHT = 0.35
"""Cosine, either way, up to which an angle may be a right one."""


def corner(distances: Floats, at: int, one: int, two: int) -> float:
    """Cosine of the angle at a model between two others, from the (M, M) distances of models; 1 where two are equal."""
    left, right, across = distances[at, one], distances[at, two], distances[one, two]
    sides = 2 * left * right
    return float((left**2 + right**2 - across**2) / sides) if sides else 1.0


def may_be_base(distances: Floats, at: int) -> bool:
    """Whether a model sees all others at angles that may be right ones."""
    others = [number for number in range(len(distances)) if number != at]
    return all(abs(corner(distances, at, *pair)) <= UPRIGHT for pair in combinations(others, 2))
