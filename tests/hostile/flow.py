"""From a measurement to a verdict, through every step that reads numbers of a bank."""

from __future__ import annotations

from provcheck.bank import Bank
from provcheck.comparison import agreement, compare
from provcheck.lineage import draw_map, place
from provcheck.types import Comparison, Measurement, Verdict
from provcheck.verdict import choose_judge, decide
from provcheck.verdict.merges import name_parents


def judge(measurement: Measurement, bank: Bank, comparisons: tuple[Comparison, ...]) -> Verdict:
    """What the pipeline finds out from comparisons."""
    chosen = choose_judge(bank, measurement, [comparison.reference for comparison in comparisons], 0.01)
    comparisons, verdict = decide(comparisons, chosen, measurement.facts.coverage, bank.kinship)
    assert chosen.name
    assert chosen.null is None or len(chosen.null.edges) == len(chosen.null.counts) + 1
    return name_parents(verdict, comparisons, measurement, bank)


def go_through(measurement: Measurement, bank: Bank) -> Verdict:
    """All steps of the pipeline after measuring."""
    comparisons = compare(measurement, bank)
    place(measurement, bank, comparisons)
    draw_map(measurement, bank, comparisons)
    agreement(measurement, bank, comparisons[0].reference)
    return judge(measurement, bank, comparisons)
