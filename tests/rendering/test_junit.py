from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from lxml import etree

from provcheck.io.text import plain
from provcheck.rendering.junit import JUnitReport
from provcheck.types import Outcome, Report
from tests.rendering.factory import SUBJECT, make_report
from tests.rendering.hostile import names
from tests.rendering.readers import junit_properties, junit_suite

XSD = etree.XMLSchema(etree.parse(Path(__file__).parents[1] / "data" / "junit-10.xsd"))
EVERY = tuple(Outcome)


def children(report: Report) -> list[tuple[str, str, str]]:
    """Result element, type and message of every case; nothing for one that passed."""
    results = [one for case in junit_suite(report) for one in case.result]
    return [(type(one).__name__.lower(), one.type, one.message) for one in results]


def with_checks(report: Report, **changes: object) -> Report:
    return report.model_copy(update={"checks": tuple(check.model_copy(update=changes) for check in report.checks)})


@given(subject=names, base=names, text=names)
@settings(max_examples=40, deadline=None)
def test_it_follows_the_schema_of_jenkins(subject: str, base: str, text: str) -> None:
    report = with_checks(make_report(subject=subject, base=base, text=text, outcomes=EVERY), references=(base,))
    XSD.assertValid(etree.fromstring(JUnitReport().render(report).encode()))
    suite = junit_suite(report)
    assert junit_properties(suite)["subject"] == plain(subject)
    assert list(suite)[1].result[0].message == plain(text)


def test_a_report_without_checks_follows_it_too() -> None:
    XSD.assertValid(etree.fromstring(JUnitReport().render(make_report(outcomes=())).encode()))


def test_outcomes_become_what_readers_know() -> None:
    report = make_report(outcomes=(Outcome.PASSED, Outcome.FAILED, Outcome.ERROR, Outcome.SKIPPED), text="why")
    assert children(report) == [
        ("failure", "provcheck.failed", "why"),
        ("error", "provcheck.error", "why"),
        ("skipped", "provcheck.skipped", "why"),
    ]
    suite = junit_suite(report)
    assert (suite.tests, suite.failures, suite.errors, suite.skipped) == (4, 1, 1, 1)


def test_a_warning_fails_no_build() -> None:
    report = with_checks(make_report(outcomes=(Outcome.FAILED, Outcome.ERROR), text="why"), severity="warning")
    assert children(report) == [
        ("skipped", "provcheck.failed", "warning: why"),
        ("skipped", "provcheck.error", "warning: why"),
    ]


@pytest.mark.parametrize(("on_inconclusive", "tag"), [("fail", "failure"), ("pass", "skipped"), ("warn", "skipped")])
def test_inconclusive_is_what_the_policy_says(on_inconclusive: str, tag: str) -> None:
    report = make_report(outcomes=(Outcome.INCONCLUSIVE,), text="why")
    policy = report.policy.model_copy(update={"on_inconclusive": on_inconclusive})
    found = children(report.model_copy(update={"policy": policy}))
    assert found == [(tag, "provcheck.inconclusive", "inconclusive: why")]


def test_checks_that_were_left_out_are_no_cases_but_are_named() -> None:
    report = make_report(outcomes=(Outcome.FAILED,))
    policy = report.policy.model_copy(update={"deselected": ("license", "coverage"), "not_run": ("base",)})
    suite = junit_suite(report.model_copy(update={"policy": policy}))
    properties = junit_properties(suite)
    assert (suite.tests, properties["deselected"], properties["not_run"]) == (1, "license, coverage", "base")


def test_what_was_measured_is_named() -> None:
    assert junit_properties(junit_suite(make_report()))["signals"] == "able/3, likelihood/1, weights/1"


def test_cases_of_several_models_can_be_told_apart() -> None:
    suite = junit_suite(make_report(subject="acme/owl-1.5"))
    assert {case.classname for case in suite} == {"provcheck.acme/owl-1_5"}
    assert {case.classname for case in junit_suite(make_report())} == {f"provcheck.{SUBJECT}"}


def test_no_file_is_attached() -> None:
    text = JUnitReport().render(make_report(text="[[ATTACHMENT|/etc/passwd]]", outcomes=(Outcome.PASSED,)))
    assert "[ATTACHMENT|/etc/passwd]]</system-out>" in text
    assert "[[" not in text
