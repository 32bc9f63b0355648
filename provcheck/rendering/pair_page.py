"""A head-to-head comparison as one HTML page, in the frame and style of an audit's report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from provcheck import wording
from provcheck.io.text import short_name
from provcheck.rendering.columns import cells_of, columns_for
from provcheck.rendering.disguise_words import SignsSection, signs_section
from provcheck.rendering.facts import NO_WEIGHTS, coverage_of, model_line
from provcheck.rendering.figures import marked
from provcheck.rendering.html_report import render_page
from provcheck.rendering.mechanism_words import (
    descent_of,
    in_words,
    kind_in_words,
    kinds_table,
    mixture_table,
    tables_of,
    weights_in_words,
)
from provcheck.rendering.sentences import (
    SENTENCES,
    pair_certainty,
    plain_pair,
    relation_probability,
)
from provcheck.rendering.view import ReferenceRow, glossary
from provcheck.signals import TABLE, all_signals
from provcheck.signals.describing import Marked, Table
from provcheck.types import MeasurementFacts, Mixture, NotMeasured, Opponent, PairReport, SignalFacts, Subject

CHANGE_WORDS = {
    "block": "A model is a stack of blocks of the same form, each with its own weights; a text passes through all.",
    "relative change": "The length of the difference of two tensors over the length of the second; 0 is the same.",
    "rank of a change": "In how many independent directions a matrix was changed. An adapter (LoRA) changes few, "
    "training of all weights changes nearly all.",
    "grid of values": "A quantized matrix holds few different values, in equal steps.",
}


@dataclass(frozen=True)
class Changed:
    """What was changed compared with one model."""

    name: str
    mechanism: str
    finding: str
    reasons: Sequence[str] = ()
    tables: Sequence[Table] = ()
    annex: Sequence[Table] = ()


@dataclass(frozen=True)
class PairView:
    """The page, from top to bottom."""

    report: PairReport
    names: str
    sentence: Markup
    certainty: str
    changed: list[Changed]
    mixture: Changed | None
    signs: SignsSection | None
    columns: list[tuple[str, str]]
    rows: list[ReferenceRow]
    facts: list[tuple[str, str]]
    digests: list[tuple[str, str]]
    glossary: dict[str, str]


def pair_page(report: PairReport) -> str:
    """The whole page."""
    return render_page("pair.html.j2", pair_view(report))


def pair_view(report: PairReport) -> PairView:
    """Shape a comparison for the page."""
    report = plain_pair(report)
    columns = columns_for(TABLE, page=True)
    return PairView(
        report=report,
        names=names_of(report),
        sentence=marked(Marked(*_sentence(report))),
        certainty=pair_certainty(report),
        changed=[changed(report.subject.id, one) for one in report.opponents],
        mixture=merged(report.mixture),
        signs=signs_section(report.signs),
        columns=[(column.heading, column.unit) for _, column in columns],
        rows=[
            ReferenceRow(
                short_name(one.comparison.reference),
                one.comparison.license or "",
                one.comparison.relation.value,
                relation_probability(one.comparison),
                cells_of(one.comparison, columns),
            )
            for one in report.opponents
        ],
        facts=_facts(report),
        digests=_digests(report),
        glossary=glossary(CHANGE_WORDS),
    )


def names_of(report: PairReport) -> str:
    """The models that it is compared with."""
    return wording.joined([short_name(one.subject.id) for one in report.opponents])


def pair_sentence(report: PairReport) -> str:
    """The verdict in one sentence."""
    return str(Marked(*_sentence(report)))


def changed(first: str, other: Opponent) -> Changed:
    """What was changed, in words and tables."""
    first, second, found = short_name(first), short_name(other.subject.id), other.changes
    if isinstance(found, NotMeasured):
        return Changed(second, "not-measured", f"What was changed could not be read: {found.not_measured}.")
    tables, annex = tables_of(found, first, second)
    reasons = (*found.reasons, descent_of(found, first, second))
    finding = f"Named from the weights of these two: {in_words(found.mechanism)}."
    return Changed(second, found.mechanism.value, finding, reasons, tables, annex)


def merged(found: Mixture | NotMeasured | None) -> Changed | None:
    """Whether the model is a mixture; None where only one other model was named."""
    if found is None:
        return None
    if isinstance(found, NotMeasured):
        return Changed("", "not-measured", f"It could not be found out: {found.not_measured}.")
    if not found.is_merge:
        return Changed("", "no-merge", f"It is no merge of these models. {found.reason}", (), [mixture_table(found)])
    said, kind = f"It is a merge. {found.reason}", found.merge
    if kind is None:
        return Changed("", "merge", said, (), [mixture_table(found)])
    lines = f"Kind of merge: {kind_in_words(kind)}.", weights_in_words(kind, found.parents), kind.reason
    reasons = tuple(filter(None, lines))
    return Changed("", "merge", said, reasons, [mixture_table(found), kinds_table(kind, found.parents)])


def _sentence(report: PairReport) -> tuple[str, dict[str, str]]:
    """Template and names; where nothing is related, all of the named models are meant."""
    verdict = report.verdict
    template = SENTENCES[verdict.relation].replace("{references}", "{reference}")
    named = verdict.reference if verdict.relation.related else None
    return template, {"subject": report.subject.id, "reference": named or names_of(report)}


def _facts(report: PairReport) -> list[tuple[str, str]]:
    """Of each model what it is and how it was measured."""
    everyone = [(report.subject, report.measurement), *((one.subject, one.measurement) for one in report.opponents)]
    rows = [row for subject, facts in everyone for row in _model(subject, facts)]
    judge = report.judge.name if report.judge else "none ships with this installation"
    return [*rows, ("Judge", judge), ("Tool", f"{report.tool.name} {report.tool.version}")]


def _model(subject: Subject, facts: MeasurementFacts) -> list[tuple[str, str]]:
    covered = [
        f"{signal.title} {coverage_of(found.coverage)}"
        for name, signal in all_signals().items()
        if isinstance(found := facts.signals.get(name), SignalFacts)
    ]
    when = f"{facts.measured_at:%Y-%m-%d %H:%M %Z}".strip()
    return [
        (short_name(subject.id), model_line(subject)),
        ("measured", f"{when}, {facts.device}, {facts.dtype}: {'; '.join(covered) or 'nothing'}"),
    ]


def _digests(report: PairReport) -> list[tuple[str, str]]:
    everyone = [report.subject, *(one.subject for one in report.opponents)]
    rows = [(f"Weights of {short_name(one.id)}", one.weights_digest or NO_WEIGHTS) for one in everyone]
    return [*rows, ("This report", report.digest)]
