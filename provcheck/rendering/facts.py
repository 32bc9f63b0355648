"""How a report came about: what was measured, with what, and the digests of everything that went in."""

from __future__ import annotations

from provcheck import wording
from provcheck.rendering.columns import title_of
from provcheck.rendering.sentences import at_hand, origin, seconds
from provcheck.signals import all_signals
from provcheck.types import (
    Comparison,
    Coverage,
    FileDigest,
    NotMeasured,
    PolicyFacts,
    Report,
    Served,
    SignalFacts,
    Subject,
)

ON_INCONCLUSIVE = {
    "fail": "what cannot be decided fails",
    "pass": "what cannot be decided passes",
    "warn": "what cannot be decided is pointed out and fails nothing",
}

NO_WEIGHTS = "no weight files are at hand"
IN_PART = "not computed: only parts of the weight files were fetched from the Hub"

Pairs = list[tuple[str, str]]


def facts_of(report: Report) -> Pairs:
    """Term and value."""
    facts, subject = report.measurement, report.subject
    return [
        ("Model", model_line(subject)),
        *([("Model under the adapter", f"{subject.base.id}: {model_line(subject.base)}")] if subject.base else []),
        ("Revision", subject.revision or "none stated"),
        ("Measured", f"{facts.measured_at:%Y-%m-%d %H:%M %Z}".strip()),
        ("Probes", facts.probes),
        *_signals(report),
        ("Device", f"{facts.device}, {facts.dtype}"),
        ("Duration", f"{seconds(report):.1f} seconds"),
        ("Versions", ", ".join(f"{name} {version}" for name, version in facts.versions.items())),
        ("Bank", f"{report.bank.name}, {wording.plural(report.bank.references, 'reference')}"),
        *((f"Reference {one.reference}", _beside(one)) for one in at_hand(report)),
        ("Judge", report.judge.name),
        ("Policy", _policy(report.policy)),
        ("Tool", f"{report.tool.name} {report.tool.version}, report schema {report.schema_version}"),
    ]


def served_facts(served: Served | None) -> Pairs:
    """How an endpoint was asked and answered: term and value; nothing for a model that was at hand."""
    if served is None:
        return []
    checked = (
        "a generated token had the same number within a prompt" if served.checked else "no generated token to check"
    )
    step = served.rounded_to_nats
    return [
        ("Endpoint asked by", served.form),
        (
            "Requests and tokens",
            f"{wording.plural(served.requests, 'request')}, {wording.plural(served.tokens, 'token')}",
        ),
        ("Special tokens before a text", str(served.special_tokens)),
        ("Answers agree", f"the same tokens within {wording.number(served.repeats_nats)} nats; {checked}"),
        ("Rounding by the server", f"to steps of {wording.number(step)} nats" if step else "none to be seen"),
    ]


def digests_of(report: Report) -> Pairs:
    """Everything that went in, and the report itself."""
    digests = report.digests
    return [
        ("Weights", digests.weights or (IN_PART if report.subject.in_part else NO_WEIGHTS)),
        ("Other files of the model", digests.model_files),
        ("Measurement", digests.measurement),
        ("Probes", digests.probes),
        ("Bank", digests.bank),
        *(row for one in at_hand(report) for row in _digests_beside(one)),
        ("Judge", digests.judge or "this bank has none of its own"),
        ("Policy", digests.policy),
        *((f"{title_of(name)}: published numbers", digest) for name, digest in digests.background.items()),
        ("This report", report.digest or "without a digest"),
    ]


def files_of(subject: Subject) -> list[tuple[str, FileDigest]]:
    """Whose file, and the file: weights first, then those beside them, then those of a model under an adapter."""
    own = [("model", file) for file in (*subject.weights, *subject.files)]
    if subject.base is None:
        return own
    return own + [("model under the adapter", file) for file in (*subject.base.weights, *subject.base.files)]


def _signals(report: Report) -> Pairs:
    """What each signal covered, and what else it says about the model; or why it was not measured."""
    rows: Pairs = []
    for name, signal in all_signals().items():
        match report.measurement.signals.get(name):
            case SignalFacts() as facts:
                rows += [(signal.title, f"{facts.version}: {coverage_of(facts.coverage)}"), *signal.facts(facts)]
            case NotMeasured(not_measured=reason):
                rows.append((signal.title, f"{wording.NOT_MEASURED}: {reason}"))
    return rows


def _beside(one: Comparison) -> str:
    return f"{model_line(one.at_hand.subject)}; {origin(one)}" if one.at_hand else ""


def _digests_beside(one: Comparison) -> Pairs:
    facts = one.at_hand
    return [] if facts is None else [(f"Weights of {one.reference}", facts.subject.weights_digest or NO_WEIGHTS)]


def coverage_of(coverage: Coverage) -> str:
    """How much was measured, and what was left out."""
    left_out = "; ".join(f"{reason}: {count}" for reason, count in coverage.left_out.items())
    measured = f"{coverage.measured} of {wording.plural(coverage.total, coverage.unit)}"
    return f"{measured}; left out: {left_out}" if left_out else measured


def _policy(policy: PolicyFacts) -> str:
    parts = [f"{policy.name}; {ON_INCONCLUSIVE[policy.on_inconclusive]}"]
    parts += [f"left out: {', '.join(policy.deselected)}"] if policy.deselected else []
    parts += [f"not run after the first failure: {', '.join(policy.not_run)}"] if policy.not_run else []
    return "; ".join(parts)


def model_line(subject: Subject) -> str:
    """What a model is, in one line."""
    parts = (
        subject.architecture or subject.model_type,
        f"{subject.parameters:,} parameters" if subject.parameters else None,
        f"tokenizer {subject.tokenizer}" if subject.tokenizer else None,
        f"{subject.vocabulary_size:,} tokens" if subject.vocabulary_size else None,
        subject.weight_format or NO_WEIGHTS,
        f"from {subject.source}",
    )
    return ", ".join(part for part in parts if part)
