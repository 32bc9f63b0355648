"""One record, many renderings: they may differ in looks, never in what they say."""

from __future__ import annotations

from typing import Literal

from hypothesis import given, settings
from hypothesis import strategies as st

from provcheck.io.text import plain
from provcheck.policy.gate import exit_code
from provcheck.rendering import FORMATS
from provcheck.rendering.html_report import HtmlReport
from provcheck.rendering.sentences import plain_report, sentence
from provcheck.types import Check, ExitCode, Outcome, Relation, Report
from tests.rendering.factory import make_report
from tests.rendering.hostile import names
from tests.rendering.page import Page
from tests.rendering.readers import READERS, MarkdownPage, junit_suite, markdown_html, read_terminal, sarif_run

OnInconclusive = Literal["fail", "pass", "warn"]
CHOICES: tuple[OnInconclusive, ...] = ("fail", "pass", "warn")

outcomes = st.lists(st.sampled_from(Outcome), max_size=6).map(tuple)
severities = st.lists(st.sampled_from(("error", "warning")), min_size=6, max_size=6)
stranger = st.text(st.characters(codec="utf-8"), min_size=1, max_size=30) | names


def judged(report: Report, severities: list[str], on_inconclusive: OnInconclusive) -> Report:
    """The report with checks of these severities, and the exit code that the gate gives them."""
    checks = tuple(
        Check.model_validate({**check.model_dump(), "severity": severity, "references": ("acme/owl-7b",)})
        for check, severity in zip(report.checks, severities, strict=False)
    )
    policy = report.policy.model_copy(update={"on_inconclusive": on_inconclusive})
    changed = {"checks": checks, "policy": policy, "exit_code": exit_code(checks, on_inconclusive)}
    return report.model_copy(update=changed).with_digest()


@given(
    relation=st.sampled_from(Relation),
    outcomes=outcomes,
    severities=severities,
    on_inconclusive=st.sampled_from(CHOICES),
    subject=stranger,
    base=stranger,
    text=stranger,
)
@settings(max_examples=10, deadline=None)
def test_all_formats_say_the_same(
    relation: Relation,
    outcomes: tuple[Outcome, ...],
    severities: list[str],
    on_inconclusive: OnInconclusive,
    subject: str,
    base: str,
    text: str,
) -> None:
    report = make_report(relation, outcomes=outcomes, subject=subject, base=base, text=text)
    report = judged(report, severities, on_inconclusive)
    assert READERS.keys() | {"newick"} == {*FORMATS, "terminal"}, "a tree says nothing of a verdict"
    for name, read in READERS.items():
        found = read(report)
        assert found.relation == report.verdict.relation, name
        assert found.checks == tuple((check.id, check.outcome.value) for check in report.checks), name
        assert found.counts == report.summary.model_dump(), name
        assert found.exit_code in (report.exit_code, None), name
        if found.text:
            assert sentence(plain_report(report)) in found.text, name
        elif report.verdict.reference is None:
            assert found.reference is None, name
        else:
            assert plain(found.reference or "") == plain(report.verdict.reference), name


@given(outcomes=outcomes, severities=severities, on_inconclusive=st.sampled_from(CHOICES))
@settings(max_examples=60, deadline=None)
def test_readers_that_count_failures_come_to_the_exit_code(
    outcomes: tuple[Outcome, ...], severities: list[str], on_inconclusive: OnInconclusive
) -> None:
    report = judged(make_report(outcomes=outcomes), severities, on_inconclusive)
    stopping = [check.id for check in report.checks if check.stops_build(on_inconclusive)]
    assert bool(stopping) == (report.exit_code is ExitCode.CHECK_FAILED)
    suite, run = junit_suite(report), sarif_run(report)
    assert suite.failures + suite.errors == len(stopping)
    assert [one["Code"] for one in run.get_records() if one["Severity"] == "error"] == stopping


def test_the_order_of_references_is_the_same() -> None:
    report = make_report()
    page, summary = Page(HtmlReport().render(report)), MarkdownPage(markdown_html(report))
    printed = [line.split()[0] for line in read_terminal(report).text.splitlines() if line.startswith("acme/")]
    assert [row[0] for row in summary.tables[1][1:]] == page.values("data-reference")[:5] == printed[:5]
