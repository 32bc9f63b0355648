"""Checks of the measurement, the files and the claims."""

from __future__ import annotations

from typing import Any

import pytest

from provcheck.types import Outcome, Relation
from tests.policy.factory import PROBES_DIGEST, PROBES_NAME, check, make_evidence

PASSED, FAILED = Outcome.PASSED, Outcome.FAILED
SKIPPED, INCONCLUSIVE = Outcome.SKIPPED, Outcome.INCONCLUSIVE
CLAIM = {"kind": "claimed-base-supported"}


@pytest.mark.parametrize(("share", "outcome"), [(0.8, PASSED), (0.79, FAILED), (1.0, PASSED), (0.0, FAILED)])
def test_coverage(share: float, outcome: Outcome) -> None:
    done = check({"kind": "coverage-at-least", "share": 0.8}, make_evidence(share=share))
    assert done.outcome is outcome
    assert f"{round(100 * share)} of 100 questions" in done.message and "at least 80% of each" in done.message


@pytest.mark.parametrize(("found", "outcome"), [("safetensors", PASSED), ("pickle", FAILED), ("gguf", FAILED)])
def test_safetensors_only(found: str, outcome: Outcome) -> None:
    done = check({"kind": "safetensors-only"}, make_evidence(weight_format=found))
    assert (done.outcome, done.message) == (outcome, f"the weights are {found} files")


def test_the_model_under_an_adapter_counts_too() -> None:
    evidence = make_evidence()
    base = evidence.subject.model_copy(update={"weight_format": "pickle"})
    subject = evidence.subject.model_copy(update={"base": base})
    done = check({"kind": "safetensors-only"}, make_evidence().__class__(**{**vars(evidence), "subject": subject}))
    assert (done.outcome, done.message) == (FAILED, "the weights are pickle files")


@pytest.mark.parametrize(
    ("asked", "outcome"),
    [
        ({"probes": PROBES_NAME}, PASSED),
        ({"probes": PROBES_NAME, "digest": PROBES_DIGEST}, PASSED),
        ({"probes": PROBES_NAME, "digest": PROBES_DIGEST[:8]}, PASSED),
        ({"probes": PROBES_NAME, "digest": "00000000"}, FAILED),
        ({"probes": "another"}, FAILED),
        ({"probes": PROBES_NAME[:-1]}, FAILED),
    ],
)
def test_probe_set(asked: dict[str, str], outcome: Outcome) -> None:
    done = check({"kind": "probe-set", **asked}, make_evidence())
    assert done.outcome is outcome
    assert PROBES_NAME in done.message and asked["probes"] in done.message


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
    claim: dict[str, Any] = {"claimed_base": "Org/Base"} if by_user else {"declared": ("Org/Base",)}
    done = check(CLAIM, make_evidence({"org/other": Relation.UNRELATED, "org/base": relation}, **claim))
    assert (done.outcome, done.references) == (outcome, ("org/base",))
    assert "org/base" in done.message


def test_one_false_claim_of_two_fails() -> None:
    evidence = make_evidence({"a": Relation.DERIVED, "b": Relation.UNRELATED}, declared=("a", "b"))
    done = check(CLAIM, evidence)
    assert (done.outcome, done.references) == (FAILED, ("b",))


def test_a_claim_that_cannot_be_checked_is_mentioned_beside_one_that_can() -> None:
    done = check(CLAIM, make_evidence({"a": Relation.DERIVED}, declared=("far", "a")))
    assert done.outcome is PASSED
    assert "supports the claimed base a" in done.message and "far is not in this bank" in done.message


def test_the_users_claim_stands_in_for_the_card() -> None:
    evidence = make_evidence({"a": Relation.DERIVED, "b": Relation.UNRELATED}, claimed_base="a", declared=("b",))
    assert check(CLAIM, evidence).outcome is PASSED


@pytest.mark.parametrize(
    ("declared", "message"), [((), "no base model is claimed"), (("far",), "the claimed base far is not in this bank")]
)
def test_without_a_claim_that_can_be_checked_it_is_skipped(declared: tuple[str, ...], message: str) -> None:
    done = check(CLAIM, make_evidence({"a": Relation.DERIVED}, declared=declared))
    assert (done.outcome, done.message) == (SKIPPED, message)


@pytest.mark.parametrize(("farthest", "outcome"), [(Relation.UNRELATED, FAILED), (Relation.INCONCLUSIVE, INCONCLUSIVE)])
def test_a_claimed_base_beyond_the_nearest_is_not_called_absent(farthest: Relation, outcome: Outcome) -> None:
    done = check(CLAIM, make_evidence({"a": farthest}, declared=("far",), beyond=["far"]))
    assert (done.outcome, done.references) == (outcome, ("far",))
