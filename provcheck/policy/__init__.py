"""Policies: YAML files whose checks are applied to the evidence. The gate is a pure function of checks and policy.

document   reads YAML and knows the line of everything in it
faults     says what pydantic found wrong as a person would: where, what, and what is allowed
evidence   what checks may look at
rules      checks of the measurement and of what the model says about itself
relations  checks of the relations to the references
model      the policy as a whole; `KINDS` names all kinds of checks
loading    file -> checks, with the digest of the file; `-k` chooses among them
keywords   the expressions of `-k`
gate       checks -> outcomes -> exit code
"""

from provcheck.policy.evidence import Evidence, claims
from provcheck.policy.gate import check_policy, exit_code, summarise
from provcheck.policy.loading import DEFAULT_POLICY, Collected, collect
from provcheck.policy.model import KINDS, AnyRule, Policy, name_of, policy_schema

__all__ = [
    "DEFAULT_POLICY",
    "Policy",
    "AnyRule",
    "KINDS",
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
