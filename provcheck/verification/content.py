"""Parts of a report in a form that can be compared: numbers as numbers, sentences apart."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from provcheck.types import BankMap, Lineage, Report

RUN = {"probes", "measured_at", "seconds", "device", "dtype", "versions"}
LEFT_OUT = {
    "subject": {"weights", "weights_digest", "files"},
    "measurement": RUN,
    "bank": {"digest"},
    "policy": {"digest"},
    "checks": {"seconds"},
}
"""By part of a report: what is checked elsewhere, or differs from run to run."""

SENTENCES = {
    *("reasons", "message", "description", "reason", "not_measured", "limitations"),
    *("finding", "innocent", "not_looked_at"),
}
"""Fields that hold sentences of the program. The name of the judge is one, too."""

NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")


def part_of(report: Report, part: str, *, numbers: bool) -> Any:
    """A part of a report without sentences and what differs from run to run; `numbers`: with those of the signals."""
    found = report.model_dump(mode="json", include={part}).get(part, {})  # an empty part may be left out
    if part == "judge":
        found.pop("name")
    if part == "comparisons" and not numbers:
        for one in found:
            one.pop("signals")
    return _without(found, LEFT_OUT.get(part, set()) | SENTENCES)


def sentences(report: Report) -> dict[str, str]:
    """Every sentence of a report, by where it stands."""
    content = report.model_dump(mode="json")
    return {"judge.name": report.judge.name, **dict(_sentences(content, "", spoken=False))}


def tree_parts(lineage: Lineage) -> dict[str, Any]:
    """A lineage with its tree as a shape and the lengths in it, so that numbers can be compared as such."""
    found = lineage.model_dump(mode="json", exclude={"reason"})
    newick = lineage.newick or ""
    tree = {"shape": NUMBER.sub("#", newick), "lengths": [float(number) for number in NUMBER.findall(newick)]}
    return found | {"newick": tree}


def map_without_coordinates(found: BankMap) -> list[Any]:
    """The models on a map."""
    return [point.model_dump(exclude={"x", "y"}) for point in found.points]


def coordinates(found: BankMap) -> list[Any]:
    """Where they are."""
    return [(point.x, point.y) for point in found.points]


def _sentences(value: Any, path: str, *, spoken: bool) -> Iterator[tuple[str, str]]:
    if isinstance(value, str) and spoken:
        yield path, value
    found = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, item in found:
        yield from _sentences(item, f"{path}.{key}" if path else str(key), spoken=spoken or key in SENTENCES)


def _without(value: Any, names: set[str]) -> Any:
    if isinstance(value, dict):
        return {key: _without(item, names) for key, item in value.items() if key not in names}
    return [_without(item, names) for item in value] if isinstance(value, list) else value
