"""Checks of the relations: which references count, and what an open question does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provcheck.types import Outcome, Relation, Shortlist
from tests.policy.factory import LISTS, check, compared, make_evidence

PASSED, FAILED = Outcome.PASSED, Outcome.FAILED
SKIPPED, INCONCLUSIVE = Outcome.SKIPPED, Outcome.INCONCLUSIVE
IDENTICAL, DERIVED, OPEN = Relation.IDENTICAL, Relation.DERIVED, Relation.INCONCLUSIVE
KINDRED, UNRELATED = Relation.SAME_RECIPE, Relation.UNRELATED

NOT_RELATED, COPY = {"kind": "not-related-to"}, {"kind": "identical-only-to-itself"}
DESCEND = {"kind": "must-descend-from", "references": ["acme/*"]}
LICENSES = {"kind": "licenses-of-relatives", "allowed": ["mit", "bsd-*"]}
RULES: tuple[Mapping[str, Any], ...] = (NOT_RELATED, COPY, DESCEND, LICENSES)

relations = st.dictionaries(
    st.sampled_from(["acme/a", "acme/b", "acme/gpl", "other/a", "other/b", "other/gpl"]), st.sampled_from(Relation)
)


@pytest.mark.parametrize(
    ("found", "outcome", "deciders"),
    [
        ({"a": UNRELATED, "b": KINDRED}, PASSED, ("a",)),
        ({"a": UNRELATED, "b": DERIVED}, FAILED, ("b",)),
        ({"a": IDENTICAL, "b": DERIVED}, FAILED, ("a", "b")),
        ({"a": OPEN, "b": UNRELATED}, INCONCLUSIVE, ("a",)),
        ({"a": OPEN, "b": DERIVED}, FAILED, ("b",)),
        ({}, INCONCLUSIVE, ()),
    ],
)
def test_not_related_to(found: dict[str, Relation], outcome: Outcome, deciders: tuple[str, ...]) -> None:
    done = check(NOT_RELATED, make_evidence(found))
    assert (done.outcome, done.references) == (outcome, deciders)


@pytest.mark.parametrize(
    ("globs", "outcome"),
    [
        ({"references": ["gpl*"]}, FAILED),
        ({"references": ["free*"]}, PASSED),
        ({"references": ["GPL*"]}, FAILED),
        ({"references": ["other*"]}, INCONCLUSIVE),
        ({"licenses": ["gpl", "agpl"]}, FAILED),
        ({"licenses": ["mit"]}, PASSED),
        ({"families": ["gpl-model"]}, FAILED),
        ({"families": ["free*"]}, PASSED),
        ({"references": ["free*"], "licenses": ["gpl"]}, INCONCLUSIVE),
        ({"except": ["gpl*"]}, PASSED),
        ({"except": ["free*"]}, FAILED),
        ({"references": ["none"], "if_no_match": "failed"}, FAILED),
        ({"references": ["none"], "if_no_match": "skipped"}, SKIPPED),
    ],
)
def test_globs_choose_the_references(globs: dict[str, Any], outcome: Outcome) -> None:
    evidence = make_evidence({"gpl-model": DERIVED, "free-model": UNRELATED})
    assert check({**NOT_RELATED, **globs}, evidence).outcome is outcome


def test_a_license_that_nobody_stated_is_called_unknown() -> None:
    evidence = make_evidence([compared("a", DERIVED, license=None)])
    assert check({**NOT_RELATED, "licenses": ["unknown"]}, evidence).outcome is FAILED
    assert check({**NOT_RELATED, "licenses": ["gpl*"]}, evidence).outcome is INCONCLUSIVE


@pytest.mark.parametrize(
    ("relation", "threshold", "outcome"),
    [
        (DERIVED, 0.98, FAILED),
        (DERIVED, 0.99, INCONCLUSIVE),
        (OPEN, 0.0, INCONCLUSIVE),
        (UNRELATED, 0.0, PASSED),
        (UNRELATED, 1.0, PASSED),
    ],
)
def test_probability(relation: Relation, threshold: float, outcome: Outcome) -> None:
    rule = {**NOT_RELATED, "probability_at_least": threshold}
    assert check(rule, make_evidence({"a": relation})).outcome is outcome


@pytest.mark.parametrize(
    ("changes", "outcome", "message"),
    [
        ({"probabilities": None}, INCONCLUSIVE, "of unknown probability"),
        ({"probabilities": None, "same_weights": True}, FAILED, "related to a"),
        ({}, INCONCLUSIVE, "less probable than 0.99"),
    ],
)
def test_a_probability_that_is_unknown_or_certain(changes: dict[str, Any], outcome: Outcome, message: str) -> None:
    done = check({**NOT_RELATED, "probability_at_least": 0.99}, make_evidence([compared("a", DERIVED, **changes)]))
    assert done.outcome is outcome
    assert message in done.message


STRICTNESS = (FAILED, INCONCLUSIVE, PASSED)


@given(relations.filter(bool), st.floats(0, 1), st.floats(0, 1))
def test_a_higher_threshold_never_accuses_more_and_never_acquits(
    found: dict[str, Relation], low: float, high: float
) -> None:
    low, high = sorted((low, high))
    lax, strict, without = (
        check({**NOT_RELATED, **threshold}, make_evidence(found)).outcome
        for threshold in ({"probability_at_least": low}, {"probability_at_least": high}, {})
    )
    assert STRICTNESS.index(without) <= STRICTNESS.index(lax) <= STRICTNESS.index(strict)
    assert (without is PASSED) == (strict is PASSED), "only independence passes"


@pytest.mark.parametrize(
    ("found", "outcome", "deciders"),
    [
        ({"acme/a": DERIVED, "other/b": DERIVED}, PASSED, ("acme/a",)),
        ({"ACME/a": IDENTICAL}, PASSED, ("ACME/a",)),
        ({"acme/a": OPEN, "other/b": DERIVED}, INCONCLUSIVE, ("acme/a",)),
        ({"acme/a": UNRELATED, "other/b": DERIVED}, FAILED, ("other/b",)),
        ({"acme/a": UNRELATED, "other/b": OPEN}, FAILED, ("acme/a",)),
        ({"other/b": DERIVED}, INCONCLUSIVE, ()),
        ({}, INCONCLUSIVE, ()),
    ],
)
def test_must_descend_from(found: dict[str, Relation], outcome: Outcome, deciders: tuple[str, ...]) -> None:
    done = check(DESCEND, make_evidence(found))
    assert (done.outcome, done.references) == (outcome, deciders)


@pytest.mark.parametrize("outcome", [SKIPPED, FAILED, INCONCLUSIVE])
def test_must_descend_from_nobody_that_the_bank_has(outcome: Outcome) -> None:
    rule = {**DESCEND, "if_no_match": outcome.value}
    assert check(rule, make_evidence({"other/b": DERIVED})).outcome is outcome


@pytest.mark.parametrize(
    ("itself", "found", "outcome"),
    [
        (None, {"other/b": IDENTICAL}, FAILED),
        (None, {"me": IDENTICAL, "other/b": DERIVED}, PASSED),
        (None, {"ME": IDENTICAL, "other/b": UNRELATED}, PASSED),
        (["acme/*"], {"acme/a": IDENTICAL, "other/b": UNRELATED}, PASSED),
        (["acme/*"], {"acme/a": IDENTICAL, "me": IDENTICAL}, FAILED),
        (None, {"other/b": OPEN}, INCONCLUSIVE),
        (None, {"me": OPEN, "other/b": UNRELATED}, PASSED),
        (None, {"me": IDENTICAL}, INCONCLUSIVE),
    ],
)
def test_identical_only_to_itself(itself: list[str] | None, found: dict[str, Relation], outcome: Outcome) -> None:
    rule = {**COPY, **({"itself": itself} if itself else {})}
    assert check(rule, make_evidence(found, subject="me")).outcome is outcome


@pytest.mark.parametrize(("ruled_out", "outcome"), [(True, PASSED), (False, INCONCLUSIVE)])
def test_what_is_too_far_to_be_a_copy_is_none_whatever_else_it_is(ruled_out: bool, outcome: Outcome) -> None:
    """Related or not is another question: an honest model is not held up by references that are far away."""
    found = [compared("other/b", OPEN, copy_ruled_out=ruled_out), compared("other/c", UNRELATED)]
    assert check(COPY, make_evidence(found, subject="me")).outcome is outcome
    assert check({"kind": "not-related-to"}, make_evidence(found, subject="me")).outcome is INCONCLUSIVE


@pytest.mark.parametrize(("ruled_out", "outcome"), [(True, PASSED), (False, INCONCLUSIVE)])
def test_references_beyond_the_shortlist_are_no_copies_where_its_last_is_none(
    ruled_out: bool, outcome: Outcome
) -> None:
    found = [compared("other/b", UNRELATED, 0.2), compared("other/c", OPEN, 0.9, copy_ruled_out=ruled_out, ends=LISTS)]
    assert check(COPY, make_evidence(found, subject="me", beyond=["other/d"])).outcome is outcome


def test_a_model_that_calls_itself_by_a_glob_is_not_everybody() -> None:
    assert check(COPY, make_evidence({"other/b": IDENTICAL}, subject="*")).outcome is FAILED


@pytest.mark.parametrize(
    ("found", "outcome", "deciders"),
    [
        ({"a": DERIVED, "gpl": UNRELATED}, PASSED, ("a",)),
        ({"a": DERIVED, "gpl": DERIVED}, FAILED, ("gpl",)),
        ({"a": DERIVED, "gpl": OPEN}, INCONCLUSIVE, ("gpl",)),
        ({"a": OPEN, "b": DERIVED}, PASSED, ("b",)),
        ({"a": UNRELATED}, INCONCLUSIVE, ()),
        ({}, INCONCLUSIVE, ()),
    ],
)
def test_licenses_of_relatives(found: dict[str, Relation], outcome: Outcome, deciders: tuple[str, ...]) -> None:
    done = check(LICENSES, make_evidence(found))
    assert (done.outcome, done.references) == (outcome, deciders)


@pytest.mark.parametrize("license", [None, "", "unknown", "Unknown"])
@pytest.mark.parametrize("outcome", [FAILED, INCONCLUSIVE])
def test_a_relative_without_a_license(license: str | None, outcome: Outcome) -> None:
    evidence = make_evidence([compared("a", DERIVED, license=license), compared("b", DERIVED)])
    done = check({**LICENSES, "unknown": outcome.value}, evidence)
    assert (done.outcome, done.references) == (outcome, ("a",))


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["kind"])
def test_references_that_were_not_compared_do_not_pass_as_independent(rule: Mapping[str, Any]) -> None:
    """The last of the shortlist is not settled, so nothing is known of what lies beyond."""
    allowed = {"allowed": ["bsd-*"]} if rule is LICENSES else {}
    evidence = make_evidence({"other/a": UNRELATED, "other/b": OPEN}, beyond=["acme/far"])
    done = check({**rule, **allowed}, evidence)
    assert done.outcome is INCONCLUSIVE
    assert "acme/far" in done.references


@pytest.mark.parametrize(
    ("rule", "outcome"), [(NOT_RELATED, PASSED), (COPY, PASSED), (DESCEND, FAILED), (LICENSES, INCONCLUSIVE)]
)
def test_references_beyond_an_independent_one_are_independent(rule: Mapping[str, Any], outcome: Outcome) -> None:
    done = check(rule, make_evidence({"other/a": UNRELATED}, beyond=["acme/far"]))
    assert done.outcome is outcome
    assert rule is LICENSES or "not compared in full, but behind independent ones in every list" in done.message


def test_a_claimed_base_far_away_says_nothing_about_the_others() -> None:
    """It is compared however far it is; the last references of the lists are those that count."""
    near, claimed = compared("near", OPEN, 0.3, ends=LISTS), compared("claimed", UNRELATED, 0.9, named=1)
    evidence = make_evidence([near, claimed], claimed_base="Claimed", beyond=["far"])
    assert check({**NOT_RELATED, "references": ["far"]}, evidence).outcome is INCONCLUSIVE


@pytest.mark.parametrize(
    ("ends", "outcome"),
    [((), INCONCLUSIVE), ((UNRELATED,), PASSED), ((KINDRED, UNRELATED), PASSED), ((UNRELATED, OPEN), INCONCLUSIVE)],
)
def test_the_last_of_every_list_settles_what_lies_beyond(ends: tuple[Relation, ...], outcome: Outcome) -> None:
    """Without any list nothing is known."""
    last = [compared(f"other/{place}", relation, ends=LISTS) for place, relation in enumerate(ends)]
    evidence = make_evidence([compared("near", UNRELATED, 0.1), *last], beyond=["far"])
    assert check({**NOT_RELATED, "references": ["far"]}, evidence).outcome is outcome


def test_a_reference_that_a_list_lacks_is_open() -> None:
    """No quick look at it was possible, so that it is not among the likeliest means nothing."""
    evidence = make_evidence({"other/a": UNRELATED}, beyond=["acme/far"])
    for lacking, outcome in (("acme/far", INCONCLUSIVE), ("acme/other", PASSED)):
        shortlist = Shortlist(compared=1, listed=1, lists=LISTS, unlisted=(lacking,))
        assert check(NOT_RELATED, replace(evidence, shortlist=shortlist)).outcome is outcome


@given(relations, st.sampled_from(RULES), st.lists(st.sampled_from(["acme/far", "other/far"]), unique=True))
def test_what_decided_is_in_the_bank_and_named_in_few_words(
    found: dict[str, Relation], rule: Mapping[str, Any], beyond: list[str]
) -> None:
    evidence = make_evidence(found, beyond=beyond)
    done = check(rule, evidence)
    assert set(done.references) <= {*found, *beyond}
    assert done.message and done.description.endswith(".") and done.kind == rule["kind"]
    if done.outcome is PASSED:
        assert done.references


@given(relations.filter(bool), st.sampled_from(RULES), st.randoms())
def test_the_order_of_references_is_irrelevant(
    found: dict[str, Relation], rule: Mapping[str, Any], random: Any
) -> None:
    names = list(found)
    random.shuffle(names)
    shuffled = {name: found[name] for name in names}
    assert check(rule, make_evidence(found)).outcome is check(rule, make_evidence(shuffled)).outcome
