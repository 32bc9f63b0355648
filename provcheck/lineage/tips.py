"""Which models are shown on a tree or a map."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from provcheck.bank import Bank
from provcheck.types import Floats, Measurement, Reference

NEAREST = 20
"""References nearest to the subject that are shown beside one of each family."""

MAX_FAMILIES = 40

WHOLE = 500
"""References of the largest bank that is shown whole: a larger picture cannot be read, and takes minutes."""

SUBJECT_MARK = " (subject)"


@dataclass(frozen=True)
class Tips:
    """Models to show: the subject, where there is one, before references in the order of their ids.

    That order makes trees and maps independent of the bank's. blocks: (M, B, K) float32, contrast view. `left_out` are
    the ids of references without attributions: they have no distance to anything. `silent`: nor has the subject.
    """

    subject: str | None
    references: tuple[Reference, ...]
    blocks: Floats
    left_out: tuple[str, ...] = ()
    silent: bool = False

    @property
    def ids(self) -> list[str]:
        """The models' ids, as they are."""
        return [*([self.subject] if self.subject is not None else []), *(one.id for one in self.references)]

    @cached_property
    def labels(self) -> list[str]:
        """What stands at the tips: ids with single spaces, for Newick has no line breaks, and the subject marked.

        No two are the same, whatever the ids are.
        """
        found: dict[str, None] = {}
        for place, id in enumerate(self.ids):
            marked = id + SUBJECT_MARK if place == 0 and self.subject is not None else id
            label = stem = " ".join(marked.split())
            number = 2
            while label in found:
                label, number = f"{stem} ({number})", number + 1
            found[label] = None
        return list(found)

    def why_not(self, least: int, what: str) -> str | None:
        """Why these are too few for a tree or a map, or None when there are `least` of them."""
        if self.silent:
            return "the subject has no attributions"
        if len(self.blocks) >= least:
            return None
        count = {3: "three", 4: "four"}[least]
        return f"a {what} needs at least {count} models with attributions, and there are {len(self.blocks)}"


def gather(bank: Bank, rows: Iterable[int], measurement: Measurement | None = None) -> Tips:
    """The subject, if any, and the references of these rows; reads nothing else of the bank's arrays."""
    chosen = sorted(rows, key=lambda row: bank.references[row].id)
    blocks = bank.contrast_blocks[chosen].astype(np.float32)
    speaks = [bool(one.any()) for one in blocks]
    left_out = tuple(bank.references[row].id for row, voice in zip(chosen, speaks, strict=True) if not voice)
    references = tuple(bank.references[row] for row, voice in zip(chosen, speaks, strict=True) if voice)
    if measurement is None:
        return Tips(None, references, blocks[speaks], left_out)
    own = measurement.contrast_blocks[None].astype(np.float32)
    both = np.concatenate([own, blocks[speaks]])
    return Tips(measurement.subject.id, references, both, left_out, silent=not own.any())


def nearby(references: Sequence[Reference], nearest_first: Sequence[str]) -> list[int]:
    """Rows of the nearest references, and of one of each family: its nearest, or else its first in the bank."""
    rows = {reference.id: row for row, reference in enumerate(references)}
    families: dict[str, int] = {}
    for row in [*(rows[id] for id in nearest_first), *range(len(references))]:
        families.setdefault(references[row].family, row)
    return sorted({rows[id] for id in nearest_first[:NEAREST]} | set(list(families.values())[:MAX_FAMILIES]))


def whole(bank: Bank, nearest_first: Sequence[str] = ()) -> tuple[list[int], str | None]:
    """Every row of a bank, or those of `nearby` with the sentence that says so when it is too large."""
    total = len(bank.references)
    if total <= WHOLE:
        return list(range(total)), None
    rows = nearby(bank.references, nearest_first)
    near = f"the {min(NEAREST, len(nearest_first))} nearest references and " if nearest_first else ""
    each = f"one of each family, {MAX_FAMILIES} at most"
    return rows, f"{total} references are too many for one picture: it shows {near}{each}"
