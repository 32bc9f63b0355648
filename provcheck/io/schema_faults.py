"""Why a YAML document does not follow its schema: every fault with its place and what is allowed there, in plain words.

`line 12, column 12: checks[3].share: must be at most 1`
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from pydantic import ValidationError

from provcheck.io.spelling import did_you_mean
from provcheck.io.yaml import Document

Loc = Sequence[int | str]

Special = Callable[[Any], tuple[Loc, str] | None]
"""Where a fault is and what to say of it, where the schema knows better; pydantic's record of a fault goes in."""

SHOWN = 5
"""Faults listed in one error, besides the first."""

SENTENCES: dict[str, Callable[[dict[str, Any]], str]] = {
    "less_than_equal": lambda c: f"must be at most {c['le']:g}",
    "greater_than_equal": lambda c: f"must be at least {c['ge']:g}",
    "less_than": lambda c: f"must be less than {c['lt']:g}",
    "greater_than": lambda c: f"must be greater than {c['gt']:g}",
    "literal_error": lambda c: f"must be {c['expected'].replace(chr(39), '')}",
    "string_type": lambda _: "must be text; put it into quotes",
    "string_too_short": lambda _: "must not be empty",
    "string_too_long": lambda c: f"must have at most {c['max_length']} characters",
    "string_pattern_mismatch": lambda c: f"must look like {c['pattern']}",
    "float_type": lambda _: "must be a number",
    "finite_number": lambda _: "must be a finite number",
    "tuple_type": lambda _: "must be a list",
    "too_short": lambda c: f"must have at least {c['min_length']} entry",
    "model_type": lambda _: "must consist of `key: value` lines",
    "dict_type": lambda _: "must consist of `key: value` lines",
    "value_error": lambda c: str(c["error"]),
}
"""By pydantic's type of error; called with the error's context."""


def schema_faults(
    error: ValidationError, document: Document, keys: Callable[[Loc], Sequence[str]], special: Special
) -> list[str]:
    """All faults in the order of the file; a list is not called too short because of faulty entries.

    `keys`: those that may stand where a location points to.
    """
    errors = error.errors(include_url=False)
    inside = {one["loc"][:depth] for one in errors for depth in range(len(one["loc"]))}
    found = [
        _fault(one, document, keys, special) for one in errors if one["type"] != "too_short" or one["loc"] not in inside
    ]
    return [text for _, text in sorted(found)]


def message_and_hint(name: str, faults: Sequence[str], otherwise: str) -> tuple[str, str]:
    """The first fault of the file of that name is the message; the others are the hint, or else `otherwise`."""
    first, *others = (f"{name}, {fault}" for fault in faults)
    more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
    return first, f"also: {' | '.join(others[:SHOWN])}{more}" if others else otherwise


def suggest(word: str, known: Sequence[str], what: str) -> str:
    """The nearest known word, and all of them."""
    return (did_you_mean(word, known) or ";") + f" {what}: {', '.join(known)}"


def _fault(
    one: Any, document: Document, keys: Callable[[Loc], Sequence[str]], special: Special
) -> tuple[tuple[int, int], str]:
    loc, sentence = special(one) or (one["loc"], _sentence(one, keys))
    place = document.place(loc, key=one["type"] == "extra_forbidden")
    return (place.line, place.column), f"{place}: {sentence}"


def _sentence(one: Any, keys: Callable[[Loc], Sequence[str]]) -> str:
    kind, loc = one["type"], one["loc"]
    if kind == "missing":
        return f"`{loc[-1]}` is missing"
    if kind == "extra_forbidden":
        return "there is no such key" + suggest(str(loc[-1]), keys(loc), "keys")
    return SENTENCES[kind](one.get("ctx", {})) if kind in SENTENCES else str(one["msg"])
