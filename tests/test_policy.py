"""Policies: what may stand in them, what each check says, and the exit code that follows."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from provcheck import data
from provcheck.errors import PolicyError
from provcheck.policy import AnyRule, Evidence, Policy, exit_code, load_policy, run_checks, summarise
from provcheck.types import Check, ExitCode, Outcome, Relation, Verdict
from tests.synthetic import make_blocks, make_measurement
from tests.verdict.comparisons import exactly, make_comparison

PASSED, FAILED = Outcome.PASSED, Outcome.FAILED
SKIPPED, INCONCLUSIVE = Outcome.SKIPPED, Outcome.INCONCLUSIVE


def make_evidence(
    *,
    share: float = 1.0,
    claimed_base: str | None = None,
    declared: tuple[str, ...] = (),
    weight_format: str = "safetensors",
    relations: Mapping[str, Relation] | None = None,
    **more_relations: Relation,
) -> Evidence:
    """Evidence against references by name; `gpl_x` has the licence gpl, the others mit."""
    measurement = make_measurement("me", make_blocks(0), share=share)
    subject = measurement.subject.model_copy(update={"declared_base": declared, "weight_format": weight_format})
    comparisons = [
        make_comparison(name, exactly(0.5), relation=relation, license="gpl" if name.startswith("gpl") else "mit")
        for name, relation in {**(relations or {}), **more_relations}.items()
    ]
    verdict = Verdict(relation=Relation.INCONCLUSIVE, reference=None, probability=None, p_value=None, reasons=())
    return Evidence(subject, measurement.facts, comparisons, verdict, claimed_base)


def check(rule: dict[str, Any], evidence: Evidence) -> Check:
    one: AnyRule = TypeAdapter(AnyRule).validate_python(rule)
    return run_checks(Policy(name="p", checks=(one,)), evidence)[0]


@pytest.mark.parametrize(("share", "outcome"), [(0.8, PASSED), (0.79, FAILED), (1.0, PASSED), (0.0, FAILED)])
def test_coverage(share: float, outcome: Outcome) -> None:
    done = check({"kind": "coverage-at-least", "share": 0.8}, make_evidence(share=share))
    assert done.outcome is outcome
    assert f"{round(100 * share)} of 100 questions" in done.message and "at least 80% of each" in done.message


@pytest.mark.parametrize(("found", "outcome"), [("safetensors", PASSED), ("pickle", FAILED), ("gguf", FAILED)])
def test_safetensors_only(found: str, outcome: Outcome) -> None:
    done = check({"kind": "safetensors-only"}, make_evidence(weight_format=found))
    assert (done.outcome, done.message) == (outcome, f"the weights are {found} files")


@pytest.mark.parametrize(
    ("relation", "outcome"),
    [
        (Relation.IDENTICAL, PASSED),
        (Relation.DERIVED, PASSED),
        (Relation.INCONCLUSIVE, INCONCLUSIVE),
        (Relation.SAME_RECIPE, FAILED),
        (Relation.UNRELATED, FAILED),
    ],
)
@pytest.mark.parametrize("by_user", [True, False])
def test_claimed_base(relation: Relation, outcome: Outcome, by_user: bool) -> None:
    claim: dict[str, Any] = {"claimed_base": "base"} if by_user else {"declared": ("base",)}
    done = check({"kind": "claimed-base-supported"}, make_evidence(base=relation, **claim))
    assert done.outcome is outcome
    assert "base" in done.message


def test_one_false_claim_of_two_fails() -> None:
    evidence = make_evidence(declared=("a", "b"), a=Relation.DERIVED, b=Relation.UNRELATED)
    assert check({"kind": "claimed-base-supported"}, evidence).outcome is FAILED


def test_the_users_claim_stands_in_for_the_card() -> None:
    evidence = make_evidence(claimed_base="a", declared=("b",), a=Relation.DERIVED, b=Relation.UNRELATED)
    assert check({"kind": "claimed-base-supported"}, evidence).outcome is PASSED


@pytest.mark.parametrize(
    ("declared", "message"), [((), "no base model is claimed"), (("far",), "the claimed base far is not in this bank")]
)
def test_without_a_claim_that_can_be_checked_it_is_skipped(declared: tuple[str, ...], message: str) -> None:
    done = check({"kind": "claimed-base-supported"}, make_evidence(declared=declared, a=Relation.DERIVED))
    assert (done.outcome, done.message) == (SKIPPED, message)


@pytest.mark.parametrize(
    ("relations", "outcome"),
    [
        ({"a": Relation.UNRELATED, "b": Relation.SAME_RECIPE}, PASSED),
        ({"a": Relation.UNRELATED, "b": Relation.DERIVED}, FAILED),
        ({"a": Relation.IDENTICAL}, FAILED),
        ({"a": Relation.INCONCLUSIVE, "b": Relation.UNRELATED}, INCONCLUSIVE),
        ({"a": Relation.INCONCLUSIVE, "b": Relation.DERIVED}, FAILED),
        ({}, SKIPPED),
    ],
)
def test_not_related_to(relations: dict[str, Relation], outcome: Outcome) -> None:
    assert check({"kind": "not-related-to"}, make_evidence(relations=relations)).outcome is outcome


@pytest.mark.parametrize(
    ("globs", "outcome"),
    [
        ({"references": ["gpl*"]}, FAILED),
        ({"references": ["free*"]}, PASSED),
        ({"references": ["GPL*"]}, FAILED),
        ({"references": ["other*"]}, SKIPPED),
        ({"licenses": ["gpl", "agpl"]}, FAILED),
        ({"licenses": ["mit"]}, PASSED),
        ({"references": ["free*"], "licenses": ["gpl"]}, SKIPPED),
    ],
)
def test_globs_choose_the_references(globs: dict[str, Any], outcome: Outcome) -> None:
    evidence = make_evidence(gpl_model=Relation.DERIVED, free_model=Relation.UNRELATED)
    assert check({"kind": "not-related-to", **globs}, evidence).outcome is outcome


def test_a_check_has_the_id_and_severity_of_its_rule() -> None:
    named = check({"kind": "safetensors-only", "id": "no-pickle", "severity": "warning"}, make_evidence())
    assert (named.id, named.severity) == ("no-pickle", "warning")
    assert check({"kind": "safetensors-only"}, make_evidence()).id == "safetensors-only"


def made(outcome: Outcome, severity: str = "error") -> Check:
    return Check.model_validate({"id": "c", "severity": severity, "outcome": outcome, "message": ""})


@pytest.mark.parametrize("on_inconclusive", ["fail", "pass", "warn"])
@pytest.mark.parametrize(
    ("checks", "expected"),
    [
        ([], ExitCode.NO_CHECKS),
        ([made(PASSED), made(SKIPPED)], ExitCode.OK),
        ([made(SKIPPED)], ExitCode.OK),
        ([made(PASSED), made(FAILED)], ExitCode.CHECK_FAILED),
        ([made(Outcome.ERROR)], ExitCode.CHECK_FAILED),
        ([made(FAILED, "warning"), made(PASSED)], ExitCode.OK),
    ],
)
def test_exit_code(checks: list[Check], expected: ExitCode, on_inconclusive: str) -> None:
    assert exit_code(checks, on_inconclusive) is expected


@pytest.mark.parametrize(("on_inconclusive", "code"), [("fail", 1), ("pass", 0), ("warn", 0)])
def test_exit_code_of_an_inconclusive_check(on_inconclusive: str, code: int) -> None:
    assert exit_code([made(INCONCLUSIVE), made(PASSED)], on_inconclusive) == code
    assert exit_code([made(INCONCLUSIVE, "warning")], on_inconclusive) == 0


@given(st.lists(st.sampled_from(Outcome)))
def test_the_summary_counts_every_check_once(outcomes: list[Outcome]) -> None:
    summary = summarise([made(outcome) for outcome in outcomes])
    assert summary.model_dump() == {outcome.value: outcomes.count(outcome) for outcome in Outcome}


@pytest.mark.parametrize("name", sorted(data.policies()))
def test_the_policies_that_ship_are_whole(name: str) -> None:
    assert load_policy(name).checks
    assert load_policy(name).name == name


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "mine.yaml: : Input should be a valid dictionary"),
        ("checks: [", "mine.yaml cannot be read: while parsing"),
        ("name: mine\n", "checks: Field required"),
        ("name: mine\nchecks:\n  - kind: not-related\n", "checks.0: Input tag 'not-related'"),
        ("name: mine\nchecks:\n  - {kind: safetensors-only, shar: 1}\n", "shar: Extra inputs"),
        (
            "name: mine\nchecks:\n  - {kind: coverage-at-least, share: 80}\n",
            "share: Input should be less than or equal",
        ),
        (
            "name: mine\non_inconclusive: maybe\nchecks: []\n",
            "on_inconclusive: Input should be 'fail', 'pass' or 'warn'",
        ),
        ("name: !!python/object/apply:os.getcwd []\nchecks: []\n", "mine.yaml cannot be read: could not determine"),
    ],
)
def test_a_fault_is_named_with_its_place(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(text, "utf-8")
    with pytest.raises(PolicyError) as caught:
        load_policy(str(tmp_path / "mine.yaml"))
    assert message in caught.value.message
    assert str(tmp_path) not in caught.value.message
