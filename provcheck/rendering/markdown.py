"""The report as a short Markdown page, for the summary of a GitHub job or a pull request.

Names come from strangers, so every text is escaped: it cannot become a link, an image, HTML, a table cell, a formula
or an emoji, and it notifies nobody. Names stand in code spans, where GitHub links nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from provcheck import wording
from provcheck.io.text import short_name
from provcheck.rendering.columns import Columns, cells_of, columns_of, in_text, listed, nearest
from provcheck.rendering.disguise_words import signs_section
from provcheck.rendering.facts import served_facts
from provcheck.rendering.sentences import (
    EXIT_CODES,
    SENTENCES,
    certainty,
    counts,
    origin,
    plain_report,
    relation_probability,
    sentence_names,
)
from provcheck.types import Check, Comparison, Report

NEAREST = 5
CHECK_COLUMNS = ("check", "outcome", "severity", "what was found")

_ACTIVE = re.compile(r"[\\`*_\[\]<>&~$]")
_AT_START = re.compile(r"^(\d{0,9})([-+=#]|[.)](?=\s|$))")
"""What would begin a list, a heading or a ruler."""

_LINKING = re.compile(r"[@#:](?=\S)|(?i:www)(?=\.)")
"""What GitHub links or replaces wherever it stands: @name, #123, :emoji:, https://... and www."""


class MarkdownReport:
    """For people who read the result of a pipeline."""

    def render(self, report: Report) -> str:
        """The whole page."""
        report = plain_report(report)
        parts = [
            *(*_verdict(report), *_served(report), *_checks(report), *_signs(report)),
            *(*_nearest(report), *_repeat(report), *_limits(report)),
        ]
        return "\n\n".join(parts) + "\n"


def text(words: str) -> str:
    """Untrusted text as Markdown that shows it literally."""
    unlinked = _LINKING.sub(r"\g<0>&#8203;", _ACTIVE.sub(r"\\\g<0>", words))
    return _AT_START.sub(r"\1\\\2", unlinked.replace("|", "&#124;"))


def code(name: str) -> str:
    """A name in a code span; in HTML if it contains what would end the span or the table cell."""
    if not name or re.search(r"[`|\\]", name):
        return f"<code>{''.join(char if char.isalnum() else f'&#{ord(char)};' for char in name)}</code>"
    return f"`{name}`"


def _verdict(report: Report) -> list[str]:
    names = sentence_names(report)
    names |= {key: code(name) for key, name in names.items() if key != "references"}
    sentence = SENTENCES[report.verdict.relation].format(**names)
    reasons = _list([text(reason) for reason in report.verdict.reasons])
    return [f"## provcheck: {report.verdict.relation.value}", sentence, text(certainty(report)), *reasons]


def _checks(report: Report) -> list[str]:
    result = f"{counts(report.summary)}. Exit code {report.exit_code.value}: {EXIT_CODES[report.exit_code]}."
    table = _table(CHECK_COLUMNS, (_check_row(check) for check in report.checks)) if report.checks else []
    left_out = {"left out by -k": report.policy.deselected, "not run because of -x": report.policy.not_run}
    notes = [f"{why}: {', '.join(code(id_) for id_ in ids)}" for why, ids in left_out.items() if ids]
    return [f"### Checks of the policy {code(report.policy.name)}", *table, *_list(notes), result]


def _check_row(check: Check) -> tuple[str, ...]:
    return code(check.id), check.outcome.value, check.severity, text(check.message)


def _served(report: Report) -> list[str]:
    told = [f"{term}: {text(value)}" for term, value in served_facts(report.measurement.served)]
    if not report.served:
        return _list(told)
    rows = ((code(one.reference), one.finding, text(one.sentence)) for one in report.served)
    return [
        "### Does the endpoint serve these weights?",
        *_table(("reference", "finding", "what that means"), rows),
        *_list(told),
    ]


def _signs(report: Report) -> list[str]:
    section = signs_section(report.signs)
    if section is None:
        return []
    rows = ((code(one.name), text(one.finding), text(one.innocent)) for one in section.rows)
    table = _table(("sign", "what is odd", "what else may explain it"), rows) if section.rows else []
    return ["### Signs of disguise", text(section.finding), *table, *_list([text(gap) for gap in section.gaps])]


def _nearest(report: Report) -> list[str]:
    rows, columns = nearest(report)[: listed(report, NEAREST)], columns_of(report, brief=True, page=True)
    if not rows:
        return []
    hidden = len(report.comparisons) - len(rows)
    more = [f"{wording.plural(hidden, 'more distant reference')} not shown."] if hidden else []
    more += [wording.shortlisted(report.bank.shortlist)] if report.bank.shortlist else []
    signals = (text(column.heading) for _, column in columns)
    headings = ("nearest reference", "relation", "probability", *signals, "license")
    return ["### Nearest references", *_table(headings, (_reference_row(one, columns) for one in rows)), *more]


def _reference_row(one: Comparison, columns: Columns) -> tuple[str, ...]:
    return (
        code(short_name(one.reference)) + (f" ({text(origin(one))})" if one.at_hand else ""),
        one.relation.value,
        text(relation_probability(one)),
        *(text(in_text(cell)) for cell in cells_of(one, columns)),
        text(one.license or "not stated"),
    )


def _repeat(report: Report) -> list[str]:
    digests = {
        "weights": report.digests.weights,
        "bank": report.digests.bank,
        "policy": report.digests.policy,
        "report": report.digest,
    }
    made = f"{report.tool.name} {report.tool.version}, bank {report.bank.name}, probes {report.measurement.probes}"
    listed = [f"sha256 of {what}: {code(digest)}" for what, digest in digests.items() if digest]
    return ["### How to repeat it", _fenced(report.tool.command), text(made), *_list(listed)]


def _limits(report: Report) -> list[str]:
    return ["### Limits", *_list([text(limit) for limit in report.limitations])] if report.limitations else []


def _fenced(command: str) -> str:
    """A code block whose fence is longer than every run of backticks in it."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", command)), default=0))
    return f"{fence}sh\n{command}\n{fence}"


def _table(columns: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    head = tuple(columns)
    return ["\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows))]


def _list(items: Iterable[str]) -> list[str]:
    """A bullet list as one paragraph, or nothing."""
    lines = "\n".join(f"- {item}" for item in items)
    return [lines] if lines else []
