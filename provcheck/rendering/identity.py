"""Names under which other programs know a report, its time and its model."""

from __future__ import annotations

import re
from datetime import UTC
from uuid import NAMESPACE_URL, UUID, uuid5

from provcheck.types import Report, Subject

HUB = "https://huggingface.co"
_HUB_ID = re.compile(r"[\w][\w.-]*/[\w][\w.-]*", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


def report_uuid(report: Report) -> UUID:
    """A UUID derived from the report: always the same for the same report, different for any other."""
    return uuid5(NAMESPACE_URL, f"provcheck:report:{report.digest or report.computed_digest()}")


def measured_at(report: Report) -> str:
    """When the model was measured, in ISO 8601 and UTC; a time without a zone is UTC."""
    at = report.measurement.measured_at
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="seconds")


def hub_repository(subject: Subject) -> str | None:
    """Address of the Hub repository whose commit was audited, or None where the model came from elsewhere."""
    if subject.source != "hub" or not subject.revision:
        return None
    known = _HUB_ID.fullmatch(subject.id) and _COMMIT.fullmatch(subject.revision)
    return f"{HUB}/{subject.id}" if known else None
