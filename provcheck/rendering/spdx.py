"""The report as an SPDX 3.0.1 document (JSON-LD): the audited model as an AI package.

- `descendantOf`: a base that the model's own card declares and the evidence bears out; the comment has the evidence.
- `other`: a declared base that the evidence contradicts, or that was not compared; the comment says which.
- `hasVariant`: another reference that the evidence relates to the model; which one came first is open.

The verdict, each check's outcome and the limits are annotations of the model. Ids follow from the report's digest, so
the same report gives the same document. The AI profile asks for a release time and a supplier, which no audit knows, so
the document claims the profiles core, software and simpleLicensing only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from provcheck.io.writing import json_text
from provcheck.rendering.columns import nearest
from provcheck.rendering.identity import hub_repository, measured_at, report_uuid
from provcheck.rendering.sentences import certainty, counts, plain_report, relation_probability, sentence
from provcheck.types import Comparison, FileDigest, Report, Subject

CONTEXT = "https://spdx.org/rdf/3.0.1/spdx-context.jsonld"
INFO = "_:creation"
DECLARED = "Declared by the model's card"

Json = dict[str, Any]


class SpdxReport:
    """For inventories that follow SPDX. In ASCII, like the JSON report."""

    def render(self, report: Report) -> str:
        """The whole document."""
        return json_text(_Document(plain_report(report)).whole())


class _Document:
    """The elements of one document, under ids of their own."""

    def __init__(self, report: Report) -> None:
        self.report = report
        self.space = report_uuid(report).urn

    def whole(self) -> Json:
        elements = [self._tool(), *self._models(), *self._pedigree(), *self._statements()]
        profiles = ["core", "software", "simpleLicensing"]
        document = self._element("document", "SpdxDocument", profileConformance=profiles) | {
            "rootElement": [self._id("model")],
            "element": [one["spdxId"] for one in elements],
        }
        return {"@context": CONTEXT, "@graph": [self._creation(), document, *elements]}

    def _creation(self) -> Json:
        at = datetime.fromisoformat(measured_at(self.report)).strftime("%Y-%m-%dT%H:%M:%SZ")
        by = {"createdBy": [self._id("tool")], "comment": "The time is that of the measurement."}
        return {"@id": INFO, "type": "CreationInfo", "specVersion": "3.0.1", "created": at, **by}

    def _tool(self) -> Json:
        tool = self.report.tool
        return self._element("tool", "SoftwareAgent", name=f"{tool.name} {tool.version}", description=tool.command)

    def _models(self) -> Iterator[Json]:
        """The audited model, with its files and its license."""
        subject = self.report.subject
        yield self._package("model", subject.id, subject)
        files = [self._file(file, n) for n, file in enumerate((*subject.weights, *subject.files))]
        yield from files
        if files:
            yield self._relationship("files", "contains", [one["spdxId"] for one in files])
        if expression := _expression(subject.license):
            yield self._element(
                "license", "simplelicensing_LicenseExpression", simplelicensing_licenseExpression=expression
            )
            yield self._relationship("license-declared", "hasDeclaredLicense", [self._id("license")])

    def _pedigree(self) -> Iterator[Json]:
        """Declared bases, then the other references that are related, nearest first."""
        found = {one.reference.lower(): one for one in self.report.comparisons}
        declared = [base.lower() for base in self.report.subject.declared_base]
        for number, base in enumerate(self.report.subject.declared_base):
            kind, comment = _finding(found.get(base.lower()))
            yield from self._related(f"declared-{number}", base, kind, comment)
        related = [
            one for one in nearest(self.report) if one.relation.related and one.reference.lower() not in declared
        ]
        for number, one in enumerate(related):
            yield from self._related(f"variant-{number}", one.reference, "hasVariant", _evidence(one))

    def _related(self, name: str, model: str, kind: str, comment: str) -> Sequence[Json]:
        return self._package(name, model), self._relationship(f"{name}-is", kind, [self._id(name)], comment=comment)

    def _statements(self) -> Iterator[Json]:
        """The verdict, the checks and the limits, about the model."""
        report = self.report
        words = (f"verdict: {report.verdict.relation.value}.", sentence(report), certainty(report))
        verdict = " ".join((*words, *report.verdict.reasons))
        checks = [f"check {check.id}: {check.outcome.value}. {check.message}" for check in report.checks]
        summary = f"summary: {counts(report.summary)}. Exit code {report.exit_code.value}."
        for number, text in enumerate((verdict, *checks, summary, *report.limitations)):
            about = {"annotationType": "review", "subject": self._id("model"), "statement": text}
            yield self._element(f"statement-{number}", "Annotation", **about)

    def _package(self, name: str, model: str, subject: Subject | None = None) -> Json:
        facts: Json = {"name": model, "software_primaryPurpose": "model"}
        if subject and subject.revision:
            facts["software_packageVersion"] = subject.revision
        if subject and subject.architecture:
            facts["ai_typeOfModel"] = [subject.architecture]
        if subject and (address := hub_repository(subject)):
            facts["software_downloadLocation"] = f"{address}/tree/{subject.revision}"
        return self._element(name, "ai_AIPackage", **facts)

    def _file(self, file: FileDigest, number: int) -> Json:
        known = re.fullmatch("[0-9a-fA-F]{64}", file.sha256 or "")
        hashes = [{"type": "Hash", "algorithm": "sha256", "hashValue": known[0]}] if known else []
        return self._element(f"file-{number}", "software_File", name=file.name, verifiedUsing=hashes)

    def _relationship(self, name: str, kind: str, to: list[str], **facts: str) -> Json:
        ends = {"from": self._id("model"), "to": to, "relationshipType": kind}
        return self._element(name, "Relationship", **ends, **facts)

    def _element(self, id_: str, type_: str, **facts: Any) -> Json:
        return {"type": type_, "spdxId": self._id(id_), "creationInfo": INFO, **facts}

    def _id(self, name: str) -> str:
        return f"{self.space}#{name}"


def _finding(one: Comparison | None) -> tuple[str, str]:
    """How a declared base stands to the model, and the evidence for it."""
    if one is None:
        return "other", f"{DECLARED}; it was not compared, so nothing is known."
    kind = "descendantOf" if one.relation.related else "other"
    return kind, f"{DECLARED}. {_evidence(one)}"


def _evidence(one: Comparison) -> str:
    return f"The evidence says {one.relation.value}, {relation_probability(one)}."


def _expression(license_: str | None) -> str | None:
    """A license expression that SPDX knows, or None."""
    try:
        return canonicalize_license_expression(license_) if license_ else None
    except InvalidLicenseExpression:
        return None
