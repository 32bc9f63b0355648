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

from xml.etree import ElementTree as Xml

from provcheck.rendering import wording
from provcheck.rendering.gating import remark, stops_build
from provcheck.rendering.identity import measured_at
from provcheck.rendering.plain import plain_report, short_name
from provcheck.types import Check, Outcome, PolicyFacts, Report


class JUnitReport:
    """For the test report of a pipeline. Hidden characters are made visible, so XML 1.0 can hold every text."""

    def render(self, report: Report) -> str:
        """The whole XML file."""
        report = plain_report(report)
        cases = [_case(check, report) for check in report.checks]
        totals = {"tests": str(len(cases)), "failures": _count(cases, "failure"), "errors": _count(cases, "error")}
        time = f"{wording.seconds(report):.3f}"
        root = Xml.Element("testsuites", {"name": "provcheck", **totals, "time": time})
        suite = Xml.SubElement(root, "testsuite", {"name": "provcheck", **totals, "skipped": _count(cases, "skipped")})
        suite.attrib |= {"time": time, "timestamp": measured_at(report)}
        suite.append(_properties(report))
        suite.extend(cases)
        Xml.SubElement(suite, "system-out").text = _summary(report)
        Xml.indent(root)
        return f'<?xml version="1.0" encoding="utf-8"?>\n{Xml.tostring(root, encoding="unicode")}\n'


def _case(check: Check, report: Report) -> Xml.Element:
    """One check; its class is the model, so that files of several models can be read together."""
    model = short_name(report.subject.id).replace(".", "_")
    attributes = {"classname": f"provcheck.{model}", "name": check.id, "time": f"{check.seconds:.3f}"}
    case = Xml.Element("testcase", attributes)
    tag = _tag(check, report.policy)
    if tag:
        message = remark(check)
        child = Xml.SubElement(case, tag, {"type": f"provcheck.{check.outcome.value}", "message": message})
        child.text = _details(check) or None
    Xml.SubElement(case, "system-out").text = _output(check.message)
    return case


def _tag(check: Check, policy: PolicyFacts) -> str | None:
    if check.outcome is Outcome.PASSED:
        return None
    if stops_build(check, policy):
        return "error" if check.outcome is Outcome.ERROR else "failure"
    return "skipped"


def _details(check: Check) -> str:
    """What the check asks for, and the references that decided it."""
    references = f"references: {', '.join(check.references)}" if check.references else ""
    return "\n".join(part for part in (check.description, references) if part)


def _count(cases: list[Xml.Element], tag: str) -> str:
    return str(sum(case.find(tag) is not None for case in cases))


def _properties(report: Report) -> Xml.Element:
    """Everything that identifies the audit and its result; what is not known is left out."""
    verdict, policy = report.verdict, report.policy
    facts = {
        "subject": report.subject.id,
        "revision": report.subject.revision,
        "weights_digest": report.digests.weights,
        "relation": verdict.relation.value,
        "reference": verdict.reference,
        "probability": verdict.probability,
        "p_value": verdict.p_value,
        "exit_code": report.exit_code.value,
        "bank": report.bank.name,
        "bank_digest": report.bank.digest,
        "policy": policy.name,
        "policy_digest": policy.digest,
        "on_inconclusive": policy.on_inconclusive,
        "deselected": ", ".join(policy.deselected) or None,
        "not_run": ", ".join(policy.not_run) or None,
        "report_digest": report.digest or None,
        "command": report.tool.command,
        "tool": f"{report.tool.name} {report.tool.version}",
    } | report.summary.model_dump()
    properties = Xml.Element("properties")
    for name, value in facts.items():
        if value is not None:
            Xml.SubElement(properties, "property", {"name": name, "value": str(value)})
    return properties


def _summary(report: Report) -> str:
    return _output("\n".join((wording.sentence(report), wording.certainty(report), *report.verdict.reasons)))


def _output(text: str) -> str:
    """Text for `system-out`, where Jenkins and GitLab would fetch the file that `[[ATTACHMENT|path]]` names."""
    return text.replace("[[", "[ [")
