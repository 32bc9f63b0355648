"""The reference of report.json, from its JSON Schema: every object and field, with type and meaning."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from provcheck.io import data

INTRODUCTION = """# Fields of report.json

As `reports/report.schema.json` has them, for programs that read a report. What was not measured is
`{"not_measured": "reason"}`, never a zero. Units stand in the names.
"""


def field_page() -> str:
    """The page, in Markdown."""
    schema = json.loads((data.root() / "reports" / "report.schema.json").read_text("utf-8"))
    objects = {"Report": schema, **dict(sorted(schema["$defs"].items()))}
    return "\n".join([INTRODUCTION, *(line for name, one in objects.items() for line in _section(name, one))])


def _section(name: str, schema: dict[str, Any]) -> Iterator[str]:
    yield f"## {name}\n\n{_prose(schema.get('description', ''))}\n"
    if "enum" in schema:
        yield f"One of {', '.join(f'`{value}`' for value in schema['enum'])}.\n"
    if schema.get("properties"):
        yield "| field | type | meaning |\n|---|---|---|"
        yield from (
            f"| `{field}` | {type_of(one)} | {_prose(one.get('description', ''))} |"
            for field, one in schema["properties"].items()
        )
        yield ""


def type_of(schema: dict[str, Any]) -> str:
    """The type of a field in words, with links to the objects that it holds."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(type_of(one) for one in schema["anyOf"])
    if "const" in schema or "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    return _composed(schema)


def _composed(schema: dict[str, Any]) -> str:
    kind = schema.get("type", "anything")
    if kind == "array":
        each = schema.get("items") or {"type": "anything"}
        items = dict.fromkeys(type_of(one) for one in schema.get("prefixItems", [each]))
        return f"list of {' and '.join(items)}"
    values = schema.get("additionalProperties")
    if kind == "object" and isinstance(values, dict):
        return f"object: name to {type_of(values)}"
    return str(kind)


def _prose(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|").replace("<", "&lt;").replace("[", "\\[")
