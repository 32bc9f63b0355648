"""YAML without aliases, tags and duplicate keys, bounded in depth, with the line of every value.

Aliases are refused because a few lines of them can stand for billions of entries; duplicate keys, because
readers may disagree on which one counts. PyYAML's own loader is used and not libyaml's, which crashes on deep nesting.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from provcheck.io.untrusted import read_bounded

MAX_DEPTH = 12
MAX_DIGITS = 40
"""Limit for a number: longer ones are refused before anything computes with them."""

NUMBERS = {f"tag:yaml.org,2002:{name}" for name in ("null", "bool", "int", "float")}
TEXTS = {f"tag:yaml.org,2002:{name}" for name in ("str", "timestamp", "value", "merge")}
"""Dates are texts here, and so are `=` and `<<`."""

MAPPING, SEQUENCE = "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"


@dataclass(frozen=True)
class Place:
    """Where something stands: its path in the document, such as `checks[3].share`, line and column from 1."""

    path: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"line {self.line}, column {self.column}" + (f": {self.path}" if self.path else "")


class YamlFault(ValueError):
    """What is wrong with a document, and where."""

    def __init__(self, place: Place, problem: str) -> None:
        super().__init__(f"{place}: {problem}")
        self.place, self.problem = place, problem


@dataclass(frozen=True)
class Document:
    """The content of a YAML file as JSON values, and where each of them is."""

    value: Any
    root: yaml.Node

    def place(self, loc: Sequence[int | str], *, key: bool = False) -> Place:
        """The place of the value at `loc`, or of its key. Parts of `loc` that the file lacks are skipped."""
        node, path, mark = self.root, "", self.root.start_mark
        for part in loc:
            found = _child(node, part)
            if found is not None:
                name, node = found
                path += f"[{part}]" if isinstance(part, int) else f".{part}"
                mark = name.start_mark if key else node.start_mark
        return Place(path.removeprefix("."), mark.line + 1, mark.column + 1)


def parse_yaml(content: bytes) -> Document:
    """The document in a text; the caller bounds its size. Raises YamlFault."""
    with _faults(content):
        loader = _Loader(content.decode("utf-8-sig"))
        root = loader.get_single_node()
        if root is None:
            raise yaml.MarkedYAMLError(problem="the file is empty")
        return Document(_value(root, loader), root)


def read_yaml(path: Path, limit: int) -> Any:
    """The value of a YAML file of at most `limit` bytes. Raises OSError or YamlFault."""
    return parse_yaml(read_bounded(path, limit)).value


def texts_of_yaml(text: str) -> dict[str, Any]:
    """The mapping in an untrusted text, read leniently: strings, lists and maps only; empty if it is broken.

    BaseLoader shares the values behind aliases and does not know merge keys, so neither can blow up.
    """
    try:
        data = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


class _Loader(yaml.SafeLoader):
    """SafeLoader without aliases and deep nesting."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """Look at what comes next before it is built."""
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        if self.check_event(yaml.AliasEvent):
            raise yaml.MarkedYAMLError(problem="aliases (*name) are not supported", problem_mark=mark)
        if self.depth >= MAX_DEPTH:
            raise yaml.MarkedYAMLError(problem="nested too deeply", problem_mark=mark)
        self.depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self.depth -= 1


@contextmanager
def _faults(content: bytes) -> Iterator[None]:
    """Turn every way in which YAML can be wrong into a YamlFault with its place."""
    try:
        yield
    except yaml.MarkedYAMLError as error:
        mark, problem = error.problem_mark or error.context_mark, error.problem or "not valid YAML"
        raise YamlFault(Place("", mark.line + 1, mark.column + 1) if mark else Place("", 1, 1), problem) from None
    except yaml.reader.ReaderError as error:
        before = content.decode("utf-8-sig", "replace")[: error.position]
        raise YamlFault(_end_of(before), f"the character U+{error.character:04X} is not allowed") from None
    except UnicodeDecodeError as error:
        raise YamlFault(_end_of(content[: error.start].decode("utf-8", "replace")), "not UTF-8") from None


def _end_of(text: str) -> Place:
    """The place after the text."""
    return Place("", text.count("\n") + 1, len(text) - text.rfind("\n"))


def _value(node: yaml.Node, loader: yaml.SafeLoader) -> Any:
    """The node as a JSON value."""
    if isinstance(node, yaml.MappingNode) and node.tag == MAPPING:
        _check_keys(node)
        return {key.value: _value(value, loader) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode) and node.tag == SEQUENCE:
        return [_value(item, loader) for item in node.value]
    if node.tag in TEXTS:
        return node.value
    if node.tag in NUMBERS and len(node.value) <= MAX_DIGITS:
        try:
            return loader.construct_object(node)
        except ValueError:
            raise yaml.MarkedYAMLError(problem="not a number", problem_mark=node.start_mark) from None
    problem = "too long a number" if node.tag in NUMBERS else f"the tag {node.tag} is not allowed"
    raise yaml.MarkedYAMLError(problem=problem, problem_mark=node.start_mark)


def _check_keys(node: yaml.MappingNode) -> None:
    """Check that keys are texts, and that none occurs twice."""
    lines: dict[str, int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise yaml.MarkedYAMLError(problem="a key must be text", problem_mark=key.start_mark)
        if key.value in lines:
            problem = f"the key '{key.value[:80]}' occurs twice; it stands in line {lines[key.value]} too"
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
        lines[key.value] = key.start_mark.line + 1


def _child(node: yaml.Node, part: int | str) -> tuple[yaml.Node, yaml.Node] | None:
    """Key and value of that part of a node; for a list, the item twice."""
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int):
        return node.value[part], node.value[part]
    if isinstance(node, yaml.MappingNode):
        return next(((key, value) for key, value in node.value if key.value == part), None)
    return None
