"""Which blocks of one model are like which of another: a heat map, and its order in words."""

from __future__ import annotations

from collections.abc import Sequence

from provcheck import wording
from provcheck.signals.describing import Figure, HeatMap, Marked, Row, Table
from provcheck.signals.weights.reading import HIGH, match
from provcheck.signals.weights.sketching import MOST_BLOCKS
from provcheck.signals.weights.values import WeightsValues, weights_of
from provcheck.types import Comparison

Blocks = tuple[tuple[float, ...], ...]
"""(B1, B2) matches: own blocks by those of the reference."""

Partners = Sequence[int | None]
"""For each own block the reference's block that it matches best; None where that is no match."""

READING = (
    "Each row is a block of this model, each column one of the reference, in the order that a text passes through "
    "them. The stronger a cell's colour, the more neurons have their twin there; each row's best match has a frame. "
    "Frames from the top left to the bottom right are blocks in the reference's order. "
    f"Of a model with more than {MOST_BLOCKS} blocks, {MOST_BLOCKS} are compared, evenly spaced from first to last."
)


def blocks_figure(nearest: Comparison | None) -> Figure:
    """The matches of all pairs of blocks with the reference that decides."""
    id, heading, found = "blocks", "Which blocks match", weights_of(nearest)
    blocks = blocks_of(found)
    if nearest is None or found is None or not blocks:
        return Figure(id, heading, Marked("Blocks were not compared."))
    kind = "coordinate match" if found.anchored_match is None else "anchored match"
    labels = [label(at) for at in range(max(len(blocks), len(blocks[0])))]
    rows, columns = tuple(labels[: len(blocks)]), tuple(labels[: len(blocks[0])])
    numbers = [tuple(match(one) for one in row) for row in blocks]
    chart = _chart(blocks, (rows, columns), numbers, kind)
    table = Table(
        f"{kind.capitalize()} of each block of this model with each of the reference, one a column",
        ("Own block", *columns),
        [(name, *row) for name, row in zip(rows, numbers, strict=True)],
        frozenset(range(1, len(columns) + 1)),
    )
    finding = Marked(" ".join(in_words(partners_of(blocks), len(columns))), {"reference": nearest.reference})
    return Figure(id, heading, finding, chart, READING, annex=[table])


def blocks_of(found: WeightsValues | None) -> Blocks:
    """The matches of a report, which is untrusted; empty if they are no table."""
    blocks = found.blocks if found else ()
    return blocks if len({len(row) for row in blocks}) == 1 and blocks[0] else ()


def partners_of(blocks: Blocks) -> list[int | None]:
    """The best partner of each own block, where it is a match."""
    best = [max(range(len(row)), key=row.__getitem__) for row in blocks]
    return [at if row[at] >= HIGH else None for at, row in zip(best, blocks, strict=True)]


def in_words(partners: Partners, columns: int) -> list[str]:
    """Sentences for a template: how many blocks match, in which order, and which of the reference's are left over."""
    found = [one for one in partners if one is not None]
    if not found:
        return ["No block of this model matches one of {reference}."]
    if found == list(range(columns)) == list(partners):
        return [f"The {wording.plural(columns, 'compared block')} match those of {{reference}}, in order."]
    many = "All" if len(found) == len(partners) else f"{len(found)} of the"
    blocks = f"{many} {wording.plural(len(partners), 'compared block')} of this model"
    return [f"{blocks} match one of {{reference}}, {_order(found)}.", *_left(found, partners, columns)]


def label(at: int) -> str:
    """Blocks are counted from 1."""
    return str(at + 1)


def _order(found: list[int]) -> str:
    if found == sorted(set(found)):
        return "in the same order"
    if found == sorted(found):
        return "in the same order, but several the same one, as when blocks are repeated"
    return "but not in the same order"


def _left(found: list[int], partners: Partners, columns: int) -> list[str]:
    """The reference's blocks that no own block matches best; dropped only if every block of both was compared."""
    left = sorted(set(range(columns)) - set(found))
    if not left:
        return []
    which = ("block " if len(left) == 1 else "blocks ") + ", ".join(label(at) for at in left)
    whole = columns < MOST_BLOCKS and len(partners) < MOST_BLOCKS
    why = "; left out, it seems" if whole and len(found) == len(partners) else ""
    return [f"None matches the reference's {which} best{why}."]


def _chart(blocks: Blocks, labels: tuple[Row, Row], numbers: Sequence[Row], kind: str) -> HeatMap:
    framed = frozenset((row, column) for row, column in enumerate(partners_of(blocks)) if column is not None)
    each = ", ".join(f"{label(row)} with {label(column)} ({numbers[row][column]})" for row, column in sorted(framed))
    return HeatMap(
        title="Match of each block with each of the reference",
        description=f"{len(labels[0])} blocks of this model by {len(labels[1])} of the reference. Best matches: "
        f"{each or 'none'}.",
        rows=labels[0],
        columns=labels[1],
        values=blocks,
        numbers=numbers,
        framed=framed,
        row_title="blocks of this model",
        column_title="blocks of the reference",
        scale_title=f"{kind}: share of neurons with a twin",
    )
