"""Three models as a triangle: changes that were made independently are at right angles to each other.

Training starts where a model is and moves it in a direction of its own. So of three related models, the one that the
other two were reached from, or that lies on the way between them, sees them at a right angle; they see it and each
other at an acute one.
"""

from __future__ import annotations

from itertools import combinations

from provcheck.types import Floats

UPRIGHT = 0.35
"""Cosine of the angle, either way, up to which a corner may be a right one."""


def corner(distances: Floats, at: int, one: int, two: int) -> float:
    """Cosine of the angle at a model between two others, from the (M, M) distances of models; 0 where two are equal."""
    left, right, across = distances[at, one], distances[at, two], distances[one, two]
    sides = 2 * left * right
    return float((left**2 + right**2 - across**2) / sides) if sides else 0.0


def may_be_between(distances: Floats, at: int) -> bool:
    """Whether a model sees all others at angles that may be right ones, as a common base does."""
    others = [number for number in range(len(distances)) if number != at]
    return all(abs(corner(distances, at, *pair)) <= UPRIGHT for pair in combinations(others, 2))
