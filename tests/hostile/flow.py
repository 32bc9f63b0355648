"""From a measurement to a verdict, through every step that reads numbers of a bank."""

from __future__ import annotations

from provcheck.bank import Bank
from provcheck.comparison import compare, examine
from provcheck.lineage import draw_map, place
from provcheck.types import Comparison, Measurement, Verdict
from provcheck.verdict import choose_judge, decide
from provcheck.verdict.merges import name_parents


def judge(measurement: Measurement, bank: Bank, comparisons: tuple[Comparison, ...]) -> Verdict:
    """What the pipeline finds out from comparisons."""
    chosen = choose_judge(bank, 0.01)
    comparisons, verdict = decide(comparisons, chosen, measurement.facts, bank.ancestry)
    facts = chosen.facts(comparisons)
    assert facts.name
    assert {one.judged_by for one in comparisons if one.judged_by} == {panel.signals for panel in facts.panels}
    assert all(len(null.edges) == len(null.counts) + 1 for panel in facts.panels for null in panel.null.values())
    return name_parents(verdict, comparisons, measurement, bank)


def go_through(measurement: Measurement, bank: Bank) -> Verdict:
    """All steps of the pipeline after measuring."""
    comparisons = compare(measurement, bank)
    place(measurement, bank, comparisons)
    draw_map(measurement, bank, comparisons)
    examine(comparisons, comparisons[0].reference, measurement, bank)
    return judge(measurement, bank, comparisons)
