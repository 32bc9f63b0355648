"""From a policy file to the checks that will run; whatever is wrong with it is explained in plain words.

An error names the place and what is allowed there: `policies/mine.yaml, line 12, column 12:
checks[3].share: must be at most 1`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from provcheck.errors import PolicyError
from provcheck.io import data
from provcheck.io.spelling import did_you_mean
from provcheck.io.text import plain, reason
from provcheck.io.untrusted import read_bounded
from provcheck.io.yaml import Document, YamlFault, parse_yaml
from provcheck.policy.checks import KINDS
from provcheck.policy.keywords import parse_keywords
from provcheck.policy.model import Policy
from provcheck.policy.rule import Rule, name_of

DEFAULT_POLICY = "default"
MAX_BYTES = 256_000
SHOWN = 5
"""Faults listed in one error."""

HELP = "`provcheck policy list` shows all kinds of checks, `provcheck policy schema` all their keys"

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
"""By pydantic's type of error; called with the error's context."""


@dataclass(frozen=True)
class Collected:
    """A policy and those of its checks that `-k` selected; `digest` is the sha256 (hex) of its file."""

    policy: Policy
    digest: str
    rules: tuple[Rule, ...]
    deselected: tuple[str, ...]


def collect(name: str = DEFAULT_POLICY, keyword: str = "") -> Collected:
    """Read a shipped policy by name, or a file, and choose among its checks by id and kind.

    Raises PolicyError with the place of the fault, or UsageError for an expression that cannot be understood.
    """
    chosen = parse_keywords(keyword)
    path = data.policy_file(name)
    try:
        content = read_bounded(path, MAX_BYTES)
    except OSError as error:
        raise PolicyError(f"{plain(str(path))} cannot be read: {reason(error)}") from None
    policy = parse_policy(str(path), content)
    rules = tuple(rule for rule in policy.checks if chosen((name_of(rule), rule.kind)))
    left_out = tuple(name_of(rule) for rule in policy.checks if rule not in rules)
    return Collected(policy, hashlib.sha256(content).hexdigest(), rules, left_out)


def parse_policy(name: str, content: bytes) -> Policy:
    """The policy in a file's content; `name` is its path. Raises PolicyError: the first fault, the others in the hint.

    Types are strict, as in JSON: neither `yes` nor `"0.8"` is a number.
    """
    try:
        document = parse_yaml(content)
        return Policy.model_validate_json(json.dumps(document.value), strict=True)
    except YamlFault as error:
        raise PolicyError(f"{name}, {error}") from None
    except ValidationError as error:
        first, *others = (f"{name}, {fault}" for fault in _faults(error, document))
        more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
        raise PolicyError(first, f"also: {' | '.join(others[:SHOWN])}{more}" if others else HELP) from None


def _faults(error: ValidationError, document: Document) -> list[str]:
    """All faults in the order of the file; a list is not called too short because of faulty entries."""
    errors = error.errors(include_url=False)
    inside = {one["loc"][:-1] for one in errors if one["loc"]}
    found = [_fault(one, document) for one in errors if one["type"] != "too_short" or one["loc"] not in inside]
    return [text for _, text in sorted(found)]


def _fault(one: Any, document: Document) -> tuple[tuple[int, int], str]:
    context = one.get("ctx", {})
    loc = (*one["loc"], "checks", context["place"]) if one["type"] == "id_twice" else one["loc"]
    if one["type"] == "union_tag_invalid":
        loc = (*loc, "kind")
    place = document.place(loc, key=one["type"] == "extra_forbidden")
    return (place.line, place.column), f"{place}: {_sentence(one['type'], loc, context, one['msg'])}"


def _sentence(kind: str, loc: Sequence[int | str], context: dict[str, Any], message: str) -> str:
    if kind == "missing":
        return f"`{loc[-1]}` is missing"
    if kind == "extra_forbidden":
        return "there is no such key" + _suggest(str(loc[-1]), _keys(loc), "keys")
    if kind == "union_tag_invalid":
        return f"there is no kind '{context['tag'][:80]}'" + _suggest(context["tag"], list(KINDS), "kinds")
    return SENTENCES[kind](context) if kind in SENTENCES else message


def _suggest(word: str, known: Sequence[str], what: str) -> str:
    """The nearest known word, and all of them."""
    return (did_you_mean(word, known) or ";") + f" {what}: {', '.join(known)}"


def _keys(loc: Sequence[int | str]) -> list[str]:
    """The keys that may stand where `loc` points to: those of the policy, or of a kind of check."""
    model: type[BaseModel] = KINDS.get(str(loc[-2]), Policy) if len(loc) > 1 else Policy
    return [field.alias or name for name, field in model.model_fields.items()]
