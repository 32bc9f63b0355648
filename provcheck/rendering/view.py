"""What the HTML page shows, shaped before templating: the template only places it."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup, escape

from provcheck.rendering import wording
from provcheck.rendering.plain import plain_report, short_name
from provcheck.types import Check, Comparison, Coverage, Distance, FileDigest, Outcome, Relation, Report, Subject

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
    probability: str
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
    claims: list[Claim]
    facts: list[tuple[str, str]]
    digests: list[tuple[str, str]]
    weights: tuple[FileDigest, ...]
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
        claims=_claims(report),
        facts=_facts(report),
        digests=_digests(report),
        weights=report.subject.weights,
        glossary=wording.GLOSSARY,
    )


def _sentence(report: Report) -> Markup:
    """The verdict with its names set apart, also from the direction they are written in."""
    names = wording.sentence_names(report)
    marked = {key: Markup("<bdi>{}</bdi>").format(name) for key, name in names.items() if key != "references"}
    return escape(wording.SENTENCES[report.verdict.relation]).format(**names | marked)


def _check_row(check: Check) -> CheckRow:
    return CheckRow(check.id, check.outcome.value, MARKS[check.outcome], check.severity, check.message)


def _reference_row(one: Comparison) -> ReferenceRow:
    about = (one.family, one.mechanism, one.license)
    return ReferenceRow(
        reference=short_name(one.reference),
        about=" · ".join(part for part in about if part),
        relation=one.relation.value,
        probability=wording.relation_probability(one),
        contrast=_distance_cell(one.able.contrast, one.able.reason),
        paper=_distance_cell(one.able.paper, one.able.reason),
        kl=wording.kl(one.kl),
        kl_place=wording.kl_place(one.kl),
    )


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


def _facts(report: Report) -> list[tuple[str, str]]:
    facts, subject = report.measurement, report.subject
    bits = "not measured" if facts.bits_per_byte is None else f"{wording.number(facts.bits_per_byte)} bits per byte"
    return [
        ("Model", _model(subject)),
        ("Revision", subject.revision or "none stated"),
        ("Measured", f"{facts.measured_at:%Y-%m-%d %H:%M %Z}".strip()),
        ("Probes", facts.probes),
        ("Coverage", _coverage(facts.coverage)),
        ("Its own code length", bits),
        ("Device", f"{facts.device}, {facts.dtype}"),
        ("Duration", f"{wording.seconds(report):.1f} seconds"),
        ("Algorithm", facts.algorithm),
        ("Versions", ", ".join(f"{name} {version}" for name, version in facts.versions.items())),
        ("Bank", f"{report.bank.name}, {wording.plural(report.bank.references, 'reference')}"),
        ("Judge", report.bank.judge),
        ("Tool", f"{report.tool.name} {report.tool.version}, report schema {report.schema_version}"),
    ]


def _digests(report: Report) -> list[tuple[str, str]]:
    return [
        ("Weights", report.subject.weights_digest),
        ("Probes", report.measurement.probes_digest),
        ("Bank", report.bank.digest),
    ]


def _model(subject: Subject) -> str:
    size = f"{subject.parameters:,} parameters" if subject.parameters else ""
    words = f"{subject.vocabulary_size:,} tokens" if subject.vocabulary_size else ""
    parts = (subject.architecture or subject.model_type, size, f"tokenizer {subject.tokenizer}", words)
    return ", ".join(part for part in (*parts, subject.weight_format, f"from {subject.source}") if part)


def _coverage(coverage: Coverage) -> str:
    left_out = "; ".join(f"{reason}: {count}" for reason, count in coverage.left_out.items())
    measured = (
        f"{coverage.questions} of {wording.plural(coverage.questions_total, 'question')}, "
        f"{coverage.texts} of {wording.plural(coverage.texts_total, 'text')}"
    )
    return f"{measured}; left out: {left_out}" if left_out else measured
