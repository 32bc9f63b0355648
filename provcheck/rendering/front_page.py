"""The first page of a report: what was asked, the strongest numbers in words, and what was not measured."""

from __future__ import annotations

from math import floor, log10

from provcheck import wording
from provcheck.io.text import short_name
from provcheck.rendering.columns import title_of
from provcheck.rendering.declared import ADAPTER, ASKED, CARD, CLAIMED, Claim, bases_of
from provcheck.rendering.facts import IN_PART, NO_WEIGHTS, Pairs, coverage_of
from provcheck.rendering.identity import report_uuid
from provcheck.signals import find_signal, signal_of
from provcheck.types import Comparison, NotMeasured, PanelFacts, Report, SignalValues

STRONGEST = 3
"""Numbers that the first page shows; all follow on the next."""

SMALL_P = 0.001
"""An exact p-value up to this is worth the first page."""

SCALES = {1e12: "trillion", 1e9: "billion", 1e6: "million"}
WHO = {
    CLAIMED: "as claimed for this audit",
    CARD: "as its card says",
    ADAPTER: "as its adapter says",
    ASKED: "named by --reference",
}


def question(report: Report) -> str:
    """What was asked, by the claim that comes first."""
    named = bases_of(report)
    if not named:
        return "Whose weights does it descend from?"
    return f"Does it descend from {_said(named[0])}?"


def identity_of(report: Report) -> Pairs:
    """What was asked of what, when, and by which files: term and value."""
    subject, digests = report.subject, report.digests
    size = f"{subject.parameters:,} parameters" if subject.parameters else None
    parts = (subject.architecture or subject.model_type, size, f"from {subject.source}")
    revision = f", revision {subject.revision}" if subject.revision else ""
    return [
        ("Model", f"{subject.id}{revision} ({', '.join(part for part in parts if part)})"),
        ("sha256 of its weights", digests.weights or (IN_PART if subject.in_part else NO_WEIGHTS)),
        *(("Base model", f"{_said(one)}. {one.finding}") for one in bases_of(report)[:STRONGEST]),
        ("Compared with", f"the bank {report.bank.name}, {wording.plural(report.bank.references, 'reference')}"),
        ("sha256 of the bank", digests.bank),
        (
            "Measured",
            f"{report.measurement.measured_at:%Y-%m-%d %H:%M %Z}".strip() + f", by provcheck {report.tool.version}",
        ),
        ("Report", str(report_uuid(report))),
        ("sha256 of the report", report.digest or "without a digest"),
    ]


def strongest(report: Report) -> list[str]:
    """The two or three strongest numbers in words: of a related reference, how rare so much likeness is."""
    chosen = _chosen(report)
    panel = _accuser(report, chosen)
    if chosen is None or panel is None:
        return list(report.verdict.reasons[:STRONGEST])
    pairs = f"Of {wording.plural(panel.independent_pairs, 'pair')} of unrelated models, none was this close."
    return [pairs, *_by_chance(report), *_lead(panel, chosen)]


def further(report: Report) -> list[str]:
    """All reasons of the verdict, where the first page does not show them all."""
    reasons = list(report.verdict.reasons)
    return [] if strongest(report) == reasons else reasons


def gaps(report: Report) -> list[str]:
    """What was not measured, or not wholly, and why."""
    lines = []
    for name, facts in report.measurement.signals.items():
        if isinstance(facts, NotMeasured):
            lines.append(f"{title_of(name)}: {facts.not_measured.removesuffix('.')}.")
        elif facts.coverage.measured < facts.coverage.total:
            lines.append(f"{title_of(name)}: {coverage_of(facts.coverage)}.")
    lines += _not_compared(report)
    lines += [
        f"{short_name(base)}, a claimed base: {why.removesuffix('.')}." for base, why in report.unavailable.items()
    ]
    return lines or ["Nothing was left out of what this version measures."]


def _said(claim: Claim) -> str:
    return f"{claim.declared}, {WHO[claim.topic]}"


def _chosen(report: Report) -> Comparison | None:
    """The comparison with the verdict's reference."""
    return next((one for one in report.comparisons if one.reference == report.verdict.reference), None)


def _accuser(report: Report, chosen: Comparison | None) -> PanelFacts | None:
    """The panel that calls the reference related, for its score is above that of every independent pair."""
    if chosen is None or not chosen.relation.related or chosen.score is None:
        return None
    panel = next((one for one in report.judge.panels if one.signals == chosen.judged_by), None)
    return panel if panel and chosen.score > panel.accuse_above else None


def _by_chance(report: Report) -> list[str]:
    p_value = report.verdict.exact_p_value
    if p_value is None or p_value > SMALL_P:
        return []
    return [
        "Had the two models been initialised independently, chance would make their neurons so alike in at most one "
        f"of {_count(1 / max(p_value, wording.SMALLEST))} cases (exact p-value {wording.bound(p_value)})."
    ]


def _lead(panel: PanelFacts, chosen: Comparison) -> list[str]:
    """What the signal says that the judge read first."""
    name = next((signal_of(feature) for feature in panel.null), "")
    values = chosen.signals.get(name)
    return list(find_signal(name).reasons(values, chosen.reference)[:1]) if isinstance(values, SignalValues) else []


def _not_compared(report: Report) -> list[str]:
    """Signals that the model gives, and that say nothing about the reference that decides."""
    chosen = _chosen(report)
    if chosen is None:
        return []
    measured, name = report.measurement.measured, short_name(chosen.reference)
    return [
        f"{title_of(signal)}, against {name}: {values.not_measured.removesuffix('.')}."
        for signal, values in chosen.signals.items()
        if isinstance(values, NotMeasured) and signal in measured
    ]


def _count(number: float) -> str:
    """`4 billion`, `1,200`: rounded down, as a p-value is rounded up."""
    scale = next((scale for scale in SCALES if number >= scale), 1.0)
    if number >= 1e15:
        return f"10 to the power of {floor(log10(number))}"
    digits = 10 ** max(0, floor(log10(number / scale)) - 1)
    return f"{floor(number / scale / digits) * digits:,} {SCALES.get(scale, '')}".strip()
