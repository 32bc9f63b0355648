"""Whether an inventory speaks of a report's model, and whether the evidence bears its ancestors out."""

from __future__ import annotations

from collections.abc import Sequence

from provcheck.errors import UsageError
from provcheck.inventories.declared_models import Declared
from provcheck.types import Check, Comparison, ExitCode, Outcome, Report
from provcheck.wording import listing, probability

MODEL, ANCESTORS = "model", "ancestors"


def check_inventory(models: Sequence[Declared], report: Report) -> list[Check]:
    """One check for the model, and one for each ancestor. Raises UsageError where the model is not listed."""
    model = _listed(models, report)
    found = {one.reference.lower(): one for one in report.comparisons}
    ancestors = dict.fromkeys(model.ancestors)
    if not ancestors:
        return [_same_model(model, report), _check(ANCESTORS, Outcome.SKIPPED, f"none is declared of {model.name}")]
    return [_same_model(model, report), *(_ancestor(name, found.get(name.lower())) for name in ancestors)]


def inventory_exit_code(checks: Sequence[Check]) -> ExitCode:
    """1 if something is contradicted; 0 if everything is borne out; else 5, as something was not checked."""
    outcomes = {check.outcome for check in checks}
    if Outcome.FAILED in outcomes:
        return ExitCode.CHECK_FAILED
    return ExitCode.OK if outcomes == {Outcome.PASSED} else ExitCode.NO_CHECKS


def _listed(models: Sequence[Declared], report: Report) -> Declared:
    """The model of the report in the inventory: by the digest of a weight file, else by its name."""
    weights = {file.sha256 for file in report.subject.weights}
    for one in models:
        if one.files & weights:
            return one
    for one in models:
        if report.subject.id.lower() in (name.lower() for name in one.names):
            return one
    raise UsageError(
        f"the inventory does not list {report.subject.id}; it lists {listing([one.name for one in models])}",
        "give the report of an audit of that model",
    )


def _same_model(model: Declared, report: Report) -> Check:
    """Every weight file must be listed, by its digest; an inventory may list other files too."""
    own = {file.name: file.sha256 for file in report.subject.weights}
    if not model.files or not all(own.values()):
        where = "the inventory" if not model.files else "the report"
        return _check(MODEL, Outcome.SKIPPED, f"{where} has no digests of the weight files of {model.name}")
    if missing := [name for name, digest in own.items() if digest not in model.files]:
        return _check(MODEL, Outcome.FAILED, f"{listing(missing)} of the report is not the file that is listed")
    return _check(MODEL, Outcome.PASSED, f"the weight files of {model.name} are those of the report")


def _ancestor(name: str, found: Comparison | None) -> Check:
    id_ = f"ancestor {name}"
    if found is None:
        return _check(id_, Outcome.SKIPPED, "the report did not compare it; audit again with it as a --reference")
    likely = f"related with probability {probability(found.related_probability)}"
    if found.relation.related:
        return _check(id_, Outcome.PASSED, f"the evidence says {found.relation.value}, {likely}")
    if found.relation.independent:
        return _check(id_, Outcome.FAILED, f"the evidence says {found.relation.value}, {likely}")
    return _check(id_, Outcome.INCONCLUSIVE, f"the evidence does not decide, {likely}")


def _check(id_: str, outcome: Outcome, message: str) -> Check:
    return Check(id=id_, outcome=outcome, message=message)
