"""What the HTML page shows, shaped before templating: the template only places it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from markupsafe import Markup

from provcheck import wording
from provcheck.io.text import short_name
from provcheck.rendering.columns import Columns, cells_of, columns_of, listed, nearest
from provcheck.rendering.declared import Claim, claims_of
from provcheck.rendering.disguise_words import SignsSection, signs_section
from provcheck.rendering.facts import digests_of, facts_of, files_of, served_facts
from provcheck.rendering.figures import DrawnFigure, figures_of, marked
from provcheck.rendering.front_page import further, gaps, identity_of, question, strongest
from provcheck.rendering.sentences import (
    EXIT_CODES,
    NUMBER_WORDS,
    RELATION_WORDS,
    SENTENCES,
    counts,
    origin,
    plain_report,
    relation_probability,
    sentence_names,
    sure,
)
from provcheck.rendering.served_section import served_figures
from provcheck.signals import all_signals
from provcheck.signals.describing import Cell, Marked
from provcheck.types import Check, Comparison, FileDigest, Outcome, Report

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
class ReferenceRow:
    """One comparison; `cells` are what the signals say, in the order of the page's columns."""

    reference: str
    about: str
    relation: str
    probability: str
    cells: list[Cell]


@dataclass(frozen=True)
class ReportView:
    """The page, from top to bottom."""

    report: Report
    question: str
    sentence: Markup
    sure: str
    strongest: list[str]
    gaps: list[str]
    identity: list[tuple[str, str]]
    further: list[str]
    """All reasons of the verdict, where the strongest numbers are not all of them."""

    exit_code: str
    counts: str
    checks: list[CheckRow]
    signs: SignsSection | None
    columns: list[tuple[str, str]]
    """Heading and unit of what the signals say about a reference."""
    nearest: list[ReferenceRow]
    others: list[ReferenceRow]
    shortlist: str
    served: list[DrawnFigure]
    figures: list[DrawnFigure]
    claims: list[Claim]
    facts: list[tuple[str, str]]
    digests: list[tuple[str, str]]
    files: list[tuple[str, FileDigest]]
    glossary: dict[str, str]


def view_of(report: Report) -> ReportView:
    """Shape a report for the page."""
    report = plain_report(report)
    ordered, columns = nearest(report), columns_of(report, page=True)
    rows, count = [_reference_row(one, columns) for one in ordered], listed(report, NEAREST)
    return ReportView(
        report=report,
        question=question(report),
        sentence=_sentence(report),
        sure=sure(report),
        strongest=strongest(report),
        gaps=gaps(report),
        identity=identity_of(report),
        further=further(report),
        exit_code=f"Exit code {report.exit_code.value}: {EXIT_CODES[report.exit_code]}.",
        counts=counts(report.summary),
        checks=[_check_row(check) for check in report.checks],
        signs=signs_section(report.signs),
        columns=[(column.heading, column.unit) for _, column in columns],
        nearest=rows[:count],
        others=rows[count:],
        shortlist=_shortlist(report),
        served=served_figures(report),
        figures=figures_of(report, next(iter(ordered), None)),
        claims=claims_of(report),
        facts=[*facts_of(report), *served_facts(report.measurement.served)],
        digests=digests_of(report),
        files=files_of(report.subject),
        glossary=glossary(),
    )


def _sentence(report: Report) -> Markup:
    """The verdict with its names marked."""
    names = sentence_names(report)
    template = SENTENCES[report.verdict.relation].replace("{references}", names.pop("references"))
    return marked(Marked(template, names))


def glossary(further: Mapping[str, str] | None = None) -> dict[str, str]:
    """The terms of the verdict, of each signal, `further` ones, and those of the numbers."""
    own = {word: meaning for signal in all_signals().values() for word, meaning in signal.glossary.items()}
    return {**RELATION_WORDS, **own, **(further or {}), **NUMBER_WORDS}


def _check_row(check: Check) -> CheckRow:
    return CheckRow(
        check.id, check.outcome.value, MARKS[check.outcome], check.severity, check.description, check.message
    )


def _reference_row(one: Comparison, columns: Columns) -> ReferenceRow:
    about = (origin(one), one.license) if one.at_hand else (one.family, one.mechanism, one.license)
    return ReferenceRow(
        reference=short_name(one.reference),
        about=" · ".join(part for part in about if part),
        relation=one.relation.value,
        probability=relation_probability(one),
        cells=cells_of(one, columns),
    )


def _shortlist(report: Report) -> str:
    """How much of a large bank was compared in full."""
    found = report.bank.shortlist
    return wording.shortlisted(found) if found else ""
