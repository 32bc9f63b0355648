"""A report.json on disk: untrusted input, checked to be what provcheck wrote, byte for byte."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from provcheck import signals
from provcheck.errors import UsageError
from provcheck.io.text import clean, reason
from provcheck.io.untrusted import as_path, first_fault, parse_json, read_bounded
from provcheck.io.writing import json_text
from provcheck.types import REPORT_SCHEMA_VERSION, Report, StrPath

MAX_BYTES = 20_000_000
"""A report on the shipped bank takes less than 1 MB."""


@dataclass(frozen=True)
class ReportFile:
    """A report.json as it was read; `fault` is a sentence if it is not what provcheck wrote, else None."""

    path: Path
    content: bytes
    report: Report
    fault: str | None

    def unchanged(self) -> ReportFile:
        """This file. Raises UsageError if it was changed."""
        if self.fault:
            raise UsageError(
                self.fault,
                "get the report again from where it came from; `provcheck report verify` says what of it still repeats",
            )
        return self


def read_report(path: StrPath) -> Report:
    """Read a report.json. Raises UsageError when it is absent, follows another schema, or was changed."""
    return open_report(as_path(path)).unchanged().report


def open_report(path: Path) -> ReportFile:
    """Read a report.json that may have been changed. Raises UsageError when it is absent or follows another schema."""
    try:
        content = read_bounded(path, MAX_BYTES)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {reason(error)}") from None
    try:
        found = parse_json(content)
        _check_version(path, found)
        report = signals.read_report(found)
    except ValueError as error:
        raise UsageError(f"{path.name} is not a report of this version of provcheck: {first_fault(error)}") from None
    return ReportFile(path, content, report, _fault(path, content, report))


def _check_version(path: Path, found: object) -> None:
    """Refuse a report of another schema as such, before looking at its fields. Raises UsageError."""
    version = found.get("schema_version") if isinstance(found, dict) else None
    if isinstance(found, dict) and isinstance(version, int) and version != REPORT_SCHEMA_VERSION:
        age = "an older" if version < REPORT_SCHEMA_VERSION else "a later"
        raise UsageError(
            f"{path.name} was written by {age} version of provcheck{_writer(found)}: it has schema_version {version}, "
            f"and this one reads {REPORT_SCHEMA_VERSION}",
            "read it with that version, or audit the model again with this one",
        )


def _writer(found: dict[str, Any]) -> str:
    tool = found.get("tool")
    version = clean(tool.get("version")) if isinstance(tool, dict) else None
    return f" ({version})" if version else ""


def _fault(path: Path, content: bytes, report: Report) -> str | None:
    """Every byte counts: the digest covers the content; rendering again covers layout and number formatting."""
    if report.computed_digest() != report.digest:
        return f"{path.name} was changed after it was written: its content does not fit its digest"
    if json_text(report.model_dump(mode="json")).encode() != content:
        return f"{path.name} was changed after it was written: its digest fits, its layout does not"
    return None
