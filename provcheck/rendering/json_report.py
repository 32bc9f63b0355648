"""The report as JSON, and the JSON Schema of it.

`python -m provcheck.rendering.json_report > reports/report.schema.json` writes the schema again.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from provcheck.errors import UsageError
from provcheck.types import REPORT_SCHEMA_VERSION, Report


class JsonReport:
    """All fields of the report, in plain ASCII: no hidden character of a hostile name reaches who reads the file."""

    def render(self, report: Report) -> str:
        """The report as JSON; NaN is an error, never a number or null."""
        return json.dumps(report.model_dump(mode="json"), indent=2, allow_nan=False) + "\n"


def read_report(path: Path) -> Report:
    """Read a report.json. Raises UsageError when it is absent or does not follow the schema."""
    try:
        report = Report.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{path.name} is not a report of this version of provcheck: {where}: {first['msg']}") from None
    if report.schema_version != REPORT_SCHEMA_VERSION:
        raise UsageError(
            f"{path.name} has schema_version {report.schema_version}; this version of provcheck reads "
            f"{REPORT_SCHEMA_VERSION}",
            "render it with the version of provcheck that wrote it",
        )
    return report


def report_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of what `JsonReport` writes."""
    schema = Report.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def schema_text() -> str:
    """The schema as it stands in `reports/report.schema.json`."""
    return json.dumps(report_schema(), indent=2) + "\n"


if __name__ == "__main__":
    print(schema_text(), end="")
