"""The report as SARIF 2.1.0, for code scanning and everything else that reads findings.

A check is a rule, and its outcome one result:

    passed          kind pass
    failed          kind fail, level error or warning, as severe as the check
    inconclusive    kind open (not enough information to decide); kind fail where the policy says that it fails
    error           kind fail, and a notification of the invocation: the check itself could not be made
    skipped         kind notApplicable

Checks that were left out have no result; the run's properties name them. SARIF allows a level only for kind fail. Every
result's property `outcome` is the report's own word. Texts are plain SARIF messages: brackets and braces, which would
be links and placeholders, are escaped as the standard says.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any
from urllib.parse import quote

from provcheck.io.writing import json_text
from provcheck.rendering.identity import hub_repository, measured_at, report_uuid
from provcheck.rendering.sentences import EXIT_CODES, at_hand, certainty, origin, plain_report, sentence
from provcheck.types import Check, Comparison, ExitCode, Outcome, PolicyFacts, Report

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
KINDS = {
    Outcome.PASSED: "pass",
    Outcome.FAILED: "fail",
    Outcome.ERROR: "fail",
    Outcome.INCONCLUSIVE: "open",
    Outcome.SKIPPED: "notApplicable",
}
FINISHED = (ExitCode.OK, ExitCode.CHECK_FAILED, ExitCode.NO_CHECKS)

Json = dict[str, Any]


class SarifReport:
    """For code scanning. In ASCII, like the JSON report."""

    def render(self, report: Report) -> str:
        """One run with one result per check."""
        report = plain_report(report)
        rules = _rules(report)
        run = {
            "tool": {"driver": _driver(report, rules)},
            "invocations": [_invocation(report)],
            "automationDetails": _automation(report),
            **_provenance(report),
            "artifacts": _artifacts(report),
            "columnKind": "unicodeCodePoints",
            "results": [_result(check, report, rules) for check in report.checks],
            "properties": _properties(report),
        }
        return json_text({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]})


def model_uri(name: str) -> str:
    """A relative URI of a model; no segment of it can climb, start a scheme or be empty."""
    segments = [quote(part, safe="") if part.strip(".") else "_" for part in name.split("/")]
    return "/".join(segments)


def message(text: str) -> Json:
    """A SARIF message that shows the text literally."""
    return {"text": re.sub(r"([\\\[\]])", r"\\\1", text).replace("{", "{{").replace("}", "}}")}


def _driver(report: Report, rules: list[Json]) -> Json:
    return {"name": report.tool.name, "version": report.tool.version, "rules": rules}


def _rules(report: Report) -> list[Json]:
    """One rule per check; checks with one id that ask for the same share it."""
    rules: list[Json] = []
    for check in report.checks:
        rule = _rule(check)
        if rule not in rules:
            rules.append(rule)
    return rules


def _rule(check: Check) -> Json:
    description = check.description or check.kind or check.id
    level = "error" if check.severity == "error" else "warning"
    name = {"name": check.kind.title().replace("-", "")} if check.kind else {}
    return {
        "id": check.id,
        **name,
        "shortDescription": message(description),
        "fullDescription": message(description),
        "help": message(f"{description} `provcheck policy list` explains the kinds of checks."),
        "defaultConfiguration": {"level": level},
    }


def _result(check: Check, report: Report, rules: list[Json]) -> Json:
    kind = "fail" if check.stops_build(report.policy.on_inconclusive) else KINDS[check.outcome]
    rule = _rule(check)
    return {
        "ruleId": check.id,
        "ruleIndex": rules.index(rule),
        "kind": kind,
        "level": rule["defaultConfiguration"]["level"] if kind == "fail" else "none",
        "message": message(check.message or check.outcome.value),
        "locations": [_location(check, report)],
        "partialFingerprints": {"provcheckCheck/v1": _fingerprint(check, report)},
        "properties": {
            "outcome": check.outcome.value,
            "severity": check.severity,
            "seconds": check.seconds,
            "evidence": [_evidence(one) for one in report.comparisons if one.reference in check.references],
        },
    }


def _location(check: Check, report: Report) -> Json:
    """The model, and the references that decided the outcome. A model has no lines, but code scanning asks for one."""
    model = {"artifactLocation": {"uri": model_uri(report.subject.id)}, "region": {"startLine": 1}}
    references = [
        {"name": name, "fullyQualifiedName": name, "kind": "resource"} for name in dict.fromkeys(check.references)
    ]
    return {"physicalLocation": model} | ({"logicalLocations": references} if references else {})


def _evidence(one: Comparison) -> Json:
    """What was found about one reference."""
    return {
        "reference": one.reference,
        "relation": one.relation.value,
        "probability": (one.probabilities or {}).get(one.relation),
        "pValue": one.p_value,
        "sameWeights": one.same_weights,
        **({"origin": origin(one)} if one.at_hand else {}),
        "signals": {name: values.model_dump(mode="json") for name, values in one.signals.items()},
    }


def _fingerprint(check: Check, report: Report) -> str:
    """The same for the same check of the same model with the same references, whatever its numbers are this time."""
    return hashlib.sha256(json.dumps([report.subject.id, check.id, check.references]).encode()).hexdigest()


def _invocation(report: Report) -> Json:
    """How the run ended; it was successful when the audit ended by itself and every check could be made."""
    errors = [check for check in report.checks if check.outcome is Outcome.ERROR]
    return {
        "commandLine": report.tool.command,
        "exitCode": report.exit_code.value,
        "exitCodeDescription": EXIT_CODES[report.exit_code],
        "executionSuccessful": report.exit_code in FINISHED and not errors,
        "toolExecutionNotifications": [_notification(check) for check in errors],
    }


def _notification(check: Check) -> Json:
    text = f"The check could not be made: {check.message}"
    return {"level": "error", "associatedRule": {"id": check.id}, "message": message(text)}


def _automation(report: Report) -> Json:
    """Runs of one policy on one model belong together; the part after the last slash tells them apart."""
    uuid = str(report_uuid(report))
    return {
        "id": f"{report.tool.name}/{report.policy.name}/{report.subject.id}/{uuid}",
        "guid": uuid,
        "description": message(f"Provenance audit of {report.subject.id} with the policy {report.policy.name}."),
    }


def _provenance(report: Report) -> Json:
    """The commit of the Hub that was audited; nothing where the model came from elsewhere."""
    repository = hub_repository(report.subject)
    if repository is None:
        return {}
    return {"versionControlProvenance": [{"repositoryUri": repository, "revisionId": report.subject.revision}]}


def _artifacts(report: Report) -> list[Json]:
    """The files of the weights with their digests; not `length`, which readers hold in 32 bits."""
    folder = model_uri(report.subject.id)
    files = {f"{folder}/{model_uri(file.name)}": file for file in report.subject.weights}
    return [
        {
            "location": {"uri": uri},
            **({"hashes": {"sha-256": file.sha256}} if file.sha256 else {}),
            "properties": {"bytes": file.bytes},
        }
        for uri, file in files.items()
    ]


def _properties(report: Report) -> Json:
    verdict, policy = report.verdict, report.policy
    return {
        "subject": report.subject.id,
        "revision": report.subject.revision,
        "relation": verdict.relation.value,
        "reference": verdict.reference,
        "probability": verdict.probability,
        "pValue": verdict.p_value,
        "parents": [parent.model_dump() for parent in verdict.parents],
        **({"served": [one.model_dump(mode="json") for one in report.served]} if report.served else {}),
        "sentence": sentence(report),
        "certainty": certainty(report),
        "reasons": list(verdict.reasons),
        **({"signsOfDisguise": report.signs.model_dump(mode="json")} if report.signs else {}),
        "summary": report.summary.model_dump(),
        "signals": {name: facts.model_dump(mode="json") for name, facts in report.measurement.signals.items()},
        "measuredForThisAudit": [one.reference for one in at_hand(report)],
        "policy": _policy(policy),
        "digests": report.digests.model_dump(),
        "reportDigest": report.digest,
        "measuredAt": measured_at(report),
        "limitations": list(report.limitations),
    }


def _policy(policy: PolicyFacts) -> Json:
    return {
        "name": policy.name,
        "onInconclusive": policy.on_inconclusive,
        "deselected": list(policy.deselected),
        "notRun": list(policy.not_run),
    }
