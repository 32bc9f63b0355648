"""What pydantic found wrong, as a person would say it: where it stands, what it must be, what is allowed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel, ValidationError

from provcheck.policy.document import Document, fault
from provcheck.policy.model import KINDS, Policy

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
    "union_tag_not_found": lambda _: f"`kind` is missing; kinds: {', '.join(KINDS)}",
}
"""By pydantic's type of error; its context is given."""


def explain(error: ValidationError, document: Document) -> list[str]:
    """All faults in the order of the file; a list is not called too short for entries that are wrong themselves."""
    errors = error.errors(include_url=False)
    inside = {one["loc"][:-1] for one in errors if one["loc"]}
    faults = [_explain(one, document) for one in errors if one["type"] != "too_short" or one["loc"] not in inside]
    return [text for _, text in sorted(faults)]


def _explain(one: Any, document: Document) -> tuple[tuple[int, int], str]:
    context = one.get("ctx", {})
    loc = (*one["loc"], "checks", context["place"]) if one["type"] == "id_twice" else one["loc"]
    if one["type"] == "union_tag_invalid":
        loc = (*loc, "kind")
    place = document.place(loc, key=one["type"] == "extra_forbidden")
    return (place.line, place.column), fault(document.name, place, _sentence(one["type"], loc, context, one["msg"]))


def _sentence(kind: str, loc: Sequence[int | str], context: dict[str, Any], message: str) -> str:
    if kind == "missing":
        return f"`{loc[-1]}` is missing"
    if kind == "extra_forbidden":
        return "there is no such key" + suggest(str(loc[-1]), _keys(loc), "keys")
    if kind == "union_tag_invalid":
        return f"there is no kind '{context['tag'][:80]}'" + suggest(context["tag"], list(KINDS), "kinds")
    return SENTENCES[kind](context) if kind in SENTENCES else message


def suggest(word: str, known: Sequence[str], what: str) -> str:
    """The nearest known word, and all of them."""
    close = get_close_matches(word[:80], known, n=1)
    return (f"; did you mean '{close[0]}'?" if close else ";") + f" {what}: {', '.join(known)}"


def _keys(loc: Sequence[int | str]) -> list[str]:
    """The keys that may stand where `loc` points to: those of the policy, or of a kind of check."""
    model: type[BaseModel] = KINDS.get(str(loc[-2]), Policy) if len(loc) > 1 else Policy
    return [field.alias or name for name, field in model.model_fields.items()]
