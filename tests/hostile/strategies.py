"""How a stranger changes a file: values of a JSON document, bytes anywhere, and names nobody should trust."""

from __future__ import annotations

import copy
import json
import math
import os
from collections.abc import Callable, Iterator
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from provcheck.errors import ProvcheckError
from tests.rendering.hostile import HIDDEN, MARKUP, RIGHT_TO_LEFT

EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "25"))
"""Of each test; few enough for `make test`. `FUZZ_EXAMPLES=1000 pytest tests/hostile` looks harder."""

FEW = settings(
    max_examples=EXAMPLES, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
"""The same examples in every run."""

Path = tuple[str | int, ...]


def deep(levels: int) -> Any:
    """Lists in lists."""
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


VALUES: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    10**30,
    2**63,
    2**53,
    1e308,
    1e30,
    1e6,
    2.0,
    1e-308,
    -1e-9,
    math.nan,
    math.inf,
    -math.inf,
    "",
    "\ud800",
    "\x00",
    "x" * 20_000,
    "../../../etc/passwd",
    "/etc/passwd",
    "NaN",
    "9" * 5000,
    [],
    {},
    [[]],
    {"": ""},
    deep(150),
    *MARKUP,
    *HIDDEN,
    RIGHT_TO_LEFT,
)

FRAGMENTS = (
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\x00",
    b"\xed\xa0\x80",
    b'"\\ud800"',
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"9" * 5000,
    b"[" * 5000,
    b'{"a":' * 5000,
    b'"a":1,"a":2,',
    b"{}",
    b"]",
    b'"',
    b"\n---\n",
    b"&a [*a, *a]",
    b"<<: *a",
    b"!!python/object/apply:os.system [ls]",
    b"? [x]\n: y\n",
    b"2001-99-99",
    b"\t",
)


def places(value: Any, here: Path = ()) -> Iterator[Path]:
    """The path of every node of a JSON document."""
    yield here
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield from places(child, (*here, key))


@st.composite
def changed(draw: st.DrawFn, document: Any) -> Any:
    """The JSON document with one to three of its nodes replaced, left out, doubled or extended."""
    document = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(list(places(document))))
        alike = [value for value in VALUES if type(value) is type(_at(document, path))]
        value: Any = draw(st.sampled_from(alike if alike and draw(st.sampled_from((True, False))) else VALUES))
        document = _change(document, path, draw(st.sampled_from(CHANGES)), value)
    return document


@st.composite
def damaged(draw: st.DrawFn, content: bytes) -> bytes:
    """The bytes with one to three spans replaced by others, or cut off."""
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(content)))
        length = draw(st.sampled_from((0, 0, 1, 2, 8, 100, len(content))))
        filling = draw(st.one_of(st.sampled_from(FRAGMENTS), st.binary(max_size=12)))
        content = content[:place] + filling + content[place + length :]
    return content


def dump(document: Any) -> bytes:
    """JSON with NaN and Infinity as Python writes them."""
    return json.dumps(document).encode()


def value_or_error(read: Callable[[], object]) -> Any:
    """What was read, or the ProvcheckError; any other exception fails the test."""
    try:
        return read()
    except ProvcheckError as error:
        check_error(error)
        return error


def check_error(error: ProvcheckError) -> None:
    """An error is a short sentence that can be encoded."""
    assert error.message.strip()
    assert len(error.message) + len(error.hint) < 2000
    (error.message + error.hint).encode()


def _at(document: Any, path: Path) -> Any:
    for key in path:
        document = document[key]
    return document


def _replace(parent: Any, key: str | int, value: Any) -> None:
    parent[key] = value


def _leave_out(parent: Any, key: str | int, value: Any) -> None:
    del parent[key]


def _extend(parent: Any, key: str | int, value: Any) -> None:
    node = parent[key]
    if isinstance(node, dict):
        node[value if isinstance(value, str) else "more"] = value
    elif isinstance(node, list):
        node.extend([*node, value])
    else:
        parent[key] = [node, value]


CHANGES = (_replace, _replace, _leave_out, _extend)


def _change(document: Any, path: Path, change: Callable[[Any, str | int, Any], None], value: Any) -> Any:
    root = {"": document}
    parent: Any = root
    for key in ("", *path)[:-1]:
        parent = parent[key]
    change(parent, ("", *path)[-1], copy.deepcopy(value))
    return root.get("")
