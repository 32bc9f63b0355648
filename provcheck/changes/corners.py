"""Three models as a triangle: what was changed in two models independently is at a right angle, seen from their parent.

That tells which of several parents a merge may count changes from. It says nothing about descent: a triangle has no
beginning, and a parent sees its two children as a model sees its own parent and its own child. What two children have
in common makes the first angle acute; but a child that is trained on what its grandparent knew goes back part of the
way, which makes the second as acute. And a model that was trained on the text of its nephew stands at a right angle
between this and their common ancestor. `python -m reference_embeddings.recipe changes` prints all of these angles.
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
