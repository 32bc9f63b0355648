"""Policies: YAML files whose checks are applied to the evidence. The gate is a pure function of checks and policy.

checks     one file for each kind of check, and the table that names them
rule       what all kinds of checks share
evidence   what checks may look at
model      the policy as a whole, and its JSON Schema
loading    file -> checks, with the digest of the file and the place of every fault; `-k` chooses among them
keywords   the expressions of `-k`
gate       checks -> outcomes -> exit code
"""

from provcheck.policy.checks import KINDS
from provcheck.policy.evidence import Evidence, claims
from provcheck.policy.gate import check_policy, exit_code, summarise
from provcheck.policy.loading import DEFAULT_POLICY, Collected, collect
from provcheck.policy.model import AnyRule, Policy, policy_schema
from provcheck.policy.rule import Rule, name_of

__all__ = [
    "DEFAULT_POLICY",
    "KINDS",
    "Policy",
    "Rule",
    "AnyRule",
    "name_of",
    "Collected",
    "collect",
    "policy_schema",
    "Evidence",
    "claims",
    "check_policy",
    "summarise",
    "exit_code",
]
