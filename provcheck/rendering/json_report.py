"""The report as JSON, and the JSON Schema of it.

`python -m provcheck.rendering.json_report > reports/report.schema.json` writes the schema again.
"""

from __future__ import annotations

import json
from typing import Any

from provcheck.types import Report


class JsonReport:
    """All fields of the report, in plain ASCII: no hidden character of a hostile name reaches who reads the file."""

    def render(self, report: Report) -> str:
        """The report as JSON; NaN is an error, never a number or null."""
        return json.dumps(report.model_dump(mode="json"), indent=2, allow_nan=False) + "\n"


def report_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of what `JsonReport` writes."""
    schema = Report.model_json_schema(mode="serialization")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def schema_text() -> str:
    """The schema as it stands in `reports/report.schema.json`."""
    return json.dumps(report_schema(), indent=2) + "\n"


if __name__ == "__main__":
    print(schema_text(), end="")
