"""The policy as a whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self, Union

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from provcheck.policy.checks import KINDS
from provcheck.policy.rule import Rule, name_of
from provcheck.types import Record

if TYPE_CHECKING:
    AnyRule = Rule
else:  # a union built from the table, which no type checker can follow
    AnyRule = Annotated[Union[tuple(KINDS.values())], Field(discriminator="kind")]  # noqa: UP007


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
    def _names_differ(self) -> Self:
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


def policy_schema() -> dict[str, Any]:
    """JSON Schema (2020-12) of policy files, for editors."""
    schema = Policy.model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "provcheck policy"}
