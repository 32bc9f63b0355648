"""The calibrated judge on synthetic subjects: whom it accuses, when it abstains, and its p-values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provcheck.bank import Bank
from provcheck.comparison import compare
from provcheck.types import Comparison, Coverage, Floats, Measurement, Relation, Verdict
from provcheck.verdict import decide
from provcheck.verdict.calibration import RANGE_MARGIN, Calibration
from provcheck.verdict.features import NAMES, Vectors, pair_features
from provcheck.verdict.judge import MIN_NULL_PAIRS, CalibratedJudge, _holm
from tests.synthetic import TEXTS
from tests.verdict.zoo import child_of, measured, root_measurement, wave

FOUR = {Relation.IDENTICAL, Relation.DERIVED, Relation.SAME_RECIPE, Relation.UNRELATED}
FULL = Coverage(questions=10, questions_total=10, texts=10, texts_total=10)
TUNED = child_of(root_measurement(3), "me/tuned", 0.2, seed=77)


def judge_of(bank: Bank, calibration: Calibration, subject: Measurement, limit: float = 0.01) -> CalibratedJudge:
    return CalibratedJudge(calibration, bank, subject, [reference.id for reference in bank.references], limit)


def judge_all(bank: Bank, calibration: Calibration, subject: Measurement, limit: float = 0.01) -> dict[str, Comparison]:
    judge = judge_of(bank, calibration, subject, limit)
    return {c.reference: judge.relate(c) for c in compare(subject, bank)}


def verdict_on(bank: Bank, calibration: Calibration, subject: Measurement, limit: float = 0.01) -> Verdict:
    judge = judge_of(bank, calibration, subject, limit)
    return decide(compare(subject, bank), judge, FULL, bank.kinship)[1]


def with_facts(calibration: Calibration, **facts: Any) -> Calibration:
    return replace(calibration, facts=calibration.facts.model_copy(update=facts))


# Whom it accuses


@pytest.mark.parametrize("number", [60, 61, 62, 63])
def test_strangers_are_never_called_related(zoo: Bank, calibration: Calibration, number: int) -> None:
    judged = judge_all(zoo, calibration, root_measurement(number))
    assert not [c.reference for c in judged.values() if c.relation.related]
    p_values = [c.p_value for c in judged.values() if c.p_value is not None]
    assert len(p_values) == len(zoo.references) and min(p_values) > 0.05


def test_the_banks_own_models_are_related_to_their_kin_only(zoo: Bank, calibration: Calibration) -> None:
    """Held-out ones too, which the judge never saw."""
    for row in range(0, len(zoo.references), 3):
        subject = measured(
            "subject",
            zoo.contrast_blocks[row].astype(np.float32),
            zoo.paper_blocks[row].astype(np.float32),
            zoo.loglik_nats[row].astype(np.float64),
        )
        for other, comparison in judge_all(zoo, calibration, subject).items():
            if comparison.relation.related:
                assert zoo.kinship.relation(zoo.references[row].id, other).related


def test_a_fine_tune_is_derived_from_its_base(zoo: Bank, calibration: Calibration) -> None:
    judged = judge_all(zoo, calibration, TUNED)
    related = {reference for reference, c in judged.items() if c.relation.related}
    assert related == {"org/root-3", "org/root-3-quantize", "org/root-3-tune", "org/root-3-pretrain"}
    verdict = verdict_on(zoo, calibration, TUNED)
    assert (verdict.relation, verdict.reference) == (Relation.DERIVED, "org/root-3")
    assert verdict.probability is not None and verdict.probability > 0.5
    facts = calibration.facts
    promised = f"nearer than every one of the {facts.independent_pairs} pairs of independent models"
    assert any(promised in reason and f"{facts.false_accusation_upper:.2%}" in reason for reason in verdict.reasons)


def test_a_quantized_copy_is_identical(zoo: Bank, calibration: Calibration) -> None:
    subject = child_of(root_measurement(3), "me/4-bit", 0.01, seed=78)
    assert judge_all(zoo, calibration, subject)["org/root-3"].relation is Relation.IDENTICAL


def test_the_same_recipe_is_told_from_strangers(zoo: Bank, calibration: Calibration) -> None:
    judged = judge_all(zoo, calibration, root_measurement(70, family=1))
    relations = {zoo.references[row].family: set[Relation]() for row in range(len(zoo.references))}
    for reference in zoo.references:
        if not reference.parents:
            relations[reference.family].add(judged[reference.id].relation)
    assert relations["family-1"] == {Relation.SAME_RECIPE}
    assert Relation.SAME_RECIPE not in relations["family-0"] | relations["family-2"] | relations["family-3"]


def test_probabilities_are_of_the_four_relations(zoo: Bank, calibration: Calibration) -> None:
    for comparison in judge_all(zoo, calibration, TUNED).values():
        probabilities = comparison.probabilities
        assert probabilities is not None and set(probabilities) == FOUR
        assert sum(probabilities.values()) == pytest.approx(1)
        assert all(0 <= value <= 1 for value in probabilities.values())
        if comparison.relation is not Relation.INCONCLUSIVE:
            group = [r for r in FOUR if r.related == comparison.relation.related]
            assert probabilities[comparison.relation] == max(probabilities[relation] for relation in group)


def test_the_same_weights_are_identical_whatever_was_measured(zoo: Bank, calibration: Calibration) -> None:
    """Without enough texts there are no features, yet the weight files are the same bytes."""
    stranger = root_measurement(60)
    loglik = stranger.loglik_nats.copy()
    loglik[5:] = np.nan
    for subject in (stranger, replace(stranger, loglik_nats=loglik)):
        copy = replace(subject, subject=subject.subject.model_copy(update={"weights_digest": digest_of(zoo, 4)}))
        assert judge_all(zoo, calibration, copy)["org/root-1"].relation is Relation.IDENTICAL
        verdict = verdict_on(zoo, calibration, copy)
        assert (verdict.relation, verdict.reference) == (Relation.IDENTICAL, "org/root-1")
        assert verdict.reasons[0] == "The weight files are byte for byte those of the reference."
        assert not any("Too few" in reason for reason in verdict.reasons)


def digest_of(bank: Bank, row: int) -> str:
    return bank.references[row].weights_digest


# When it abstains


def test_between_the_thresholds_it_does_not_decide(zoo: Bank, calibration: Calibration) -> None:
    wide = with_facts(calibration, accuse_score=1e9, acquit_score=-1e9)
    judged = judge_all(zoo, wide, TUNED)
    assert {c.relation for c in judged.values()} == {Relation.INCONCLUSIVE}
    verdict = verdict_on(zoo, wide, TUNED)
    assert verdict.relation is Relation.INCONCLUSIVE
    assert verdict.reasons[-1].endswith(", not enough to accuse, too much to acquit.")


def test_the_thresholds_themselves(zoo: Bank, calibration: Calibration) -> None:
    """Accused above the one, acquitted up to the other."""
    rows = {reference.id: row for row, reference in enumerate(zoo.references)}
    subject = Vectors(TUNED.contrast_blocks[None], TUNED.paper_blocks[None], TUNED.loglik_nats[None])
    features = pair_features(zoo, calibration.space, subject, frozenset(), [rows["org/root-3"]])
    score = float(calibration.related.scores(features)[0])
    for accuse, acquit, expected in [
        (score, score - 1, Relation.INCONCLUSIVE),
        (score - 1e-9, score - 1, Relation.DERIVED),
        (score + 1, score, Relation.UNRELATED),
    ]:
        moved = with_facts(calibration, accuse_score=accuse, acquit_score=acquit)
        relation = judge_all(zoo, moved, TUNED)["org/root-3"].relation
        assert (relation.independent, relation.related) == (expected.independent, expected.related)


def test_outside_the_range_it_does_not_decide(zoo: Bank, calibration: Calibration) -> None:
    wild = replace(TUNED, loglik_nats=TUNED.loglik_nats + wave(5, 500))
    judged = judge_all(zoo, calibration, wild)
    assert {c.relation for c in judged.values()} == {Relation.INCONCLUSIVE}
    reason = verdict_on(zoo, calibration, wild).reasons[-1]
    assert reason.endswith("the numbers lie outside the range that the judge was calibrated on.")
    anything = replace(calibration, low=np.full(len(NAMES), -1e9), high=np.full(len(NAMES), 1e9))
    anything = with_facts(anything, acquit_score=calibration.facts.accuse_score)
    assert Relation.INCONCLUSIVE not in {c.relation for c in judge_all(zoo, anything, wild).values()}


@pytest.mark.parametrize("column", range(len(NAMES)), ids=NAMES)
def test_every_feature_has_its_range(zoo: Bank, calibration: Calibration, column: int) -> None:
    """A little beyond the calibration pairs is allowed, more is not."""
    rows = {reference.id: row for row, reference in enumerate(zoo.references)}
    subject = Vectors(TUNED.contrast_blocks[None], TUNED.paper_blocks[None], TUNED.loglik_nats[None])
    value = pair_features(zoo, calibration.space, subject, frozenset(), [rows["org/root-3"]])[0, column]
    for beyond, inside in [(0.9 * RANGE_MARGIN, True), (1.1 * RANGE_MARGIN, False)]:
        low, high = calibration.low.copy(), calibration.high.copy()
        low[column], high[column] = value - 1 - beyond, value - beyond
        relation = judge_all(zoo, replace(calibration, low=low, high=high), TUNED)["org/root-3"].relation
        assert relation is (Relation.DERIVED if inside else Relation.INCONCLUSIVE)


def test_it_never_accuses_where_the_policy_wants_a_lower_rate(zoo: Bank, calibration: Calibration) -> None:
    upper = calibration.facts.false_accusation_upper
    strict = judge_all(zoo, calibration, TUNED, limit=0.99 * upper)
    assert not [c.reference for c in strict.values() if c.relation.related]
    assert strict["org/root-3"].relation is Relation.INCONCLUSIVE
    assert strict["org/root-5"].relation.independent
    assert judge_all(zoo, calibration, TUNED, limit=upper)["org/root-3"].relation is Relation.DERIVED
    reason = verdict_on(zoo, calibration, TUNED, limit=0.99 * upper).reasons[-1]
    assert f"in up to {upper:.2%} of independent pairs, more than the {0.99 * upper:.2%} that the policy" in reason


def test_too_few_texts_are_not_judged(zoo: Bank, calibration: Calibration) -> None:
    loglik = TUNED.loglik_nats.copy()
    loglik[: TEXTS - 20] = np.nan
    few = replace(TUNED, loglik_nats=loglik)
    for comparison in judge_all(zoo, calibration, few).values():
        assert (comparison.relation, comparison.probabilities) == (Relation.INCONCLUSIVE, None)
    verdict = verdict_on(zoo, calibration, few)
    assert "Too few texts or questions were measured by both models." in verdict.reasons


def test_without_attributions_nobody_is_judged(zoo: Bank, calibration: Calibration) -> None:
    zeros = np.zeros_like(TUNED.contrast_blocks)
    judged = judge_all(zoo, calibration, replace(TUNED, contrast_blocks=zeros, paper_blocks=zeros))
    assert {c.relation for c in judged.values()} == {Relation.INCONCLUSIVE}


# P-values


def literal_holm(p_values: Sequence[float], hypotheses: int) -> list[float]:
    """Holm (1979): the i-th smallest p-value times the number of hypotheses that are left; never falling."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (hypotheses - rank) * p_values[place]))
        corrected[place] = highest
    return corrected


null_distances = st.lists(st.floats(0.5, 1.5), min_size=MIN_NULL_PAIRS, max_size=80).map(sorted)
asked_distances = st.lists(st.floats(0, 2), min_size=1, max_size=12)


@given(null_distances, asked_distances, st.integers(0, 5))
def test_p_values_are_holms(null: list[float], distances: list[float], unasked: int) -> None:
    raw = [(1 + sum(n <= d for n in null)) / (1 + len(null)) for d in distances]
    found = _holm(np.array(null), np.array(distances), len(distances) + unasked)
    assert found == pytest.approx(literal_holm(raw, len(distances) + unasked))


@given(null_distances, asked_distances.map(sorted))
def test_nearer_is_never_less_significant(null: list[float], distances: list[float]) -> None:
    found = [p for p in _holm(np.array(null), np.array(distances), len(distances)) if p is not None]
    assert len(found) == len(distances)
    assert found == sorted(found)
    assert all(1 / (1 + len(null)) <= p <= 1 for p in found)


def test_p_values_of_strangers_are_not_small() -> None:
    """Of 400 families of ten strangers at most about 5 % have a p-value below 0.05."""
    stream = np.random.default_rng(0)
    smallest = [
        min(_holm(np.sort(stream.normal(size=500)), stream.normal(size=10), 10), key=lambda p: p or 0.0)
        for _ in range(400)
    ]
    assert np.mean([p is not None and p < 0.05 for p in smallest]) < 0.08


def test_few_null_pairs_give_no_p_value_and_say_so(zoo: Bank, calibration: Calibration) -> None:
    few = with_null(calibration, calibration.null_distances[: MIN_NULL_PAIRS - 1])
    assert {c.p_value for c in judge_all(zoo, few, TUNED).values()} == {None}
    verdict = verdict_on(zoo, few, TUNED)
    assert verdict.relation is Relation.DERIVED
    expected = "No p-value: the judge knows only 29 pairs of independent models; at least 30 are needed."
    assert expected in verdict.reasons
    enough = with_null(calibration, calibration.null_distances[:MIN_NULL_PAIRS])
    verdict = verdict_on(zoo, enough, TUNED)
    assert verdict.p_value is not None
    assert any("Among 30 pairs of independent models so small a distance has p = " in r for r in verdict.reasons)


def with_null(calibration: Calibration, distances: Floats) -> Calibration:
    return replace(calibration, null_distances=distances)


def test_asking_fewer_references_makes_nothing_more_significant(zoo: Bank, calibration: Calibration) -> None:
    """Those asked are the nearest of all, so all count."""
    everyone = judge_all(zoo, calibration, TUNED)
    asked = ["org/root-3", "org/root-3-tune"]
    judge = CalibratedJudge(calibration, zoo, TUNED, asked, 0.01)
    for comparison in compare(TUNED, zoo):
        if comparison.reference in asked:
            alone = judge.relate(comparison)
            assert alone.p_value is not None and alone.p_value >= (everyone[alone.reference].p_value or 1.0) - 1e-12


def test_the_report_names_the_bank_and_what_is_not_covered(zoo: Bank, calibration: Calibration) -> None:
    judge = judge_of(zoo, calibration, TUNED)
    assert judge.name.startswith("SVM calibrated on zoo (10 roots, ")
    assert f"95 % upper bound {calibration.facts.false_accusation_upper:.2%}" in judge.name
    assert "measured on the models of the bank zoo" in judge.limitation
