"""How a report came about: what was measured, with what, and the digests of everything that went in."""

from __future__ import annotations

from provcheck.rendering import wording
from provcheck.types import Coverage, FileDigest, PolicyFacts, Report, Subject

ON_INCONCLUSIVE = {
    "fail": "what cannot be decided fails",
    "pass": "what cannot be decided passes",
    "warn": "what cannot be decided is pointed out and fails nothing",
}


def facts_of(report: Report) -> list[tuple[str, str]]:
    """Term and value."""
    facts, subject = report.measurement, report.subject
    bits = (
        "not measured"
        if facts.bits_per_byte is None
        else f"{wording.number(facts.bits_per_byte)} bits per byte; less is better"
    )
    return [
        ("Model", _model(subject)),
        *([("Model under the adapter", f"{subject.base.id}: {_model(subject.base)}")] if subject.base else []),
        ("Revision", subject.revision or "none stated"),
        ("Measured", f"{facts.measured_at:%Y-%m-%d %H:%M %Z}".strip()),
        ("Probes", facts.probes),
        ("Coverage", _coverage(facts.coverage)),
        ("Prediction of the texts", bits),
        ("Device", f"{facts.device}, {facts.dtype}"),
        ("Duration", f"{wording.seconds(report):.1f} seconds"),
        ("Algorithm", facts.algorithm),
        ("Versions", ", ".join(f"{name} {version}" for name, version in facts.versions.items())),
        ("Bank", f"{report.bank.name}, {wording.plural(report.bank.references, 'reference')}"),
        ("Judge", report.bank.judge),
        ("Policy", _policy(report.policy)),
        ("Tool", f"{report.tool.name} {report.tool.version}, report schema {report.schema_version}"),
    ]


def digests_of(report: Report) -> list[tuple[str, str]]:
    """Everything that went in, and the report itself."""
    digests = report.digests
    return [
        ("Weights", digests.weights),
        ("Other files of the model", digests.model_files),
        ("Measurement", digests.measurement),
        ("Probes", digests.probes),
        ("Bank", digests.bank),
        ("Judge", digests.judge or "this bank has none of its own"),
        ("Policy", digests.policy),
        ("Papers' KL scale", digests.kl_scale),
        ("This report", report.digest or "not sealed"),
    ]


def files_of(subject: Subject) -> list[tuple[str, FileDigest]]:
    """Whose file, and the file: weights first, then what lies beside them, then those of a model under an adapter."""
    own = [("model", file) for file in (*subject.weights, *subject.files)]
    if subject.base is None:
        return own
    return own + [("model under the adapter", file) for file in (*subject.base.weights, *subject.base.files)]


def _policy(policy: PolicyFacts) -> str:
    parts = [f"{policy.name}; {ON_INCONCLUSIVE[policy.on_inconclusive]}"]
    parts += [f"left out: {', '.join(policy.deselected)}"] if policy.deselected else []
    parts += [f"not run after the first failure: {', '.join(policy.not_run)}"] if policy.not_run else []
    return "; ".join(parts)


def _model(subject: Subject) -> str:
    size = f"{subject.parameters:,} parameters" if subject.parameters else ""
    words = f"{subject.vocabulary_size:,} tokens" if subject.vocabulary_size else ""
    parts = (subject.architecture or subject.model_type, size, f"tokenizer {subject.tokenizer}", words)
    return ", ".join(part for part in (*parts, subject.weight_format, f"from {subject.source}") if part)


def _coverage(coverage: Coverage) -> str:
    left_out = "; ".join(f"{reason}: {count}" for reason, count in coverage.left_out.items())
    measured = (
        f"{coverage.questions} of {wording.plural(coverage.questions_total, 'question')}, "
        f"{coverage.texts} of {wording.plural(coverage.texts_total, 'text')}"
    )
    return f"{measured}; left out: {left_out}" if left_out else measured
