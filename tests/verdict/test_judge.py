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
from provcheck.signals import TABLE, features_of, find_signal
from provcheck.signals.able.values import CONTRAST, PAPER
from provcheck.signals.likelihood.values import LOGLIK
from provcheck.types import Comparison, Floats, Measurement, NotMeasured, Relation, Verdict
from provcheck.verdict import decide
from provcheck.verdict.calibration import RANGE_MARGIN, Calibration
from provcheck.verdict.judge import CalibratedJudge
from provcheck.verdict.nulls import BINS, MIN_NULL_PAIRS, histogram, holm, share_as_high
from provcheck.verdict.panels import Calibrations
from tests.synthetic import TEXTS, array_of, row_of, with_arrays
from tests.verdict.zoo import child_of, root_measurement, wave

FOUR = {Relation.IDENTICAL, Relation.DERIVED, Relation.SAME_RECIPE, Relation.UNRELATED}
READ = ("able.contrast_distance", "likelihood.log_winsorised_kl")
TUNED = child_of(root_measurement(3), "me/tuned", 0.2, seed=77)
ABOVE_ALL = "The judge scores it above every one of the"


def judge_of(bank: Bank, calibration: Calibration, limit: float = 0.01) -> CalibratedJudge:
    return CalibratedJudge(Calibrations((calibration,)), len(bank.references), limit)


def judge_all(bank: Bank, calibration: Calibration, subject: Measurement, limit: float = 0.01) -> dict[str, Comparison]:
    judged = judge_of(bank, calibration, limit).judge(compare(subject, bank), TABLE)
    return {comparison.reference: comparison for comparison in judged}


def verdict_on(bank: Bank, calibration: Calibration, subject: Measurement, limit: float = 0.01) -> Verdict:
    judge = judge_of(bank, calibration, limit)
    return decide(compare(subject, bank), judge, subject.facts, bank.ancestry)[1]


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
        for other, comparison in judge_all(zoo, calibration, row_of(zoo, row)).items():
            if comparison.relation.related:
                assert zoo.ancestry.relation(zoo.references[row].id, other).related


def test_a_fine_tune_is_derived_from_its_base(zoo: Bank, calibration: Calibration) -> None:
    judged = judge_all(zoo, calibration, TUNED)
    related = {reference for reference, c in judged.items() if c.relation.related}
    assert related == {"org/root-3", "org/root-3-quantize", "org/root-3-tune", "org/root-3-pretrain"}
    verdict = verdict_on(zoo, calibration, TUNED)
    assert (verdict.relation, verdict.reference) == (Relation.DERIVED, "org/root-3")
    assert verdict.probability is not None and verdict.probability > 0.5
    facts = calibration.facts
    promised = (
        f"{ABOVE_ALL} {facts.independent_pairs} pairs of independent models that it was calibrated on; with 95 % "
        f"confidence fewer than {facts.false_accusation_upper:.2%} of such pairs score so high."
    )
    assert promised in verdict.reasons
    score = judged["org/root-3"].score
    assert score is not None and score > calibration.null_scores[-1]


def test_above_every_pair_is_said_only_when_it_is_true(zoo: Bank, calibration: Calibration) -> None:
    """A threshold may be below the highest independent pair; and equal files need no high score."""
    score = judge_all(zoo, calibration, TUNED)["org/root-3"].score
    assert score is not None
    lower = with_facts(calibration, accuse_above=score - 1, acquit_up_to=score - 2)
    for highest, said in ((score - 1e-9, True), (score, False), (score + 0.5, False)):
        null = np.append(calibration.null_scores[calibration.null_scores < score - 1], highest)
        verdict = verdict_on(zoo, with_null(lower, null), TUNED)
        assert (verdict.relation, verdict.reference) == (Relation.DERIVED, "org/root-3")
        assert any(ABOVE_ALL in reason for reason in verdict.reasons) == said
    stranger = root_measurement(60)
    copy = replace(stranger, subject=stranger.subject.model_copy(update={"weights_digest": digest_of(zoo, 4)}))
    verdict = verdict_on(zoo, calibration, copy)
    assert verdict.relation is Relation.IDENTICAL
    assert not any(ABOVE_ALL in reason for reason in verdict.reasons)


@pytest.mark.parametrize("number", [60, 61])
def test_above_every_pair_is_never_said_of_strangers(zoo: Bank, calibration: Calibration, number: int) -> None:
    judge = judge_of(zoo, calibration)
    for comparison in judge.judge(compare(root_measurement(number), zoo), TABLE):
        assert not any(ABOVE_ALL in reason for reason in judge.explain(comparison))


def test_a_single_kind_of_evidence_is_told(zoo: Bank, calibration: Calibration) -> None:
    """With one witness an accusation can be forged; with two there is no such warning, nor where nobody is accused."""

    def warned(calibration: Calibration, subject: Measurement) -> bool:
        return any("a single kind of evidence" in reason for reason in verdict_on(zoo, calibration, subject).reasons)

    assert len(calibration.facts.witnesses) == 1
    two = with_facts(calibration, witnesses={READ[0]: 9.0, READ[1]: 99.0})
    assert (warned(calibration, TUNED), warned(two, TUNED)) == (True, False)
    assert not warned(calibration, root_measurement(60))


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
    loglik = array_of(stranger, LOGLIK).copy()
    loglik[5:] = np.nan
    for subject in (stranger, with_arrays(stranger, "likelihood", **{LOGLIK: loglik})):
        copy = replace(subject, subject=subject.subject.model_copy(update={"weights_digest": digest_of(zoo, 4)}))
        same = judge_all(zoo, calibration, copy)["org/root-1"]
        assert (same.relation, same.related_probability) == (Relation.IDENTICAL, 1.0)
        verdict = verdict_on(zoo, calibration, copy)
        assert (verdict.relation, verdict.reference) == (Relation.IDENTICAL, "org/root-1")
        assert verdict.reasons[0] == "The weight files are byte for byte those of the reference."
        assert not any("could not be compared" in reason for reason in verdict.reasons)


def test_the_same_weights_that_do_something_else_are_told(zoo: Bank, calibration: Calibration) -> None:
    """Another config or tokenizer over the victim's files; a plain copy has no such sentence."""
    told = "By ABLE the two do not act alike: these weights were given another config.json or tokenizer."
    for subject, otherwise in ((root_measurement(60), True), (row_of(zoo, 4), False)):
        copy = replace(subject, subject=subject.subject.model_copy(update={"weights_digest": digest_of(zoo, 4)}))
        reasons = verdict_on(zoo, calibration, copy).reasons
        assert reasons[0] == "The weight files are byte for byte those of the reference."
        assert (told in reasons) == otherwise


def digest_of(bank: Bank, row: int) -> str | None:
    return bank.references[row].weights_digest


# When it abstains


def test_between_the_thresholds_it_does_not_decide(zoo: Bank, calibration: Calibration) -> None:
    wide = with_facts(calibration, accuse_above=1e9, acquit_up_to=-1e9)
    judged = judge_all(zoo, wide, TUNED)
    assert {c.relation for c in judged.values()} == {Relation.INCONCLUSIVE}
    verdict = verdict_on(zoo, wide, TUNED)
    assert verdict.relation is Relation.INCONCLUSIVE
    assert verdict.reasons[0].endswith(", but the evidence lies too little above that of independent models to accuse.")
    stranger = verdict_on(zoo, wide, root_measurement(60))
    assert stranger.reasons[0].endswith(", not enough to accuse, too much to acquit.")


def test_the_thresholds_themselves(zoo: Bank, calibration: Calibration) -> None:
    """Accused above the one, acquitted up to the other."""
    score = judge_all(zoo, calibration, TUNED)["org/root-3"].score
    assert score is not None
    for accuse, acquit, expected in [
        (score, score - 1, Relation.INCONCLUSIVE),
        (score - 1e-9, score - 1, Relation.DERIVED),
        (score + 1, score, Relation.UNRELATED),
    ]:
        moved = with_facts(calibration, accuse_above=accuse, acquit_up_to=acquit)
        relation = judge_all(zoo, moved, TUNED)["org/root-3"].relation
        assert (relation.independent, relation.related) == (expected.independent, expected.related)


def test_outside_the_range_it_acquits_nobody(zoo: Bank, calibration: Calibration) -> None:
    """One signal spoilt hides no kin that another finds; strangers are left open."""
    wild = with_arrays(TUNED, "likelihood", **{LOGLIK: array_of(TUNED, LOGLIK) + wave(5, 500)})
    judged = judge_all(zoo, calibration, wild)
    assert judged["org/root-3"].relation is Relation.DERIVED
    assert not [one.reference for one in judged.values() if one.relation.independent]
    stranger = with_arrays(root_measurement(60), "likelihood", **{LOGLIK: array_of(TUNED, LOGLIK) + wave(5, 500)})
    found = judge_all(zoo, calibration, stranger)
    assert {one.relation for one in found.values()} == {Relation.INCONCLUSIVE}
    reasons = {judge_of(zoo, calibration).explain(one)[0] for one in found.values()}
    said = "the numbers of log-likelihood lie outside the range that the judge was calibrated on."
    assert any(reason.endswith(said) for reason in reasons)
    anything = replace(calibration, low=np.full(len(READ), -1e9), high=np.full(len(READ), 1e9))
    anything = with_facts(anything, acquit_up_to=calibration.facts.accuse_above)
    assert Relation.INCONCLUSIVE not in {c.relation for c in judge_all(zoo, anything, stranger).values()}


@pytest.mark.parametrize("column", range(len(READ)), ids=READ)
def test_every_feature_has_its_range(zoo: Bank, calibration: Calibration, column: int) -> None:
    """A little farther than the calibration pairs is allowed, more is not; nearer always is."""
    assert calibration.facts.features == READ
    stranger = root_measurement(60)
    [comparison] = [one for one in compare(stranger, zoo) if one.reference == "org/root-3"]
    value = features_of(comparison)[READ[column]]
    for beyond, inside in [(0.9 * RANGE_MARGIN, True), (1.1 * RANGE_MARGIN, False), (-9.0, True)]:
        low, high = calibration.low.copy(), calibration.high.copy()
        low[column], high[column] = value - 1 - beyond, value - beyond
        relation = judge_all(zoo, replace(calibration, low=low, high=high), stranger)["org/root-3"].relation
        assert relation.independent if inside else relation is Relation.INCONCLUSIVE


def test_it_never_accuses_where_the_policy_wants_a_lower_rate(zoo: Bank, calibration: Calibration) -> None:
    upper = calibration.facts.false_accusation_upper
    strict = judge_all(zoo, calibration, TUNED, limit=0.99 * upper)
    assert not [c.reference for c in strict.values() if c.relation.related]
    assert strict["org/root-3"].relation is Relation.INCONCLUSIVE
    assert strict["org/root-5"].relation.independent
    assert judge_all(zoo, calibration, TUNED, limit=upper)["org/root-3"].relation is Relation.DERIVED
    reason = verdict_on(zoo, calibration, TUNED, limit=0.99 * upper).reasons[0]
    assert f"in up to {upper:.2%} of independent pairs, more than the {0.99 * upper:.2%} that the policy" in reason


def test_too_few_texts_are_not_judged(zoo: Bank, calibration: Calibration) -> None:
    loglik = array_of(TUNED, LOGLIK).copy()
    loglik[: TEXTS - 20] = np.nan
    few = with_arrays(TUNED, "likelihood", **{LOGLIK: loglik})
    for comparison in judge_all(zoo, calibration, few).values():
        assert (comparison.relation, comparison.probabilities) == (Relation.INCONCLUSIVE, None)
        assert (comparison.score, comparison.p_value) == (None, None)
    verdict = verdict_on(zoo, calibration, few)
    expected = (
        "Log-likelihood could not be compared: only 20 texts were measured by both models; at least 30 are needed."
    )
    assert expected in verdict.reasons


def test_without_attributions_nobody_is_judged(zoo: Bank, calibration: Calibration) -> None:
    zeros = np.zeros_like(array_of(TUNED, CONTRAST))
    mute = with_arrays(TUNED, "able", **{CONTRAST: zeros, PAPER: zeros})
    judged = judge_all(zoo, calibration, mute)
    assert {c.relation for c in judged.values()} == {Relation.INCONCLUSIVE}
    assert {(c.probabilities is None, c.p_value, c.score) for c in judged.values()} == {(True, None, None)}
    reasons = verdict_on(zoo, calibration, mute).reasons
    assert any(
        reason.startswith("ABLE could not be compared: a model's attributions are all zero") for reason in reasons
    )


@pytest.mark.parametrize("name", ["able", "likelihood"])
def test_a_signal_that_was_not_measured_leaves_nothing_to_judge(zoo: Bank, calibration: Calibration, name: str) -> None:
    missing = replace(TUNED, signals={**TUNED.signals, name: NotMeasured(not_measured="an endpoint cannot")})
    judged = judge_all(zoo, calibration, missing)
    assert len(judged) == len(zoo.references)
    assert {(c.relation, c.probabilities is None, c.p_value) for c in judged.values()} == {
        (Relation.INCONCLUSIVE, True, None)
    }
    expected = f"{find_signal(name).title} could not be compared: an endpoint cannot."
    assert expected in verdict_on(zoo, calibration, missing).reasons


# P-values


def literal_holm(p_values: Sequence[float], hypotheses: int) -> list[float]:
    """Holm (1979): the i-th smallest p-value times the number of hypotheses that are left; never falling."""
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (hypotheses - rank) * p_values[place]))
        corrected[place] = highest
    return corrected


def p_values(null: Sequence[float], scores: Sequence[float], references: int) -> list[float | None]:
    return holm(np.array([share_as_high(np.array(null), score) for score in scores]), references)


null_scores = st.lists(st.floats(-1.5, 1.5), min_size=MIN_NULL_PAIRS, max_size=80).map(sorted)
asked_scores = st.lists(st.floats(-3, 3), min_size=1, max_size=12)


@given(null_scores, asked_scores, st.integers(0, 5))
def test_p_values_are_holms(null: list[float], scores: list[float], unasked: int) -> None:
    raw = [(1 + sum(n >= score for n in null)) / (1 + len(null)) for score in scores]
    found = p_values(null, scores, len(scores) + unasked)
    assert found == pytest.approx(literal_holm(raw, len(scores) + unasked))


@given(null_scores, asked_scores.map(sorted))
def test_a_higher_score_is_never_less_significant(null: list[float], scores: list[float]) -> None:
    found = [p for p in p_values(null, scores[::-1], len(scores)) if p is not None]
    assert len(found) == len(scores)
    assert found == sorted(found)
    assert all(1 / (1 + len(null)) <= p <= 1 for p in found)


@given(null_scores, asked_scores, st.integers(0, 12))
def test_what_is_not_known_has_no_p_value_and_moves_no_other(null: list[float], scores: list[float], at: int) -> None:
    place = min(at, len(scores))
    with_gap = [*scores[:place], float("nan"), *scores[place:]]
    found = p_values(null, with_gap, 20)
    assert found.pop(place) is None
    assert found == p_values(null, scores, 20)


def test_p_values_of_strangers_are_not_small() -> None:
    """Of 400 families of ten strangers at most about 5 % have a p-value below 0.05."""
    stream = np.random.default_rng(0)
    smallest = [
        min(
            p_values(np.sort(stream.normal(size=500)).tolist(), stream.normal(size=10).tolist(), 10),
            key=lambda p: p or 0,
        )
        for _ in range(400)
    ]
    assert np.mean([p is not None and p < 0.05 for p in smallest]) < 0.08


def test_few_null_pairs_give_no_p_value_and_say_so(zoo: Bank, calibration: Calibration) -> None:
    few = with_null(calibration, calibration.null_scores[: MIN_NULL_PAIRS - 1])
    assert {c.p_value for c in judge_all(zoo, few, TUNED).values()} == {None}
    verdict = verdict_on(zoo, few, TUNED)
    assert verdict.relation is Relation.DERIVED
    expected = "No p-value: the judge knows only 29 pairs of independent models; at least 30 are needed."
    assert expected in verdict.reasons
    enough = with_null(calibration, calibration.null_scores[:MIN_NULL_PAIRS])
    verdict = verdict_on(zoo, enough, TUNED)
    assert verdict.p_value is not None
    assert any("Among 30 pairs of independent models so high a score has p = " in r for r in verdict.reasons)


def with_null(calibration: Calibration, scores: Floats) -> Calibration:
    return replace(calibration, null_scores=scores)


def test_asking_fewer_references_makes_nothing_more_significant(zoo: Bank, calibration: Calibration) -> None:
    """Those asked are the nearest of all, so all count."""
    everyone = judge_all(zoo, calibration, TUNED)
    asked = ["org/root-3", "org/root-3-tune"]
    judge = judge_of(zoo, calibration)
    alone = judge.judge([comparison for comparison in compare(TUNED, zoo) if comparison.reference in asked], TABLE)
    assert [one.reference for one in alone] == asked
    for one in alone:
        assert one.p_value is not None and one.p_value >= (everyone[one.reference].p_value or 1.0) - 1e-12


# What the report states of the judge


def test_the_report_names_the_bank_and_what_is_not_covered(zoo: Bank, calibration: Calibration) -> None:
    judge = judge_of(zoo, calibration)
    name = judge.facts(judge.judge(compare(TUNED, zoo), TABLE)).name
    assert name.startswith("SVM calibrated on zoo: by ABLE and log-likelihood it accuses only beyond all ")
    assert f"95 % upper bound {calibration.facts.false_accusation_upper:.2%} (10 roots, " in name
    assert "measured on the models of the bank zoo" in judge.limitation


def test_the_report_states_features_thresholds_and_null(zoo: Bank, calibration: Calibration) -> None:
    judge = judge_of(zoo, calibration)
    [facts] = judge.facts(judge.judge(compare(TUNED, zoo), TABLE)).panels
    assert facts.features == READ and facts.signals == ("able", "likelihood")
    assert facts.accuse_above == calibration.facts.accuse_above
    assert facts.acquit_up_to == calibration.facts.acquit_up_to
    assert list(facts.null) == ["able.contrast_distance"], "what says whether two models are related"
    null = facts.null["able.contrast_distance"]
    assert null.nearest == calibration.null_features["able.contrast_distance"][0]
    assert sum(null.counts) == calibration.facts.independent_pairs


@given(
    values=st.lists(st.floats(-500, 500).map(lambda value: round(value, 3)), min_size=1, max_size=60).map(sorted),
    rises=st.booleans(),
)
def test_a_histogram_counts_every_pair_once(values: list[float], rises: bool) -> None:
    found = histogram(np.array(values), rises=rises)
    edges, counts = np.array(found.edges), found.counts
    assert len(edges) == BINS + 1 == len(counts) + 1 and sum(counts) == len(values)
    assert edges[0] <= values[0] + 1e-6 and edges[0] <= 0
    widths = np.diff(edges)
    assert widths == pytest.approx(widths[0], abs=2e-6) and widths[0] > 0
    for low, high, count in zip(edges, edges[1:-1], counts[:-1], strict=False):
        if not any(abs(value - edge) < 1e-5 for value in values for edge in (low, high)):
            assert count == sum(low < value < high for value in values)
    assert found.nearest == (values[-1] if rises else values[0])


def test_bins_have_a_round_width() -> None:
    """1, 2, 2.5 or 5 times a power of ten, so that an axis can be read; distances start at 0."""
    for highest, width in ((1.19, 0.02), (1.21, 0.025), (0.6, 0.01), (150.0, 2.5), (300.0, 5.0)):
        found = histogram(np.array([highest / 2, highest]), rises=False)
        assert found.edges[0] == 0
        assert found.edges[1] == pytest.approx(width)
