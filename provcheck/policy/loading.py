"""From a policy file to the checks that will run; whatever is wrong with it is explained in plain words.

An error names the place and what is allowed there: `policies/mine.yaml, line 12, column 12:
checks[3].share: must be at most 1`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError

from provcheck.errors import PolicyError
from provcheck.io import data
from provcheck.io.schema_faults import Loc, message_and_hint, schema_faults, suggest
from provcheck.io.text import plain, reason
from provcheck.io.untrusted import read_bounded
from provcheck.io.yaml import YamlFault, parse_yaml
from provcheck.policy.checks import KINDS
from provcheck.policy.keywords import parse_keywords
from provcheck.policy.model import Policy
from provcheck.policy.rule import Rule, name_of

DEFAULT_POLICY = "default"
MAX_BYTES = 256_000
HELP = "`provcheck policy list` shows all kinds of checks, `provcheck policy schema` all their keys"


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
        faults = schema_faults(error, document, _keys, _special)
        raise PolicyError(*message_and_hint(name, faults, HELP)) from None


def _special(one: Any) -> tuple[Loc, str] | None:
    """Two checks of one name, and kinds of checks."""
    loc, context = one["loc"], one.get("ctx", {})
    match one["type"]:
        case "id_twice":
            return (*loc, "checks", context["place"]), one["msg"]
        case "union_tag_invalid":
            said = f"there is no kind '{context['tag'][:80]}'" + suggest(context["tag"], list(KINDS), "kinds")
            return (*loc, "kind"), said
        case "union_tag_not_found":
            return loc, f"`kind` is missing; kinds: {', '.join(KINDS)}"
    return None


def _keys(loc: Loc) -> list[str]:
    """The keys that may stand where `loc` points to: those of the policy, or of a kind of check."""
    model: type[BaseModel] = KINDS.get(str(loc[-2]), Policy) if len(loc) > 1 else Policy
    return [field.alias or name for name, field in model.model_fields.items()]
