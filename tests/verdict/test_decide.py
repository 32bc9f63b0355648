"""From judged comparisons to one verdict."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provcheck.bank.ancestry import Ancestry
from provcheck.types import Comparison, MeasurementFacts, NotMeasured, Relation, Verdict
from provcheck.verdict import MarginRule, decide
from tests.synthetic import make_blocks, make_measurement, make_reference, with_facts
from tests.verdict.comparisons import exactly, make_comparison

RULE = MarginRule(pairs=10, lead="able", smallest=0.8, behaviour="likelihood", smallest_behaviour=0.5)
NAMES = ("base", "child", "sibling", "stranger", "other")
ANCESTRY = Ancestry(
    [
        make_reference("base"),
        make_reference("child", "base"),
        make_reference("sibling", "base"),
        make_reference("stranger"),
        make_reference("other"),
    ]
)
SUBJECT = make_measurement("subject", make_blocks(0))
FULL = SUBJECT.facts


def judge(*comparisons: Comparison, facts: MeasurementFacts = FULL) -> Verdict:
    return decide(comparisons, RULE, facts, ANCESTRY)[1]


def near(name: str, distance: float, width: float = 0.0) -> Comparison:
    return make_comparison(name, (distance - width, distance, distance + width))


def test_a_related_reference_decides() -> None:
    verdict = judge(near("stranger", 0.95), near("other", 0.72), near("base", 0.3))
    assert (verdict.relation, verdict.reference) == (Relation.DERIVED, "base")


def test_identical_comes_before_derived() -> None:
    verdict = judge(near("child", 0.3), near("base", 0.01))
    assert (verdict.relation, verdict.reference) == (Relation.IDENTICAL, "base")


def test_without_a_related_reference_an_inconclusive_one_decides() -> None:
    verdict = judge(near("stranger", 0.72), near("other", 0.95))
    assert (verdict.relation, verdict.reference) == (Relation.INCONCLUSIVE, "stranger")


def test_else_the_nearest_independent_one() -> None:
    verdict = judge(near("stranger", 0.9), near("other", 0.95))
    assert (verdict.relation, verdict.reference) == (Relation.UNRELATED, "stranger")


def test_siblings_that_are_nearer_than_the_base_name_the_base() -> None:
    verdict = judge(near("sibling", 0.30, 0.05), near("base", 0.34, 0.05), near("stranger", 0.95))
    assert (verdict.relation, verdict.reference) == (Relation.DERIVED, "base")
    assert "Also judged related, nearest first: sibling." in verdict.reasons


def test_a_teacher_is_not_named_as_an_ancestor() -> None:
    """It may be a lead, if it is near; the student explains the subject's weights."""
    school = Ancestry(
        [make_reference("base"), make_reference("child", "base", mechanism="distillation"), make_reference("other")]
    )
    comparisons = [near("child", 0.30, 0.05), near("base", 0.34, 0.05), near("other", 0.95)]
    _, verdict = decide(comparisons, RULE, FULL, school)
    assert (verdict.relation, verdict.reference) == (Relation.DERIVED, "child")
    assert "Also judged related, nearest first: base." in verdict.reasons


def test_a_base_that_is_not_related_itself_is_not_named() -> None:
    verdict = judge(near("sibling", 0.10), near("stranger", 0.3), near("base", 0.95))
    assert verdict.reference == "sibling"


def covered(questions: int, texts: int, total: int = 10) -> MeasurementFacts:
    """Facts of a subject of whose probes so many could be measured."""
    found = SUBJECT
    for name, count in (("able", questions), ("likelihood", texts)):
        coverage = FULL.measured[name].coverage.model_copy(update={"measured": count, "total": total})
        found = with_facts(found, name, coverage=coverage)
    return found.facts


@pytest.mark.parametrize(("questions", "texts"), [(4, 10), (0, 0), (4, 5)])
def test_too_low_coverage_judges_nothing(questions: int, texts: int) -> None:
    judged, verdict = decide([near("base", 0.0)], RULE, covered(questions, texts), ANCESTRY)
    assert (verdict.relation, verdict.reference) == (Relation.INCONCLUSIVE, None)
    assert verdict.reasons == (
        f"Only {questions} of 10 questions and {texts} of 10 texts could be measured; at least 50% of each are needed.",
    )
    assert [comparison.relation for comparison in judged] == [Relation.INCONCLUSIVE]


@pytest.mark.parametrize(("questions", "texts"), [(5, 5), (10, 4), (5, 0)])
def test_half_of_what_a_panel_reads_is_enough(questions: int, texts: int) -> None:
    """A second signal that measured less is as if it were not there."""
    verdict = judge(near("base", 0.0), facts=covered(questions, texts))
    assert (verdict.relation, verdict.reference) == (Relation.IDENTICAL, "base")
    assert judge(near("base", 1.0), facts=covered(10, texts)).relation is Relation.UNRELATED


def test_only_signals_that_the_judge_reads_must_be_covered() -> None:
    """What another signal could not measure is no reason to be silent, and is not counted out."""
    able_only = MarginRule(pairs=10, lead="able", smallest=0.8)
    _, verdict = decide([near("base", 0.0)], able_only, covered(10, 0), ANCESTRY)
    assert verdict.relation is Relation.IDENTICAL
    _, verdict = decide([near("base", 0.0)], able_only, covered(4, 0), ANCESTRY)
    assert verdict.reasons == ("Only 4 of 10 questions could be measured; at least 50% of each are needed.",)


def test_a_signal_that_was_not_measured_at_all_says_so_itself() -> None:
    """It has no coverage to be too low; the judge says what is missing."""
    facts = covered(10, 10).model_copy(
        update={"signals": {**FULL.signals, "able": NotMeasured(not_measured="an endpoint gives no gradients")}}
    )
    blank = make_comparison("base", None)
    verdict = judge(blank, facts=facts)
    assert verdict.relation is Relation.INCONCLUSIVE
    assert verdict.reasons == ("ABLE could not be compared: no question was measured.",)


def test_an_empty_bank_decides_nothing() -> None:
    verdict = judge()
    assert (verdict.relation, verdict.reasons) == (Relation.INCONCLUSIVE, ("the bank holds no references",))


@pytest.mark.parametrize("relation", list(Relation))
def test_every_relation_has_its_place_in_the_order(relation: Relation) -> None:
    from provcheck.verdict import ORDER

    assert relation in ORDER


distances = st.none() | st.tuples(*[st.floats(0, 2)] * 3).map(lambda three: tuple(sorted(three)))


@given(st.lists(distances, min_size=1, max_size=len(NAMES)))
def test_the_verdict_is_the_relation_of_the_reference_that_it_names(
    intervals: list[tuple[float, float, float] | None],
) -> None:
    comparisons = [make_comparison(name, interval) for name, interval in zip(NAMES, intervals, strict=False)]
    judged, verdict = decide(comparisons, RULE, FULL, ANCESTRY)
    assert verdict.relation is {c.reference: c.relation for c in judged}[str(verdict.reference)]
    assert verdict.relation.related == any(c.relation.related for c in judged)
    assert verdict.reasons and (verdict.probability, verdict.p_value) == (None, None)


def test_same_weights_are_identical_however_far() -> None:
    copy = make_comparison("stranger", exactly(1.2), same_weights=True)
    verdict = judge(near("base", 0.3), copy)
    assert (verdict.reference, verdict.probability) == ("stranger", 1.0)


def test_why_too_little_was_measured_stands_in_the_reason() -> None:
    short = covered(0, 10)
    coverage = short.measured["able"].coverage.model_copy(
        update={"left_out": {"longer than the model's context of 32 tokens": 10}}
    )
    facts = with_facts(SUBJECT, "able", coverage=coverage).facts
    _, verdict = decide([near("base", 0.0)], MarginRule(pairs=10, lead="able", smallest=0.8), facts, ANCESTRY)
    assert verdict.reasons == (
        "Only 0 of 10 questions (the others: longer than the model's context of 32 tokens) could be measured; at least "
        "50% of each are needed.",
    )
