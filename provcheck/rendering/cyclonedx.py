"""The report as a CycloneDX 1.7 ML-BOM: a bill of materials of the audited model.

The component is the model with the digests of its weight files. Its pedigree keeps what is declared and what was
measured apart, in the places that CycloneDX has for them:

- `pedigree.ancestors`: the base models that the model's own card declares, and nothing else. Property
  `provcheck:declared` is `true`, and `provcheck:finding` is what the evidence says about this one: a relation,
  or `not-compared` where the bank does not have it.
- `pedigree.variants`: the references that the evidence relates to it, `identical` or `derived`, nearest first. In
  CycloneDX, related components are variants if it is open which one came first, and that is all that a measurement
  shows. Property `provcheck:evidenced` is `true`; others hold relation, probability, p-value, and every number of
  every signal as `provcheck:SIGNAL.FIELD`. `evidence.identity` says by which method it was found: by equal digests,
  or by the signals that the judge read, with the probability of the relation as confidence.

A declared base that the evidence supports appears in both. Independent and undecided references are not in the
pedigree. The verdict, each check's outcome, each sign of disguise and the exit code are properties of the metadata; the
verdict's sentence and the limits are annotations of the model. The serial number follows from the report's digest, so
the same report gives the same file.

cyclonedx-python-lib (11.12) reads these files, but cannot write them: it has neither model cards nor annotations, and
sorts ancestors and variants by their names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

from provcheck.io.writing import json_text
from provcheck.rendering.columns import nearest, numbers_of
from provcheck.rendering.identity import hub_repository, measured_at, report_uuid
from provcheck.rendering.sentences import at_hand, certainty, origin, plain_report, sentence
from provcheck.signals import TABLE, find_signal
from provcheck.types import Capability, Comparison, FileDigest, MeasurementFacts, Report, Subject

SCHEMA = "http://cyclonedx.org/schema/bom-1.7.schema.json"
MODEL = "model"
"""bom-ref of the audited model."""

Json = dict[str, Any]
Fact = str | int | float | bool | None


class CycloneDxReport:
    """For inventories of models and licenses. In ASCII, like the JSON report."""

    def render(self, report: Report) -> str:
        """The whole bill of materials."""
        report = plain_report(report)
        base = report.subject.base
        bom = {
            "$schema": SCHEMA,
            "bomFormat": "CycloneDX",
            "specVersion": "1.7",
            "serialNumber": report_uuid(report).urn,
            "version": 1,
            "metadata": _metadata(report),
            "components": [_model(base, "base")] if base else [],
            "dependencies": [{"ref": MODEL, "dependsOn": ["base"] if base else []}],
            "annotations": [_annotation(report, n, text) for n, text in enumerate(_statements(report))],
        }
        return json_text(bom)


def licenses(name: str | None) -> list[Json]:
    """A declared license as SPDX knows it, or under the name that was given."""
    if not name:
        return []
    named = [{"license": {"name": name, "acknowledgement": "declared"}}]
    try:
        known = canonicalize_license_expression(name)
    except InvalidLicenseExpression:
        return named
    if "LicenseRef-" in known:
        return named
    simple = {"license": {"id": known, "acknowledgement": "declared"}}
    return [simple if re.fullmatch(r"[\w.-]+", known) else {"expression": known, "acknowledgement": "declared"}]


def _metadata(report: Report) -> Json:
    return {
        "timestamp": measured_at(report),
        "tools": {"components": [_tool(report)]},
        "component": _subject(report),
        "properties": [*_properties(_facts(report)), *_outcomes(report), *_signs(report)],
    }


def _outcomes(report: Report) -> list[Json]:
    return [_property(f"check:{check.id}", check.outcome.value) for check in report.checks]


def _signs(report: Report) -> list[Json]:
    if report.signs is None:
        return []
    gaps = [_property(f"not-looked-at:{name}", why) for name, why in report.signs.not_looked_at.items()]
    return [*(_property(f"sign:{one.name}", one.finding) for one in report.signs.found), *gaps]


def _tool(report: Report) -> Json:
    return {"type": "application", "name": report.tool.name, "version": report.tool.version}


def _facts(report: Report) -> dict[str, Fact]:
    verdict, policy = report.verdict, report.policy
    return {
        "relation": verdict.relation.value,
        "reference": verdict.reference,
        "probability": verdict.probability,
        "p-value": verdict.p_value,
        "exit-code": report.exit_code.value,
        **report.summary.model_dump(),
        "policy": policy.name,
        "on-inconclusive": policy.on_inconclusive,
        "deselected": ", ".join(policy.deselected) or None,
        "not-run": ", ".join(policy.not_run) or None,
        "bank": report.bank.name,
        "measured-for-this-audit": ", ".join(one.reference for one in at_hand(report)) or None,
        "command": report.tool.command,
        "report-sha256": report.digest or None,
        **_digests(report),
    }


def _digests(report: Report) -> dict[str, Fact]:
    return {
        f"{path.replace('_', '-').replace('.', '-')}-sha256": digest
        for path, digest in _leaves(report.digests.model_dump())
    }


def _subject(report: Report) -> Json:
    """The audited model with its card, and its declared and evidenced pedigree."""
    subject = report.subject
    return _model(subject, MODEL) | {"pedigree": _pedigree(report), "modelCard": _card(report)}


def _model(subject: Subject, ref: str) -> Json:
    repository = hub_repository(subject)
    purl = {"purl": f"pkg:huggingface/{subject.id}@{subject.revision}"} if repository else {}
    return {
        **_named(subject.id, ref),
        **({"version": subject.revision} if subject.revision else {}),
        **purl,
        "licenses": licenses(subject.license),
        "components": [_file(file, f"{ref}-file-{n}") for n, file in enumerate(subject.weights)],
        "properties": _properties({"source": subject.source, "weights-sha256": subject.weights_digest}),
    }


def _named(name: str, ref: str) -> Json:
    """A model under its name; the organisation of `org/name` is the group."""
    group, slash, rest = name.partition("/")
    whole = not (slash and group and rest)
    known = {"name": name} if whole else {"group": group, "name": rest}
    return {"type": "machine-learning-model", "bom-ref": ref, **known}


def _file(file: FileDigest, ref: str) -> Json:
    """A weight file; a digest that was not computed, or is malformed in an untrusted file, is left out."""
    found = re.fullmatch("[0-9a-fA-F]{64}", file.sha256 or "")
    sha256 = [{"alg": "SHA-256", "content": found[0]}] if found else []
    return {
        "type": "file",
        "bom-ref": ref,
        "name": file.name,
        "hashes": sha256,
        "properties": _properties({"bytes": file.bytes, "etag-stated-by-hub": file.stated_etag}),
    }


def _pedigree(report: Report) -> Json:
    related = [one for one in nearest(report) if one.relation.related]
    merged = {parent.reference: parent.weight for parent in report.verdict.parents}
    found = {one.reference.lower(): one.relation.value for one in report.comparisons}
    return {
        "ancestors": [_declared(base, n, found) for n, base in enumerate(report.subject.declared_base)],
        "variants": [_evidenced(one, n, merged.get(one.reference)) for n, one in enumerate(related)],
        "notes": "Ancestors are what the model's card declares. Variants are the references that the measured evidence "
        f"relates to it; which one came first is open. {sentence(report)}",
    }


def _declared(base: str, number: int, found: Mapping[str, str]) -> Json:
    finding = found.get(base.lower(), "not-compared")
    return _named(base, f"declared-{number}") | {"properties": _properties({"declared": True, "finding": finding})}


def _evidenced(one: Comparison, number: int, merge_weight: float | None) -> Json:
    """A related reference; with its weight where the subject looks like a merge of it with another."""
    facts = {
        "evidenced": True,
        "relation": one.relation.value,
        "probability": (one.probabilities or {}).get(one.relation),
        "p-value": one.p_value,
        "same-weights": one.same_weights,
        "origin": origin(one) or None,
        "weights-sha256": one.at_hand.subject.weights_digest if one.at_hand else None,
        "merge-weight": merge_weight,
        "mechanism": one.mechanism,
        "family": one.family,
        **dict(_leaves({name: values.model_dump(mode="json") for name, values in one.signals.items()})),
    }
    named = _named(one.reference, f"evidenced-{number}")
    return named | {"licenses": licenses(one.license), "properties": _properties(facts), **_evidence(one)}


def _evidence(one: Comparison) -> Json:
    """By which methods the reference was found in the model, each with its confidence."""
    same = {"technique": "hash-comparison", "confidence": 1, "value": "the weight files are the same"}
    methods = [*([same] if one.same_weights else []), *_judged(one)]
    confidence = max((method["confidence"] for method in methods), default=None)
    identity = {"field": "name", "confidence": confidence, "concludedValue": one.reference, "methods": methods}
    return {"evidence": {"identity": [identity]}} if methods else {}


def _judged(one: Comparison) -> list[Json]:
    """What the judge read, as one method, since its probability is that of all signals together."""
    probability = (one.probabilities or {}).get(one.relation)
    if probability is None:
        return []
    kinds = {find_signal(name).needs for name in one.judged_by if name in TABLE}
    technique = "binary-analysis" if Capability.WEIGHTS in kinds else "dynamic-analysis"
    return [{"technique": technique, "confidence": probability, "value": numbers_of(one)}]


def _card(report: Report) -> Json:
    """What is known about the model itself. The audit's limits are not the model's, and are stated elsewhere."""
    subject, facts = report.subject, report.measurement
    family = {"architectureFamily": subject.model_type} if subject.model_type else {}
    architecture = {"modelArchitecture": subject.architecture} if subject.architecture else {}
    sizes = {"parameters": subject.parameters, "context-length": subject.context_length, "tokenizer": subject.tokenizer}
    return {
        "modelParameters": {"task": "text-generation", **family, **architecture},
        "quantitativeAnalysis": {"performanceMetrics": _metrics(facts)},
        "properties": _properties(sizes),
    }


def _metrics(facts: MeasurementFacts) -> list[Json]:
    """How well the model does, by the numbers that the signals measured of the model itself."""
    return [
        {"type": name.replace("_", " "), "value": str(value), "slice": f"{one.coverage.unit}s of {facts.probes}"}
        for signal, one in facts.measured.items()
        for name, value in one.values.items()
        if value is not None and signal in TABLE and name in find_signal(signal).metrics
    ]


def _statements(report: Report) -> list[str]:
    verdict = f"{sentence(report)} {certainty(report)}"
    return [" ".join((verdict, *report.verdict.reasons)), *report.limitations]


def _annotation(report: Report, number: int, text: str) -> Json:
    return {
        "bom-ref": f"annotation-{number}",
        "subjects": [MODEL],
        "annotator": {"component": _tool(report)},
        "timestamp": measured_at(report),
        "text": text,
    }


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Fact]]:
    """What a record holds, by its path; numbers of a list, such as the ends of an interval, are joined in one text."""
    if isinstance(value, list) and value and all(isinstance(item, int | float) for item in value):
        yield path, " ".join(map(str, value))
    elif isinstance(value, dict | list):
        for name, item in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _leaves(item, f"{path}.{name}" if path else str(name))
    else:
        yield path, value


def _properties(facts: Mapping[str, Fact]) -> list[Json]:
    """Properties in a namespace of their own; what is not known is left out."""
    return [_property(name, value) for name, value in facts.items() if value is not None]


def _property(name: str, value: Fact) -> Json:
    return {"name": f"provcheck:{name}", "value": str(value).lower() if isinstance(value, bool) else str(value)}
