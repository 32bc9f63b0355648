"""The report as JUnit XML, as Jenkins, GitLab and GitHub's readers accept it.

A check is a test case. JUnit knows no severity and nothing between passed and failed, so a reader that counts failures
must come to the report's exit code:

    passed                                       no child
    failed                                       <failure>, with severity warning <skipped message="warning: ...">
    inconclusive                                 <failure> where the policy says that it fails, else <skipped>
    error (the check itself could not be made)   <error>, with severity warning <skipped message="warning: ...">
    skipped                                      <skipped>

The attribute `type` of the child is always `provcheck.` and the true outcome. As with pytest, checks that were left out
are no test cases; the suite's properties name them, and say what was measured, found and decided.
"""

from __future__ import annotations

from io import BytesIO
from xml.etree import ElementTree as Xml

from junitparser import Error, Failure, JUnitXml, Skipped, TestCase, TestSuite
from junitparser.junitparser import FinalResult, SystemOut

from provcheck.io.text import short_name
from provcheck.rendering.identity import measured_at
from provcheck.rendering.sentences import at_hand, certainty, plain_report, seconds, sentence
from provcheck.types import Check, Outcome, PolicyFacts, Report

NAME = "provcheck"


class JUnitReport:
    """For the test report of a pipeline. Hidden characters are made visible, so XML 1.0 can hold every text."""

    def render(self, report: Report) -> str:
        """The whole XML file."""
        report = plain_report(report)
        suite, root = suite_of(report), JUnitXml(NAME)
        root.tests, root.failures, root.errors, root.time = suite.tests, suite.failures, suite.errors, suite.time
        root.add_testsuite(suite)
        return xml_text(root)


def remark(check: Check) -> str:
    """The check's message, prefixed where failure or skip says too little: `warning: ...`, `inconclusive: ...`."""
    warning = check.severity == "warning" and check.outcome in (Outcome.FAILED, Outcome.ERROR)
    word = check.outcome.value if check.outcome is Outcome.INCONCLUSIVE else "warning" if warning else ""
    return f"{word}: {check.message}" if word else check.message


def suite_of(report: Report, name: str = NAME) -> TestSuite:
    """The checks of one report."""
    suite = TestSuite(name)
    suite.timestamp = measured_at(report)
    for key, value in _properties(report).items():
        if value is not None:
            suite.add_property(key, str(value))
    suite.add_testcases([_case(check, report) for check in report.checks])
    suite.time = round(seconds(report), 3)
    suite.append(SystemOut(_summary(report)))  # type: ignore[no-untyped-call]
    return suite


def _case(check: Check, report: Report) -> TestCase:
    """One check; its class is the model, so that files of several models can be read together."""
    model = short_name(report.subject.id).replace(".", "_")
    case = TestCase(check.id, f"{NAME}.{model}", round(check.seconds, 3))
    if kind := _result(check, report.policy):
        result = kind(type_=f"{NAME}.{check.outcome.value}")
        result.message, result.text = remark(check), _details(check)
        case.result = result
    case.system_out = _output(check.message)
    return case


def _result(check: Check, policy: PolicyFacts) -> type[FinalResult] | None:
    if check.outcome is Outcome.PASSED:
        return None
    if check.stops_build(policy.on_inconclusive):
        return Error if check.outcome is Outcome.ERROR else Failure
    return Skipped


def _details(check: Check) -> str:
    """What the check asks for, and the references that decided it."""
    references = f"references: {', '.join(check.references)}" if check.references else ""
    return "\n".join(part for part in (check.description, references) if part)


def _properties(report: Report) -> dict[str, str | float | None]:
    """Everything that identifies the audit and its result; what is not known is left out."""
    verdict, policy = report.verdict, report.policy
    return {
        "subject": report.subject.id,
        "revision": report.subject.revision,
        "weights_digest": report.digests.weights,
        "relation": verdict.relation.value,
        "reference": verdict.reference,
        "probability": verdict.probability,
        "p_value": verdict.p_value,
        "signs_of_disguise": ", ".join(one.name for one in report.signs.found) or "none" if report.signs else None,
        "not_looked_at": ", ".join(report.signs.not_looked_at) or None if report.signs else None,
        **{f"endpoint_against_{one.reference}": one.finding for one in report.served},
        "exit_code": report.exit_code.value,
        "signals": ", ".join(one.version for one in report.measurement.measured.values()) or None,
        "bank": report.bank.name,
        "bank_digest": report.bank.digest,
        "measured_for_this_audit": ", ".join(one.reference for one in at_hand(report)) or None,
        "policy": policy.name,
        "policy_digest": policy.digest,
        "on_inconclusive": policy.on_inconclusive,
        "deselected": ", ".join(policy.deselected) or None,
        "not_run": ", ".join(policy.not_run) or None,
        "report_digest": report.digest or None,
        "command": report.tool.command,
        "tool": f"{report.tool.name} {report.tool.version}",
        **report.summary.model_dump(),
    }


def _summary(report: Report) -> str:
    return _output("\n".join((sentence(report), certainty(report), *report.verdict.reasons)))


def _output(text: str) -> str:
    """Text for `system-out`, where Jenkins and GitLab would fetch the file that `[[ATTACHMENT|path]]` names."""
    return text.replace("[[", "[ [")


def xml_text(root: JUnitXml) -> str:
    """The file's text; the same bytes whether or not junitparser found lxml, which writes XML differently."""
    file = BytesIO()
    root.write(file)
    written = Xml.fromstring(file.getvalue())  # noqa: S314 - junitparser wrote it a moment ago
    Xml.indent(written)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{Xml.tostring(written, encoding="unicode")}\n'
