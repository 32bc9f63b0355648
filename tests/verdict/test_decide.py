"""From judged comparisons to one verdict."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provcheck.bank.kinship import Kinship
from provcheck.types import Comparison, Coverage, Relation, Verdict
from provcheck.verdict import MarginRule, decide
from tests.synthetic import make_reference
from tests.verdict.comparisons import exactly, make_comparison

RULE = MarginRule(pairs=10, smallest_distance=0.8, smallest_kl=0.5)
NAMES = ("base", "child", "sibling", "stranger", "other")
KINSHIP = Kinship(
    [
        make_reference("base"),
        make_reference("child", "base"),
        make_reference("sibling", "base"),
        make_reference("stranger"),
        make_reference("other"),
    ]
)
FULL = Coverage(questions=10, questions_total=10, texts=10, texts_total=10)


def judge(*comparisons: Comparison, coverage: Coverage = FULL) -> Verdict:
    return decide(comparisons, RULE, coverage, KINSHIP)[1]


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


def test_a_base_that_is_not_related_itself_is_not_named() -> None:
    verdict = judge(near("sibling", 0.10), near("stranger", 0.3), near("base", 0.95))
    assert verdict.reference == "sibling"


def test_too_low_coverage_judges_nothing() -> None:
    low = Coverage(questions=4, questions_total=10, texts=10, texts_total=10)
    judged, verdict = decide([near("base", 0.0)], RULE, low, KINSHIP)
    assert (verdict.relation, verdict.reference) == (Relation.INCONCLUSIVE, None)
    assert verdict.reasons[0].startswith("Only 4 of 10 questions and 10 of 10 texts could be measured; at least 50%")
    assert [comparison.relation for comparison in judged] == [Relation.INCONCLUSIVE]


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
    judged, verdict = decide(comparisons, RULE, FULL, KINSHIP)
    assert verdict.relation is {c.reference: c.relation for c in judged}[str(verdict.reference)]
    assert verdict.relation.related == any(c.relation.related for c in judged)
    assert verdict.reasons and (verdict.probability, verdict.p_value) == (None, None)


def test_same_weights_are_identical_however_far() -> None:
    copy = make_comparison("stranger", exactly(1.2), same_weights=True)
    assert judge(near("base", 0.3), copy).reference == "stranger"
