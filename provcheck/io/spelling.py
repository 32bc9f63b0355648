"""Words that are nearly a known one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from difflib import get_close_matches

LONGEST = 200
"""Characters that are looked at."""

ALIKE = 0.7
"""Of 1, from which a word is worth suggesting."""

SLIP = 2
"""Characters by which two spellings of one id may differ in length."""

_TELLING = re.compile(r"\d+|(?<![a-z])[a-z](?![a-z])")
"""Numbers and single letters tell models apart: 7b from 8b, v0.1 from v0.2, model-a from model-b."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?` with the known word that is most like it; empty where none is."""
    close = get_close_matches(word[:LONGEST], list(known), n=1, cutoff=ALIKE)
    return f"; did you mean '{close[0]}'?" if close else ""


def misspelt(id: str, known: Iterable[str]) -> str | None:
    """The known id that this one is a typing error of; None where it is known, or may well be another model's.

    An error is another case, other separators, or one letter left out, added, exchanged or swapped with its neighbour.
    """
    known = list(known)
    if id in known:
        return None
    return next((other for other in known if _differ_by_a_slip(id.lower()[:LONGEST], other.lower()[:LONGEST])), None)


def _differ_by_a_slip(one: str, other: str) -> bool:
    if abs(len(one) - len(other)) > SLIP or _TELLING.findall(one) != _TELLING.findall(other):
        return False
    return _letters(one) == _letters(other) or _one_edit(one, other)


def _letters(text: str) -> str:
    return re.sub(r"[-_. ]", "", text)


def _one_edit(one: str, other: str) -> bool:
    """Whether one insertion, deletion, substitution or swap of neighbours leads from one to the other."""
    start = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
    rest, others = one[start:], other[start:]
    swapped = rest[1:2] + rest[:1] + rest[2:] == others
    return swapped or rest[1:] == others[1:] or rest[1:] == others or rest == others[1:]
