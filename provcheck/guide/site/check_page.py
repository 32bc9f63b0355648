"""The reference of policy checks, from their classes: every kind with its keys."""

from __future__ import annotations

import json
from collections.abc import Iterator

from provcheck.guide.site.field_page import type_of
from provcheck.policy.checks import KINDS
from provcheck.policy.rule import Rule

INTRODUCTION = """# Kinds of checks

What stands under `checks` of a policy file, by `kind`. `provcheck policy schema` prints the JSON Schema for an editor,
and `provcheck policy check FILE` names the line of every fault.
"""


def check_page() -> str:
    """The page, in Markdown."""
    return "\n".join([INTRODUCTION, *(line for name, kind in KINDS.items() for line in _section(name, kind))])


def _section(name: str, kind: type[Rule]) -> Iterator[str]:
    schema = kind.model_json_schema()
    required = schema.get("required", [])
    yield f"## {name}\n\n{schema['description']}\n"
    yield "| key | type | default | meaning |\n|---|---|---|---|"
    for key, one in schema["properties"].items():
        if key != "kind":
            default = "must be given" if key in required else f"`{json.dumps(one.get('default'))}`"
            meaning = one.get("description", "").replace("|", "\\|")
            yield f"| `{key}` | {type_of(one)} | {default} | {meaning} |"
    yield ""
