"""The report as JSON, and the JSON Schema of it; `provcheck.report_file` is the way back.

`python -m provcheck.rendering.json_report > reports/report.schema.json` writes the schema again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic.json_schema import models_json_schema

from provcheck.io.writing import json_text
from provcheck.signals import all_signals
from provcheck.types import Comparison, NotMeasured, Record, Report

Json = dict[str, Any]


class JsonReport:
    """All fields of the report, in plain ASCII: no hidden character of a hostile name reaches the reader."""

    def render(self, report: Report) -> str:
        """The report as JSON; NaN is an error, never a number or null."""
        return json_text(report.model_dump(mode="json"))


def report_schema() -> Json:
    """JSON Schema (2020-12) of what `JsonReport` writes; what each signal says is described by its own records."""
    known = all_signals()
    values = {name: signal.values for name, signal in known.items()}
    backgrounds = {name: signal.background for name, signal in known.items() if signal.background}
    definitions, refs = _definitions((Report, Comparison, NotMeasured, *values.values(), *backgrounds.values()))
    records = {name: {"anyOf": [refs[kind], refs[NotMeasured]]} for name, kind in values.items()}
    _by_signal(definitions["Comparison"], "signals", records)
    _by_signal(definitions["Report"], "background", {name: refs[kind] for name, kind in backgrounds.items()})
    report = definitions.pop("Report")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **report, "$defs": definitions}


def schema_text() -> str:
    """The schema as it stands in `reports/report.schema.json`."""
    return json_text(report_schema())


def _definitions(kinds: Iterable[type[Record]]) -> tuple[Json, Mapping[type[Any], Json]]:
    """The schema of every record by name, and how to point to each of `kinds`."""
    refs, found = models_json_schema([(kind, "serialization") for kind in kinds])
    return found["$defs"], {kind: ref for (kind, _), ref in refs.items()}


def _by_signal(owner: Json, name: str, records: Mapping[str, Json]) -> None:
    """A field that holds a record for each signal, by its name."""
    kept = {key: value for key, value in owner["properties"][name].items() if key != "additionalProperties"}
    owner["properties"][name] = kept | {"properties": dict(records), "additionalProperties": False}


if __name__ == "__main__":
    print(schema_text(), end="")
