"""Evidence with chosen relations, and checks applied to it. No number here was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import TypeAdapter

from provcheck.policy import AnyRule, Evidence
from provcheck.policy.gate import run_check
from provcheck.types import Check, Comparison, Reference, Relation, Verdict
from tests.synthetic import PROBES, make_blocks, make_measurement, make_reference
from tests.verdict.comparisons import exactly, make_comparison

RELATED_SHARES = {
    Relation.IDENTICAL: (0.9, 0.08, 0.01, 0.01),
    Relation.DERIVED: (0.18, 0.8, 0.01, 0.01),
    Relation.INCONCLUSIVE: (0.1, 0.4, 0.2, 0.3),
    Relation.SAME_RECIPE: (0.01, 0.01, 0.9, 0.08),
    Relation.UNRELATED: (0.01, 0.01, 0.08, 0.9),
}
"""Probabilities that fit a relation; the first two say that the models are related at all."""

LISTS = ("ABLE distance",)

RELATIONS = (Relation.IDENTICAL, Relation.DERIVED, Relation.SAME_RECIPE, Relation.UNRELATED)


def compared(name: str, relation: Relation, distance: float = 0.5, **changes: Any) -> Comparison:
    """A judged comparison; `gpl...` has the license gpl, the others mit, and the family is the part before the `/`."""
    shares = dict(zip(RELATIONS, RELATED_SHARES[relation], strict=True))
    license = "gpl" if name.partition("/")[2].startswith("gpl") or name.startswith("gpl") else "mit"
    made = make_comparison(name, exactly(distance), relation=relation, license=license, family=name.partition("/")[0])
    return made.model_copy(update={"probabilities": shares, **changes})


def make_evidence(
    relations: Mapping[str, Relation] | Sequence[Comparison] = (),
    *,
    subject: str = "me",
    share: float = 1.0,
    claimed_base: str | None = None,
    declared: tuple[str, ...] = (),
    weight_format: str | None = "safetensors",
    beyond: Sequence[str] = (),
) -> Evidence:
    """Evidence against references by name, and `beyond` them others of the bank that were not compared in full.

    Given as a mapping, the last of them ends the list by which they were chosen.
    """
    measurement = make_measurement(subject, make_blocks(0), share=share)
    about = measurement.subject.model_copy(update={"declared_base": declared, "weight_format": weight_format})
    if isinstance(relations, Mapping):
        relations = [compared(name, relation, 0.1 + n / 100) for n, (name, relation) in enumerate(relations.items())]
        relations[-1:] = [one.model_copy(update={"ends": LISTS}) for one in relations[-1:]]
    verdict = Verdict(relation=Relation.INCONCLUSIVE, reference=None, probability=None, p_value=None, reasons=())
    names = [one.reference for one in relations] + list(beyond)
    bank: list[Reference] = [make_reference(name, family=name.partition("/")[0], license="mit") for name in names]
    return Evidence(about, measurement.facts, list(relations), verdict, claimed_base, bank)


def make_rule(rule: Mapping[str, Any]) -> AnyRule:
    """A rule as a policy file has it."""
    made: AnyRule = TypeAdapter(AnyRule).validate_python(dict(rule))
    return made


def check(rule: Mapping[str, Any], evidence: Evidence) -> Check:
    """Apply one rule."""
    return run_check(make_rule(rule), evidence)


PROBES_NAME, PROBES_DIGEST = PROBES.name, PROBES.digest
