"""What the HTML page shows, shaped before templating: the template only places it."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from provcheck.rendering import wording
from provcheck.rendering.facts import digests_of, facts_of, files_of
from provcheck.rendering.figures import Figure, agreement_of, figures_of, marked
from provcheck.rendering.plain import plain_report, short_name
from provcheck.types import Check, Comparison, Distance, FileDigest, Outcome, Relation, Report

NEAREST = 5
MARKS = {
    Outcome.PASSED: "✓",
    Outcome.FAILED: "✗",
    Outcome.INCONCLUSIVE: "?",
    Outcome.SKIPPED: "○",
    Outcome.ERROR: "!",
}


@dataclass(frozen=True)
class CheckRow:
    """One check."""

    id: str
    outcome: str
    mark: str
    severity: str
    description: str
    message: str


@dataclass(frozen=True)
class DistanceCell:
    """An ABLE distance; `bar` is low, value and high in percent of the way from 0 to 1."""

    text: str
    note: str
    bar: tuple[float, float, float] | None


@dataclass(frozen=True)
class ReferenceRow:
    """One comparison."""

    reference: str
    about: str
    relation: str
    probabilities: list[str]
    contrast: DistanceCell
    paper: DistanceCell
    kl: str
    kl_place: str


@dataclass(frozen=True)
class Claim:
    """Something the subject declares, and what the evidence says about it."""

    topic: str
    declared: str
    finding: str


@dataclass(frozen=True)
class ReportView:
    """The page, from top to bottom."""

    report: Report
    sentence: Markup
    certainty: str
    exit_code: str
    counts: str
    checks: list[CheckRow]
    nearest: list[ReferenceRow]
    others: list[ReferenceRow]
    farther: str
    figures: list[Figure]
    agreement: Figure
    claims: list[Claim]
    facts: list[tuple[str, str]]
    digests: list[tuple[str, str]]
    files: list[tuple[str, FileDigest]]
    glossary: dict[str, str]


def view_of(report: Report) -> ReportView:
    """Shape a report for the page."""
    report = plain_report(report)
    rows = [_reference_row(one) for one in wording.nearest(report)]
    return ReportView(
        report=report,
        sentence=_sentence(report),
        certainty=wording.certainty(report),
        exit_code=f"Exit code {report.exit_code.value}: {wording.EXIT_CODES[report.exit_code]}.",
        counts=wording.counts(report.summary),
        checks=[_check_row(check) for check in report.checks],
        nearest=rows[:NEAREST],
        others=rows[NEAREST:],
        farther=_farther(report),
        figures=figures_of(report),
        agreement=agreement_of(report),
        claims=_claims(report),
        facts=facts_of(report),
        digests=digests_of(report),
        files=files_of(report.subject),
        glossary=wording.GLOSSARY,
    )


def _sentence(report: Report) -> Markup:
    """The verdict with its names set apart."""
    names = wording.sentence_names(report)
    template = wording.SENTENCES[report.verdict.relation].replace("{references}", names.pop("references"))
    return marked(template, **names)


def _check_row(check: Check) -> CheckRow:
    return CheckRow(
        check.id, check.outcome.value, MARKS[check.outcome], check.severity, check.description, check.message
    )


def _reference_row(one: Comparison) -> ReferenceRow:
    about = (one.family, one.mechanism, one.license)
    return ReferenceRow(
        reference=short_name(one.reference),
        about=" · ".join(part for part in about if part),
        relation=one.relation.value,
        probabilities=wording.relation_probability(one).split(", "),
        contrast=_distance_cell(one.able.contrast, one.able.reason),
        paper=_distance_cell(one.able.paper, one.able.reason),
        kl=wording.kl(one.kl),
        kl_place=wording.kl_place(one.kl),
    )


def _farther(report: Report) -> str:
    """How many references are not listed."""
    everyone = report.bank.references
    missing = everyone - len(report.comparisons)
    return f"Of the {everyone:,} in the bank, the {missing:,} farthest are not listed." if missing > 0 else ""


def _distance_cell(value: Distance | None, reason: str | None) -> DistanceCell:
    if value is None:
        return DistanceCell(wording.NOT_MEASURED, reason or "", None)
    low, middle, high = (100 * min(1.0, max(0.0, at)) for at in (value.ci95[0], value.cosine_distance, value.ci95[1]))
    return DistanceCell(wording.distance(value), wording.interval(value), (low, middle, high))


def _claims(report: Report) -> list[Claim]:
    subject = report.subject
    claims = [Claim("Base model", short_name(base), _base_finding(report, base)) for base in subject.declared_base]
    if not claims:
        claims = [Claim("Base model", "none", _no_base_finding(report))]
    if subject.base is not None:
        under = subject.base.id
        claims.append(Claim("Model under the adapter", short_name(under), _base_finding(report, under)))
    return [*claims, Claim("License", subject.license or "none", _license_finding(report))]


def _base_finding(report: Report, base: str) -> str:
    found = [one.relation for one in report.comparisons if one.reference.lower() == base.lower()]
    if not found:
        return "Not checked: this model is not among the references."
    if found[0] is Relation.INCONCLUSIVE:
        return "The evidence does not settle it."
    return f"The evidence {'supports' if found[0].related else 'does not support'} it: {found[0].value}."


def _no_base_finding(report: Report) -> str:
    if report.verdict.relation.related:
        return "The evidence shows a relation that is not declared."
    return "Nothing to check."


def _license_finding(report: Report) -> str:
    """The licenses of the references it is related to; a license itself cannot be measured."""
    licenses = {one.license or "unknown" for one in report.comparisons if one.relation.related}
    return f"Licenses of related references: {', '.join(sorted(licenses))}." if licenses else "Nothing to check."
