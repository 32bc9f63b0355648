"""From a policy file to the checks that will run, with the digest of the very bytes that were read."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from pydantic import ValidationError

from provcheck import data
from provcheck.errors import PolicyError
from provcheck.policy.document import MAX_BYTES, read_document
from provcheck.policy.faults import explain
from provcheck.policy.keywords import parse_keywords
from provcheck.policy.model import AnyRule, Policy, name_of
from provcheck.reading import read_bounded, reason

DEFAULT_POLICY = "default"
SHOWN = 5
"""Faults that one error names."""


@dataclass(frozen=True)
class Collected:
    """A policy and the checks of it that `-k` left; `digest` is the sha256 (hex) of its file."""

    policy: Policy
    digest: str
    rules: tuple[AnyRule, ...]
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
        raise PolicyError(f"{path.name} cannot be read: {reason(error)}") from None
    policy = parse_policy(path.name, content)
    rules = tuple(rule for rule in policy.checks if chosen((name_of(rule), rule.kind)))
    left_out = tuple(name_of(rule) for rule in policy.checks if rule not in rules)
    return Collected(policy, hashlib.sha256(content).hexdigest(), rules, left_out)


def parse_policy(name: str, content: bytes) -> Policy:
    """The policy that a file of that name holds. Raises PolicyError; the first fault is the message, others the hint.

    Types are strict, as in JSON: `yes` is no number and `"0.8"` neither.
    """
    document = read_document(name, content)
    try:
        return Policy.model_validate_json(json.dumps(document.value), strict=True)
    except ValidationError as error:
        first, *others = explain(error, document)
        more = f" and {len(others) - SHOWN} more" if len(others) > SHOWN else ""
        raise PolicyError(first, f"also: {' | '.join(others[:SHOWN])}{more}" if others else _HELP) from None


_HELP = "`provcheck policy list` shows all kinds of checks, `provcheck policy schema` all their keys"
