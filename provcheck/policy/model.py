"""The policy as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from provcheck.policy.relations import IdenticalOnlyToItself, LicensesOfRelatives, MustDescendFrom, NotRelatedTo
from provcheck.policy.rules import ClaimedBaseSupported, CoverageAtLeast, ProbeSet, Rule, SafetensorsOnly
from provcheck.types import Record

AnyRule = Annotated[
    CoverageAtLeast
    | SafetensorsOnly
    | ProbeSet
    | ClaimedBaseSupported
    | NotRelatedTo
    | MustDescendFrom
    | IdenticalOnlyToItself
    | LicensesOfRelatives,
    Field(discriminator="kind"),
]

KINDS: Mapping[str, type[Rule]] = {
    "coverage-at-least": CoverageAtLeast,
    "safetensors-only": SafetensorsOnly,
    "probe-set": ProbeSet,
    "claimed-base-supported": ClaimedBaseSupported,
    "not-related-to": NotRelatedTo,
    "must-descend-from": MustDescendFrom,
    "identical-only-to-itself": IdenticalOnlyToItself,
    "licenses-of-relatives": LicensesOfRelatives,
}
"""Every kind of check; the docstring of its class says what it checks."""


class Policy(Record):
    """A policy file."""

    name: str = Field(min_length=1, max_length=100)
    description: str = Field(default="", max_length=1000)
    on_inconclusive: Literal["fail", "pass", "warn"] = Field(
        default="warn", description="what an inconclusive check of severity error does to the exit code"
    )
    max_false_accusation_rate: float = Field(
        default=0.01, gt=0, le=1, description="a judge that may accuse wrongly more often than this accuses nobody"
    )
    checks: tuple[AnyRule, ...]

    @model_validator(mode="after")
    def _ids_differ(self) -> Self:
        seen: set[str] = set()
        for place, rule in enumerate(self.checks):
            if name_of(rule) in seen:
                raise PydanticCustomError(
                    "id_twice",
                    "a check with the id '{name}' stands above; give this one an `id` of its own",
                    {"name": name_of(rule), "place": place},
                )
            seen.add(name_of(rule))
        return self


def name_of(rule: AnyRule) -> str:
    """The check's id, or its kind where it has none of its own."""
    return rule.id or rule.kind


def policy_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of policy files, for editors."""
    schema = Policy.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "provcheck policy"}
