"""From a measurement to a verdict, through every step that reads numbers of a bank."""

from __future__ import annotations

from provcheck.bank import Bank
from provcheck.comparison import agreement, compare
from provcheck.lineage import draw_map, place
from provcheck.types import Measurement, Verdict
from provcheck.verdict import choose_judge, decide
from provcheck.verdict.merges import name_parents


def judge(measurement: Measurement, bank: Bank) -> Verdict:
    """What the pipeline finds out about a measurement, but for the pictures."""
    comparisons = compare(measurement, bank)
    chosen = choose_judge(bank, measurement, [comparison.reference for comparison in comparisons], 0.01)
    comparisons, verdict = decide(comparisons, chosen, measurement.facts.coverage, bank.kinship)
    assert chosen.name
    assert chosen.null is None or len(chosen.null.edges) == len(chosen.null.counts) + 1
    agreement(measurement, bank, comparisons[0].reference)
    return name_parents(verdict, comparisons, measurement, bank)


def draw(measurement: Measurement, bank: Bank) -> None:
    """The lineage tree and the map."""
    comparisons = compare(measurement, bank)
    place(measurement, bank, comparisons)
    draw_map(measurement, bank, comparisons)
