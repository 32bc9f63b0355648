"""What a report states of a model's files, as in-toto Statements (v1), ready to be signed.

The subject of each are the model's own files with their SHA-256, which are also the digests that OpenSSF Model Signing
(`model-signing`) lists of them. Two predicates:

- `LINEAGE`, ours: the verdict with its error rates, and the digests of everything that it rests on.
- `RESULT`, in-toto's Simple Verification Result: the checks of the policy that passed. A check that failed, was left
  out or could not be decided is not among them.

Numbers stand here as they stand in the report; nothing is computed.
"""

from __future__ import annotations

import hashlib
from typing import Any

from provcheck.errors import UsageError
from provcheck.rendering.identity import measured_at
from provcheck.types import Comparison, ExitCode, FileDigest, Outcome, Report, Signs, Subject

LINEAGE = "urn:provcheck:lineage:v1"
"""Type of the predicate that says where the weights come from."""

RESULT = "https://in-toto.io/attestation/svr/v0.1"
"""Type of the predicate that says which checks passed."""

VERIFIER = "urn:provcheck:verifier"

Json = dict[str, Any]


def subject(report: Report) -> list[Json]:
    """The model's files, by name and SHA-256. Raises UsageError where no weight file has a digest."""
    model = report.subject
    if not any(file.sha256 for file in model.weights):
        raise UsageError(
            f"the weight files of {model.id} have no digests in this report, so nothing can be stated of them",
            "audit the model again from whole files: --whole-files for a model of the Hub",
        )
    return _files((*model.weights, *model.files))


def lineage(report: Report, content: bytes) -> Json:
    """The predicate `LINEAGE` of a report whose file has these bytes."""
    verdict = report.verdict
    judged = next((one for one in report.comparisons if one.reference == verdict.reference), None)
    return {
        "verifier": {"id": VERIFIER, "version": report.tool.version},
        "timeMeasured": measured_at(report),
        "model": _model(report.subject),
        "relation": verdict.relation.value,
        "reference": _reference(judged),
        "probability": verdict.probability,
        "pValue": verdict.p_value,
        "reasons": list(verdict.reasons),
        "signsOfDisguise": _signs(report.signs),
        "limitations": list(report.limitations),
        "errorRates": _error_rates(report, judged),
        "report": file_of_report(content),
        "evidence": _evidence(report),
    }


def result(report: Report) -> Json:
    """The predicate `RESULT` of a report: a property a passed check, and one for the policy where it passed whole."""
    policy = report.policy
    passed = [check.id for check in report.checks if check.outcome is Outcome.PASSED]
    whole = report.exit_code is ExitCode.OK and not policy.deselected and not policy.not_run
    return {
        "verifier": {"id": f"{VERIFIER}:{report.tool.version}", "policy": _named(policy.name, policy.digest)},
        "timeCreated": measured_at(report),
        "properties": [*([_property(report)] if whole else []), *(f"{_property(report)}/{id}" for id in passed)],
    }


def file_of_report(content: bytes) -> Json:
    """A report's file, by its SHA-256."""
    return _named("report.json", hashlib.sha256(content).hexdigest())


def _property(report: Report) -> str:
    return f"provcheck:{report.policy.name}"


def _files(files: tuple[FileDigest, ...]) -> list[Json]:
    return [_named(file.name, file.sha256) for file in files if file.sha256]


def _named(name: str, sha256: str | None) -> Json:
    return {"name": name, **({"digest": {"sha256": sha256}} if sha256 else {})}


def _model(model: Subject) -> Json:
    """Its name and commit, and for an adapter what lies under it."""
    under = {"base": {"id": model.base.called, "files": _files(model.base.weights)}} if model.base else {}
    return {"id": model.id, "revision": model.revision, "declaredBase": list(model.declared_base), **under}


def _signs(signs: Signs | None) -> Json | None:
    """What is odd about the model; None where nobody looked."""
    if signs is None:
        return None
    return {
        "found": [{"name": one.name, "reference": one.reference, "finding": one.finding} for one in signs.found],
        "notLookedAt": dict(signs.not_looked_at),
    }


def _reference(judged: Comparison | None) -> Json | None:
    """The reference of the verdict: one of the bank is under the bank's digest, one at hand under its files' own."""
    if judged is None:
        return None
    at_hand = judged.at_hand
    measured = {"files": _files(at_hand.subject.weights), "measurement": at_hand.measurement} if at_hand else {}
    return {"id": judged.reference, "license": judged.license, "sameWeights": judged.same_weights, **measured}


def _error_rates(report: Report, judged: Comparison | None) -> Json | None:
    """What the judge was calibrated on, where one judged the reference."""
    panel = next((one for one in report.judge.panels if judged and one.signals == judged.judged_by), None)
    if panel is None:
        return None
    return {
        "signals": list(panel.signals),
        "falseAccusationUpper95": panel.false_accusation_upper,
        "independentPairs": panel.independent_pairs,
        "relatedPairs": panel.related_pairs,
    }


def _evidence(report: Report) -> list[Json]:
    """Everything that the verdict rests on, by name and SHA-256."""
    digests = report.digests
    named = {
        "bank": (report.bank.name, digests.bank),
        "judge": (None, digests.judge),
        "probes": (report.measurement.probes, digests.probes),
        "policy": (report.policy.name, digests.policy),
        "measurement": (None, digests.measurement),
        **{f"background-{name}": (None, digest) for name, digest in digests.background.items()},
    }
    return [_named(f"{what}:{name}" if name else what, digest) for what, (name, digest) in named.items()]
