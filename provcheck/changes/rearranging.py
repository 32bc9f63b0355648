"""The same neurons and channels in another order, size or basis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from provcheck.changes.opened import Opened
from provcheck.changes.tensor_names import Names, common
from provcheck.changes.token_rows import CommonTokens, row_cosines
from provcheck.types import Arrangement, BlockPair, Floats, Ints

SAMPLED = 256
"""Rows of a matrix whose twins are looked for among all rows of the other."""

KIN, TWIN = 0.6, 0.95
"""Cosine from which a neuron is another's, perhaps trained on, and from which rows are the same. Of rows that have
nothing in common the largest among hundreds is near 0.4; short rows come nearer by chance."""

SAME, RESIZED = 0.995, 0.05
"""Cosine from which rows are parallel, and by how much the length of such rows must differ to count as scaled."""

COPY = 0.999
TOKENS = 1024


@dataclass(frozen=True)
class Rows:
    """Shares of rows: in another place, of another length."""

    moved: float = 0.0
    scaled: float = 0.0


def arrangement(
    first: Opened, second: Opened, pairs: Sequence[BlockPair], tokens: CommonTokens | None
) -> Arrangement | None:
    """None where it is not known how one of the models stores its neurons."""
    if first.anatomy is None or second.anatomy is None:
        return None
    kinds = _by_kind(first.names, second.names, pairs)
    found, neurons = _neurons(first, second, pairs)
    channels = _channels(tokens)
    return Arrangement(
        moved_rows=max((one.moved for one in kinds), default=0.0),
        scaled_rows=max((one.scaled for one in kinds), default=0.0),
        found_rows=found,
        moved_channels=channels[0],
        found_channels=channels[1],
        geometry=_geometry(tokens),
        basis=_basis(tokens),
        widths=(first.anatomy.width, second.anatomy.width),
        neurons=neurons,
    )


def repeated_neurons(model: Opened) -> float:
    """Share of neurons that read along the same direction as another of their block."""
    if model.anatomy is None:
        return 0.0
    shares = []
    for block in range(model.anatomy.blocks):
        rows = _unit(model.anatomy.mlp(block).read)
        places = _places(len(rows))
        alike = np.abs(rows[places] @ rows.T)
        alike[np.arange(len(places)), places] = 0
        shares.append(float((alike.max(axis=1) > COPY).mean()))
    return float(np.median(shares))


def compare_rows(first: Floats, second: Floats) -> Rows:
    """Rows of two matrices (M, N) of one shape."""
    at = _places(len(first))
    same = np.abs(row_cosines(first[at], second[at]))
    lengths = np.linalg.norm(first[at], axis=1) / np.maximum(np.linalg.norm(second[at], axis=1), 1e-30)
    scaled = float(((same > SAME) & (np.abs(lengths - 1) > RESIZED)).mean())
    if np.median(same) > KIN:
        return Rows(0.0, scaled)
    best, where = _twins(first[at], second)
    return Rows(float(((best > TWIN) & (where != at)).mean()), scaled)


def _by_kind(first: Names, second: Names, pairs: Sequence[BlockPair]) -> list[Rows]:
    """Of rows and of columns, for each kind of matrix: the median over blocks."""
    found: dict[tuple[str, bool], list[Rows]] = {}
    for one, other in _matched(pairs, len(second.blocks)):
        for kind, name, partner in common(first.matrices(one), second.matrices(other), first, second):
            a, b = first.matrix(name), second.matrix(partner)
            found.setdefault((kind, False), []).append(compare_rows(a, b))
            found.setdefault((kind, True), []).append(compare_rows(a.T, b.T))
    return [
        Rows(float(np.median([one.moved for one in rows])), float(np.median([one.scaled for one in rows])))
        for rows in found.values()
    ]


def _neurons(first: Opened, second: Opened, pairs: Sequence[BlockPair]) -> tuple[float, tuple[int, int]]:
    """Share of the smaller MLP's neurons with a twin in the larger one, median over blocks; both sizes."""
    one, two = first.anatomy, second.anatomy
    if one is None or two is None or not one.blocks or not two.blocks:
        return 0.0, (0, 0)
    shares, sizes = [], (len(one.mlp(0)), len(two.mlp(0)))
    for own, other in _matched(pairs, two.blocks):
        rows = sorted((one.mlp(own).read, two.mlp(other).read), key=len)
        if rows[0].shape[1] == rows[1].shape[1]:
            best, _ = _twins(rows[0][_places(len(rows[0]))], rows[1])
            shares.append(float((best > KIN).mean()))
    return float(np.median(shares)) if shares else 0.0, sizes


def _channels(tokens: CommonTokens | None) -> tuple[float, float]:
    """Shares of the narrower embedding's channels that the wider one has in another place, and has at all."""
    if tokens is None:
        return 0.0, 0.0
    narrow, wide = sorted((tokens.first, tokens.second), key=lambda rows: rows.shape[1])
    best, where = _twins(_centred(narrow).T, _centred(wide).T)
    found = best > TWIN
    moved = found & (where != np.arange(len(where))) if narrow.shape == wide.shape else np.zeros_like(found)
    return float(moved.mean()), float(found.mean())


def _geometry(tokens: CommonTokens | None) -> float | None:
    """Correlation of the cosines between tokens, which no rotation changes."""
    if tokens is None or len(tokens.first) < 3:
        return None
    step = max(1, len(tokens.first) // TOKENS)
    one, two = (_unit(_centred(rows[::step])) for rows in (tokens.first, tokens.second))
    upper = np.triu_indices(len(one), 1)
    return float(np.corrcoef((one @ one.T)[upper], (two @ two.T)[upper])[0, 1])


def _basis(tokens: CommonTokens | None) -> float | None:
    """Median cosine of a token's two rows as stored, both centred; None for streams of different width."""
    if tokens is None or tokens.first.shape != tokens.second.shape:
        return None
    return float(np.median(row_cosines(_centred(tokens.first), _centred(tokens.second))))


def _matched(pairs: Sequence[BlockPair], blocks: int) -> Iterator[tuple[int, int]]:
    """Blocks with their partner; in their own order where no block has one."""
    if any(pair.partner is not None for pair in pairs):
        yield from ((pair.block, pair.partner) for pair in pairs if pair.partner is not None)
    else:
        yield from ((number, number) for number in range(min(len(pairs), blocks)))


def _twins(rows: Floats, others: Floats) -> tuple[Floats, Ints]:
    """For each row the absolute cosine of its nearest among the others, and where that is."""
    alike = np.abs(_unit(rows) @ _unit(others).T)
    return alike.max(axis=1), alike.argmax(axis=1)


def _places(count: int) -> Ints:
    return np.linspace(0, count - 1, min(SAMPLED, count)).astype(np.int64)


def _centred(rows: Floats) -> Floats:
    return np.asarray(rows - rows.mean(axis=0))


def _unit(rows: Floats) -> Floats:
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-30))
