"""All documented pairs of a bank by relation: how far apart each mechanism leaves a model and its parent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from provcheck.bank import Bank
from provcheck.bank.manifest import BankEntry
from provcheck.signals import all_signals
from provcheck.signals.stacks import compare_all
from provcheck.types import Relation

MAX_REFERENCES = 500
ROUNDING = 1e-6
"""Numbers below this are rounding noise, which differs from machine to machine."""

NEITHER = "neither related nor independent"

Spread = tuple[float, float, float]
"""Lowest, median and highest."""

Kind = tuple[Relation, str]


@dataclass(frozen=True)
class PairGroup:
    """Pairs of one kind, with the spread of every number that the signals give for them."""

    relation: Relation
    kind: str
    pairs: int
    numbers: Mapping[str, Spread]


def pair_groups(bank: Bank) -> list[PairGroup]:
    """Every documented pair of the bank's first 500 references, grouped; related kinds first, nearest first.

    Pairs that only a distillation connects are neither related nor independent, and come last.
    """
    kinds = _kinds(bank)
    found: dict[Kind, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for name, signal in all_signals().items():
        if name not in bank.stacks:
            continue
        stack, rows = bank.part(name, range(min(len(bank.references), MAX_REFERENCES)))
        for first, second, values in compare_all(signal, stack):
            kind = kinds.get((int(rows[first]), int(rows[second])))
            for number in signal.numbers(values) if kind else ():
                if kind and number.value is not None:
                    found[kind][number.name].append(number.value)
    counts = list(kinds.values())
    made = [
        PairGroup(*kind, counts.count(kind), {name: _spread(values) for name, values in numbers.items()})
        for kind, numbers in found.items()
    ]
    return sorted(made, key=lambda group: (list(Relation).index(group.relation), _first_median(group)))


def markdown(groups: list[PairGroup]) -> str:
    """The groups as a Markdown table: median and range of each number."""
    names = list(dict.fromkeys(name for group in groups for name in group.numbers))
    lines = [f"| relation | kind | pairs | {' | '.join(names)} |", f"|---|---|---:|{'---|' * len(names)}"]
    for group in groups:
        cells = (_median_and_range(group.numbers[name]) if name in group.numbers else "-" for name in names)
        relation = NEITHER if group.relation is Relation.INCONCLUSIVE else group.relation
        lines.append(f"| {relation} | {group.kind} | {group.pairs} | {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def _kinds(bank: Bank) -> dict[tuple[int, int], Kind]:
    """Relation and kind of every documented pair, by rows; inconclusive for those that only a distillation connects."""
    references = bank.references[:MAX_REFERENCES]
    found: dict[tuple[int, int], Kind] = {}
    for i, first in enumerate(references):
        for j in range(i + 1, len(references)):
            relation = bank.ancestry.relation(first.id, references[j].id)
            if relation is not Relation.INCONCLUSIVE or bank.ancestry.only_distilled(first.id, references[j].id):
                found[i, j] = _kind(bank, first, references[j], relation)
    return found


def _kind(bank: Bank, first: BankEntry, second: BankEntry, relation: Relation) -> Kind:
    """A pair of parent and child is named by the child's mechanism."""
    if relation.related or relation is Relation.INCONCLUSIVE:
        child = first if second.id in first.parents else second if first.id in second.parents else None
        kin = "other kin (siblings, generations apart)" if relation.related else "a distillation between them"
        return relation, child.mechanism if child else kin
    if relation is Relation.SAME_RECIPE:
        if bank.ancestry.share_start(first.id, second.id):
            return relation, "one random initialisation, trained apart"
        roots = first.mechanism == second.mechanism == "from-scratch"
        size = "same size" if first.parameters == second.parameters else "another size"
        return relation, f"roots, {size}" if roots else "their descendants"
    return relation, "same architecture" if first.model_type == second.model_type else "another architecture"


def _spread(values: list[float]) -> Spread:
    return float(np.min(values)), float(np.median(values)), float(np.max(values))


def _first_median(group: PairGroup) -> float:
    return next(iter(group.numbers.values()))[1]


def _median_and_range(values: Spread) -> str:
    low, median, high = (f"< {ROUNDING:g}" if value < ROUNDING else f"{value:.3g}" for value in values)
    return f"{median} ({low} to {high})"
