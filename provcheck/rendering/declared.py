"""What is said of a model, by its card, its adapter or whoever runs the audit, set against the evidence."""

from __future__ import annotations

from dataclasses import dataclass

from provcheck.io.text import short_name
from provcheck.rendering.sentences import at_hand, origin
from provcheck.types import Relation, Report

CLAIMED, ASKED, CARD, ADAPTER = "Claimed base", "Named by --reference", "Base model", "Model under the adapter"
"""A base model by who names it: the user, as a claim or only to compare with; the card; the adapter."""


@dataclass(frozen=True)
class Claim:
    """Something that is said of the subject, and what the evidence says about it."""

    topic: str
    declared: str
    finding: str


def bases_of(report: Report) -> list[Claim]:
    """Every base model that somebody names, each once, and whether the evidence supports it."""
    subject = report.subject
    named = [(CLAIMED, report.claimed_base)] if report.claimed_base else []
    named += [(ASKED, one.reference) for one in at_hand(report) if one.at_hand and one.at_hand.found == "given"]
    named += [(CARD, base) for base in subject.declared_base]
    named += [(ADAPTER, subject.base.id)] if subject.base else []
    first = {base.lower(): (topic, base) for topic, base in reversed(named)}
    return [
        Claim(topic, short_name(base), _finding(report, base))
        for topic, base in named
        if first[base.lower()] == (topic, base)
    ]


def claims_of(report: Report) -> list[Claim]:
    """What the model and its user say of it: base models and license."""
    claims = [one for one in bases_of(report) if one.topic != ASKED] or [_no_base(report)]
    license_ = Claim("License", report.subject.license or "none", _license_finding(report))
    return [*claims, license_]


def _finding(report: Report, base: str) -> str:
    found = next((one for one in report.comparisons if one.reference.lower() == base.lower()), None)
    if found is None:
        why = report.unavailable.get(base)
        return f"Not checked: {why}." if why else "Not checked: this model is not among the references."
    measured = f" It was {origin(found)}." if found.at_hand else ""
    if found.relation is Relation.INCONCLUSIVE:
        return f"The evidence does not settle it.{measured}"
    says = "supports" if found.relation.related else "does not support"
    return f"The evidence {says} it: {found.relation.value}.{measured}"


def _no_base(report: Report) -> Claim:
    related = report.verdict.relation.related
    return Claim(
        CARD, "none", "The evidence shows a relation that is not declared." if related else "Nothing to check."
    )


def _license_finding(report: Report) -> str:
    """The licenses of the references it is related to; a license itself cannot be measured."""
    licenses = {one.license or "unknown" for one in report.comparisons if one.relation.related}
    return f"Licenses of related references: {', '.join(sorted(licenses))}." if licenses else "Nothing to check."
