"""The policies that ship: each loads, follows the schema, and does what it says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from provcheck.io import data
from provcheck.policy import KINDS, Evidence, check_policy, collect, exit_code, policy_schema
from provcheck.probes import DEFAULT_PROBES
from provcheck.types import ExitCode, Outcome, Relation
from tests.policy.factory import compared, make_evidence

DERIVED, UNRELATED, IDENTICAL, OPEN = Relation.DERIVED, Relation.UNRELATED, Relation.IDENTICAL, Relation.INCONCLUSIVE
NAMES = ("default", "ip-dispute", "license-audit", "release-gate")


def judged(name: str, evidence: Evidence, probes: str = DEFAULT_PROBES) -> tuple[dict[str, Outcome], ExitCode]:
    """Outcomes by id, and the exit code, as if the measurement had been made with these probes."""
    facts = evidence.measurement.model_copy(update={"probes": probes})
    done, policy = check_policy(collect(name), Evidence(**{**_fields(evidence), "measurement": facts}))
    return {check.id: check.outcome for check in done}, exit_code(done, policy.on_inconclusive)


def _fields(evidence: Evidence) -> dict[str, Any]:
    return {name: getattr(evidence, name) for name in Evidence.__dataclass_fields__}


def licensed(relation: Relation, license: str | None) -> Evidence:
    return make_evidence([compared("acme/base", relation, license=license)], claimed_base="acme/base")


def test_these_policies_ship() -> None:
    assert tuple(data.policies()) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_is_whole_and_commented(name: str) -> None:
    policy, text = collect(name).policy, data.policies()[name].read_text("utf-8")
    assert (policy.name, bool(policy.description), bool(policy.checks)) == (name, True, True)
    for rule in policy.checks:
        before = text.split(f"kind: {rule.kind}")[0].splitlines()
        assert any(line.strip().startswith("#") for line in before[-4:]), f"{rule.kind} has no comment"


@pytest.mark.parametrize("name", NAMES)
def test_each_follows_the_schema(name: str) -> None:
    Draft202012Validator(policy_schema()).validate(yaml.safe_load(data.policies()[name].read_text("utf-8")))


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "a"},
        {"name": "a", "checks": [{"kind": "nothing"}]},
        {"name": "a", "checks": [{"kind": "coverage-at-least", "share": 2}]},
        {"name": "a", "checks": [{"kind": "safetensors-only", "share": 1}]},
        {"name": "a", "checks": [{"kind": "not-related-to", "except": "acme/*"}]},
        {"name": "a", "checks": [], "on_inconclusive": "maybe"},
    ],
)
def test_the_schema_refuses_what_provcheck_refuses(wrong: dict[str, Any]) -> None:
    validator = Draft202012Validator(policy_schema())
    validator.check_schema(policy_schema())
    assert not validator.is_valid(wrong)


def test_every_kind_is_in_the_schema_and_explained() -> None:
    kinds = {model["properties"]["kind"]["const"] for model in policy_schema()["$defs"].values()}
    assert kinds == set(KINDS)
    assert all(re.fullmatch(r"[A-Z].+\.", (kind.__doc__ or "").splitlines()[0]) for kind in KINDS.values())


def test_the_readme_names_each() -> None:
    readme = (Path(data.root()) / "policies" / "README.md").read_text("utf-8")
    assert [name for name in NAMES if f"`{name}`" not in readme] == []


@pytest.mark.parametrize(
    ("evidence", "code", "not_passed"),
    [
        (make_evidence({"acme/base": DERIVED}, declared=("acme/base",)), 0, {}),
        (make_evidence({"acme/base": UNRELATED}), 0, {"claimed-base-supported": Outcome.INCONCLUSIVE}),
        (
            make_evidence({"acme/base": UNRELATED}, declared=("acme/base",)),
            1,
            {"claimed-base-supported": Outcome.FAILED},
        ),
        (
            make_evidence({"acme/base": OPEN}, declared=("acme/base",)),
            0,
            {"claimed-base-supported": Outcome.INCONCLUSIVE},
        ),
        (
            make_evidence({"acme/base": DERIVED}, declared=("acme/base",), weight_format="pickle"),
            1,
            {"safetensors-only": Outcome.FAILED},
        ),
        (
            make_evidence({"acme/base": DERIVED}, declared=("acme/base",), share=0.5),
            1,
            {"coverage-at-least": Outcome.FAILED},
        ),
    ],
)
def test_default(evidence: Evidence, code: int, not_passed: dict[str, Outcome]) -> None:
    outcomes, found = judged("default", evidence)
    assert (found, {id: one for id, one in outcomes.items() if one is not Outcome.PASSED}) == (code, not_passed)


BASE = "acme/base"


@pytest.mark.parametrize(
    ("evidence", "code", "outcome"),
    [
        (make_evidence([compared("acme/base", DERIVED, license="mit")], claimed_base=BASE), 0, Outcome.SKIPPED),
        (make_evidence([compared("acme/base", DERIVED, license="cc-by-nc-4.0")], claimed_base=BASE), 1, Outcome.FAILED),
        (make_evidence([compared("acme/base", DERIVED, license="cc-by-nd-4.0")], claimed_base=BASE), 1, Outcome.FAILED),
        (
            make_evidence([compared("acme/base", DERIVED, license="Acme Research License")], claimed_base=BASE),
            1,
            Outcome.FAILED,
        ),
        (
            make_evidence(
                [compared("acme/base", DERIVED), compared("x/nc", UNRELATED, license="cc-by-nc-sa-4.0")],
                claimed_base=BASE,
            ),
            0,
            Outcome.PASSED,
        ),
        (
            make_evidence(
                [compared("acme/base", DERIVED), compared("x/nc", OPEN, license="cc-by-nc-sa-4.0")], claimed_base=BASE
            ),
            1,
            Outcome.INCONCLUSIVE,
        ),
        (make_evidence([compared("acme/base", UNRELATED)], claimed_base=BASE), 1, Outcome.SKIPPED),
        (make_evidence([compared("acme/base", OPEN)], claimed_base=BASE), 1, Outcome.SKIPPED),
        (make_evidence([compared("acme/base", IDENTICAL)], claimed_base=BASE), 1, Outcome.SKIPPED),
        (make_evidence([compared("acme/base", IDENTICAL)], subject="acme/base", claimed_base=BASE), 1, Outcome.SKIPPED),
        (make_evidence([compared("acme/base", DERIVED)], share=0.9, claimed_base=BASE), 1, Outcome.SKIPPED),
    ],
)
def test_release_gate(evidence: Evidence, code: int, outcome: Outcome) -> None:
    outcomes, found = judged("release-gate", evidence)
    assert (found, outcomes["no-restricted-license"]) == (code, outcome)


def test_release_gate_wants_the_probes_it_names() -> None:
    evidence = make_evidence([compared("acme/base", DERIVED)], claimed_base=BASE)
    assert judged("release-gate", evidence)[1] == 0
    assert judged("release-gate", evidence, "quick")[1] == 1


@pytest.mark.parametrize(
    ("evidence", "code", "related", "copied"),
    [
        (make_evidence({"acme/base": UNRELATED}), 0, Outcome.PASSED, Outcome.PASSED),
        (make_evidence({"acme/base": DERIVED}), 1, Outcome.FAILED, Outcome.PASSED),
        (make_evidence({"acme/base": IDENTICAL}), 1, Outcome.FAILED, Outcome.FAILED),
        (make_evidence({"acme/base": OPEN}), 0, Outcome.INCONCLUSIVE, Outcome.INCONCLUSIVE),
        (
            make_evidence([compared("acme/base", DERIVED, probabilities={DERIVED: 0.9, UNRELATED: 0.1})]),
            0,
            Outcome.INCONCLUSIVE,
            Outcome.PASSED,
        ),
        (make_evidence({"acme/base": UNRELATED}, share=0.9), 1, Outcome.PASSED, Outcome.PASSED),
    ],
)
def test_ip_dispute(evidence: Evidence, code: int, related: Outcome, copied: Outcome) -> None:
    outcomes, found = judged("ip-dispute", evidence)
    assert (found, outcomes["related-to-none"], outcomes["copy-of-none"]) == (code, related, copied)


@pytest.mark.parametrize(
    ("evidence", "code", "outcome"),
    [
        (licensed(DERIVED, "apache-2.0"), 0, Outcome.PASSED),
        (licensed(DERIVED, "BSD-3-Clause"), 0, Outcome.PASSED),
        (licensed(DERIVED, "llama3"), 1, Outcome.FAILED),
        (licensed(DERIVED, None), 1, Outcome.INCONCLUSIVE),
        (licensed(OPEN, "llama3"), 1, Outcome.INCONCLUSIVE),
        (licensed(UNRELATED, "llama3"), 1, Outcome.INCONCLUSIVE),
    ],
)
def test_license_audit(evidence: Evidence, code: int, outcome: Outcome) -> None:
    outcomes, found = judged("license-audit", evidence)
    assert (found, outcomes["licenses-of-relatives"]) == (code, outcome)


def test_license_audit_only_warns_of_share_alike() -> None:
    outcomes, _ = judged("license-audit", licensed(DERIVED, "gpl-3.0"))
    assert outcomes["no-share-alike"] is Outcome.FAILED
    rule = next(rule for rule in collect("license-audit").rules if rule.id == "no-share-alike")
    assert rule.severity == "warning"
