"""Checks of the measurement, the files and the claims."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from provcheck.policy import Evidence
from provcheck.signals import find_signal
from provcheck.types import AtHand, NotMeasured, Outcome, Relation, ServedMatch, Sign, Signs
from tests.policy.factory import PROBES_DIGEST, PROBES_NAME, check, compared, make_evidence

PASSED, FAILED = Outcome.PASSED, Outcome.FAILED
SKIPPED, INCONCLUSIVE = Outcome.SKIPPED, Outcome.INCONCLUSIVE
CLAIM = {"kind": "claimed-base-supported"}


@pytest.mark.parametrize(("share", "outcome"), [(0.8, PASSED), (0.79, FAILED), (1.0, PASSED), (0.0, FAILED)])
def test_coverage(share: float, outcome: Outcome) -> None:
    done = check({"kind": "coverage-at-least", "share": 0.8}, make_evidence(share=share))
    assert done.outcome is outcome
    assert f"{round(100 * share)} of 100 questions" in done.message and "at least 80% of each" in done.message


def without(evidence: Evidence, *names: str) -> Evidence:
    """The same evidence, had the target not given what these signals need."""
    facts = evidence.measurement
    missing = {name: NotMeasured(not_measured="the target gives no gradients") for name in names}
    return replace(evidence, measurement=facts.model_copy(update={"signals": {**facts.signals, **missing}}))


COVERAGE = {"kind": "coverage-at-least", "share": 0.8}


@pytest.mark.parametrize(("share", "outcome"), [(1.0, INCONCLUSIVE), (0.8, INCONCLUSIVE), (0.79, FAILED)])
def test_a_signal_that_was_not_measured_never_passes(share: float, outcome: Outcome) -> None:
    """Unless another is below the limit, the check is inconclusive."""
    _, missing = make_evidence().measurement.signals
    done = check(COVERAGE, without(make_evidence(share=share), missing))
    assert done.outcome is outcome
    assert f"{round(100 * share)} of 100 questions were measured; at least 80% are asked for" in done.message
    assert f"not measured: {find_signal(missing).title} (the target gives no gradients)" in done.message


def test_a_signal_of_another_version_counts_too() -> None:
    done = check(COVERAGE, without(make_evidence(), "smell"))
    assert done.outcome is INCONCLUSIVE
    assert "100 of 100 questions" in done.message
    assert done.message.endswith("of each are asked for; not measured: smell (the target gives no gradients)")


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_where_nothing_was_measured_nothing_is_covered(share: float) -> None:
    evidence = make_evidence()
    rule = {**COVERAGE, "share": share}
    done = check(rule, without(evidence, *evidence.measurement.signals))
    assert done.outcome is INCONCLUSIVE and done.message.count("(the target gives no gradients)") == 2
    empty = replace(evidence, measurement=evidence.measurement.model_copy(update={"signals": {}}))
    assert (check(rule, empty).outcome, check(rule, empty).message) == (INCONCLUSIVE, "nothing was measured")


def test_each_signal_is_looked_at() -> None:
    """Of the second one too little was measured."""
    evidence = make_evidence()
    facts = evidence.measurement
    first, second = facts.measured.values()
    coverage = second.coverage.model_copy(update={"measured": 3, "total": 4})
    signals = dict(zip(facts.signals, (first, second.model_copy(update={"coverage": coverage})), strict=True))
    done = check(COVERAGE, replace(evidence, measurement=facts.model_copy(update={"signals": signals})))
    assert done.outcome is FAILED
    assert done.message == ("100 of 100 questions and 3 of 4 texts were measured; at least 80% of each are asked for")


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


NO_FILES = {"weight_format": None, "weights": (), "weights_digest": None}


@pytest.mark.parametrize("stated", [NO_FILES, {**NO_FILES, "weight_format": "safetensors"}, {"weight_format": None}])
def test_a_model_without_files_is_not_called_safe(stated: dict[str, Any]) -> None:
    """Nor is an adapter on top of one; a pickle beside it still fails."""
    evidence = make_evidence()
    bare = evidence.subject.model_copy(update=stated)
    pickled = evidence.subject.model_copy(update={"weight_format": "pickle", "base": bare})
    for subject, outcome in (
        (bare, INCONCLUSIVE),
        (evidence.subject.model_copy(update={"base": bare}), INCONCLUSIVE),
        (pickled, FAILED),
    ):
        done = check({"kind": "safetensors-only"}, replace(evidence, subject=subject))
        assert done.outcome is outcome
        assert outcome is FAILED or done.message == "the files of the weights are not at hand"


def test_weights_that_were_read_in_part_are_not_hashed() -> None:
    """Nor are those of an adapter on top of them; nobody knows about weights without files."""
    evidence = make_evidence()
    whole = evidence.subject
    parts = whole.model_copy(update={"weights": (whole.weights[0].model_copy(update={"sha256": None}),)})
    for subject, outcome in (
        (whole, PASSED),
        (parts, FAILED),
        (whole.model_copy(update={"base": parts}), FAILED),
        (whole.model_copy(update=NO_FILES), INCONCLUSIVE),
        (whole.model_copy(update={"base": whole.model_copy(update=NO_FILES)}), INCONCLUSIVE),
    ):
        done = check({"kind": "weights-hashed"}, replace(evidence, subject=subject))
        assert done.outcome is outcome
        assert ("hf download" in done.message) == (outcome is FAILED)


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
    assert done.message == "the evidence contradicts the claimed base b (unrelated); it is related to a (derived)"


@pytest.mark.parametrize(
    ("relation", "outcome"), [(Relation.DERIVED, INCONCLUSIVE), (Relation.UNRELATED, FAILED)], ids=str
)
def test_a_claim_that_cannot_be_checked_is_never_passed_over(relation: Relation, outcome: Outcome) -> None:
    done = check(CLAIM, make_evidence({"a": relation}, declared=("far", "a")))
    assert done.outcome is outcome
    assert "the claimed base far could not be compared: it is not in this bank" in done.message


def test_why_a_claimed_base_could_not_be_had_is_said() -> None:
    evidence = replace(make_evidence({"a": Relation.DERIVED}, declared=("far",)), unavailable={"far": "it is gated"})
    done = check(CLAIM, evidence)
    assert (done.outcome, done.message) == (INCONCLUSIVE, "the claimed base far could not be compared: it is gated")


def test_where_a_claimed_base_at_hand_was_found_is_said() -> None:
    subject = make_evidence().subject.model_copy(update={"revision": "a" * 40})
    at_hand = AtHand(subject=subject, measurement="0" * 64, found="hub")
    found = compared("org/base", Relation.DERIVED, named=1, at_hand=at_hand)
    done = check(CLAIM, make_evidence([found], declared=("org/base",)))
    assert done.outcome is PASSED
    assert done.message == (
        "the evidence supports the claimed base org/base (derived; measured for this audit, from the Hub (revision "
        "aaaaaaaaaaaa))"
    )


def test_the_model_under_an_adapter_is_the_claim_where_the_card_makes_none() -> None:
    evidence = make_evidence({"under": Relation.UNRELATED})
    adapter = evidence.subject.model_copy(update={"base": evidence.subject.model_copy(update={"id": "under"})})
    assert check(CLAIM, replace(evidence, subject=adapter)).outcome is FAILED


def test_the_users_claim_stands_in_for_the_card() -> None:
    evidence = make_evidence({"a": Relation.DERIVED, "b": Relation.UNRELATED}, claimed_base="a", declared=("b",))
    assert check(CLAIM, evidence).outcome is PASSED


def test_without_a_claim_nothing_can_be_shown() -> None:
    done = check(CLAIM, make_evidence({"a": Relation.DERIVED}))
    assert (done.outcome, done.message) == (INCONCLUSIVE, "no base model is claimed")


@pytest.mark.parametrize(("farthest", "outcome"), [(Relation.UNRELATED, FAILED), (Relation.INCONCLUSIVE, INCONCLUSIVE)])
def test_a_claimed_base_beyond_the_nearest_is_not_called_absent(farthest: Relation, outcome: Outcome) -> None:
    done = check(CLAIM, make_evidence({"a": farthest}, declared=("far",), beyond=["far"]))
    assert (done.outcome, done.references) == (outcome, ("far",))


NO_SIGNS = {"kind": "no-signs-of-disguise"}
SIGN = Sign(name="rows-unused", finding="Half of the rows are never used.", innocent="They are kept for later.")
BESIDE = Sign(name="config-differs", reference="org/base", finding="It states another rope.", innocent="A correction.")


@pytest.mark.parametrize(
    ("signs", "outcome", "said"),
    [
        (Signs(looked_at=("layers", "merges")), PASSED, "no sign of disguise in 2 looks"),
        (Signs(found=(SIGN,)), FAILED, "1 sign of disguise (rows-unused): Half of the rows are never used."),
        (Signs(found=(SIGN,), not_looked_at={"merges": "it is GGUF"}), FAILED, "1 sign of disguise"),
        (Signs(not_looked_at={"token-rows": "it is GGUF"}), INCONCLUSIVE, "not looked at: token rows (it is GGUF)"),
        (None, INCONCLUSIVE, "signs of disguise were not looked for"),
    ],
)
def test_signs_of_disguise(signs: Signs | None, outcome: Outcome, said: str) -> None:
    """What was not looked at never passes."""
    done = check(NO_SIGNS, replace(make_evidence(), signs=signs))
    assert done.outcome is outcome
    assert said in done.message


def test_signs_that_are_known_do_not_count() -> None:
    evidence = replace(make_evidence(), signs=Signs(found=(SIGN, BESIDE), looked_at=("layers",)))
    both = check(NO_SIGNS, evidence)
    assert (both.outcome, both.references) == (FAILED, ("org/base",))
    assert check({**NO_SIGNS, "except": ["rows-*"]}, evidence).message.startswith("1 sign of disguise (config-differs)")
    assert check({**NO_SIGNS, "except": ["rows-unused", "config-*"]}, evidence).outcome is PASSED


SERVES = {"kind": "serves-reference"}


def served(finding: str, reference: str = "org/base") -> ServedMatch:
    numbers = {} if finding == "not comparable" else {"ratio": 1.7}
    return ServedMatch.model_validate({"reference": reference, "finding": finding, "sentence": "Said."} | numbers)


@pytest.mark.parametrize(
    ("rule", "findings", "outcome", "said"),
    [
        ({}, ["identical"], PASSED, "org/base: identical, 1.70 times as far as rounding goes"),
        ({}, ["near"], FAILED, "org/base: near"),
        ({"near": True}, ["near"], PASSED, "org/base: near"),
        ({"near": True}, ["changed"], FAILED, "org/base: changed"),
        ({}, ["not comparable"], INCONCLUSIVE, "Said."),
        ({}, ["not comparable", "changed"], FAILED, "changed"),
        ({}, ["identical", "not comparable"], INCONCLUSIVE, "Said."),
        ({}, [], INCONCLUSIVE, "no endpoint was compared with such a reference"),
        ({"references": ["org/other"]}, ["identical"], INCONCLUSIVE, "no endpoint was compared"),
    ],
)
def test_an_endpoint_serves_its_reference(
    rule: dict[str, Any], findings: list[str], outcome: Outcome, said: str
) -> None:
    done = check({**SERVES, **rule}, replace(make_evidence(), served=[served(one) for one in findings]))
    assert done.outcome is outcome and said in done.message
