"""The model of a report: found on this machine or on the Hub, and its files compared with the report."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from provcheck.assembly import model_files
from provcheck.errors import ProvcheckError
from provcheck.source import DEMO, ModelOptions, find_model
from provcheck.store import is_measurement_file, load_measurement
from provcheck.types import Check, FileDigest, Loadable, Measurement, Report, Subject
from provcheck.verification.lines import failed, passed

HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
COMMIT = re.compile(r"[0-9a-f]{7,64}")

Source = Loadable | Measurement


def find_source(report: Report, model: str | None, options: ModelOptions) -> tuple[Source | None, str]:
    """The model or measurement file that the user names, or else the model of the report; None with the reason.

    Raises ProvcheckError where what the user names cannot be used.
    """
    if model is not None:
        is_file = is_measurement_file(model)
        return load_measurement(Path(model).expanduser()) if is_file else find_model(model, options), ""
    named = _named(report.subject)
    if named is None:
        return None, f"where {report.subject.id} lies is not known: give the model, or a measurement file, as MODEL"
    try:
        return find_model(named, options), ""
    except ProvcheckError as error:
        return None, f"{error.message}; give the model, or a measurement file, as MODEL"


def check_weights(report: Report, source: Source) -> Check:
    """Whether the weight files have the digests that the report states."""
    stated = (*report.subject.weights, *(report.subject.base.weights if report.subject.base else ()))
    found = (*source.subject.weights, *(source.subject.base.weights if source.subject.base else ()))
    if source.subject.weights_digest == report.digests.weights:
        return passed("weights", _as_stated(found, source))
    return failed("weights", _changes(stated, found))


def check_model_files(report: Report, source: Source) -> Check:
    """Whether config, tokenizer and card are those of the report."""
    stated, found = model_files(report.subject), model_files(source.subject)
    if [(file.name, file.sha256) for file in stated] == [(file.name, file.sha256) for file in found]:
        return passed("model-files", _as_stated(found, source))
    return failed("model-files", _changes(stated, found))


def under_its_name(measurement: Measurement, subject: Subject) -> Measurement:
    """The measurement with the names that the report uses: the same files may lie in a folder of another name."""
    found = measurement.subject
    base = found.base and subject.base and _named_like(found.base, subject.base)
    return replace(measurement, subject=_named_like(found, subject).model_copy(update={"base": base}))


def _named_like(subject: Subject, other: Subject) -> Subject:
    return subject.model_copy(update={"id": other.id, "source": other.source, "revision": other.revision})


def _named(subject: Subject) -> str | None:
    """How to ask for the model that a report names; None for what lay in a folder, and for any odd name."""
    if subject.source == DEMO:
        return DEMO
    if subject.revision and COMMIT.fullmatch(subject.revision) and HUB_ID.fullmatch(subject.id):
        return f"{subject.id}@{subject.revision}"
    return None


def _as_stated(files: Iterable[FileDigest], source: Source) -> str:
    names = ", ".join(file.name for file in files) or "none"
    return f"as the measurement file states: {names}" if isinstance(source, Measurement) else names


def _changes(stated: Iterable[FileDigest], found: Iterable[FileDigest]) -> str:
    """Which files differ, are missing, or are new."""
    old = {file.name: file.sha256 for file in stated}
    new = {file.name: file.sha256 for file in found}
    changed = [f"{name} differs" for name in old if name in new and old[name] != new[name]]
    missing = [f"{name} is missing" for name in old if name not in new]
    added = [f"{name} is not in the report" for name in new if name not in old]
    return ", ".join([*changed, *missing, *added]) or "the files have other names or another order"
