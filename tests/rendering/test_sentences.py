from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provcheck import wording
from provcheck.io.text import MAX_NAME, plain, short_name
from provcheck.rendering import sentences
from provcheck.rendering.sentences import plain_report
from provcheck.types import Relation, Report
from tests.rendering.factory import BASE, make_report


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "not known"),
        (0.0, "0 %"),
        (1e-9, "< 0.1 %"),
        (0.001, "0.1 %"),
        (0.973, "97.3 %"),
        (0.999, "99.9 %"),
        (0.99951, "> 99.9 %"),
        (1.0 - 1e-15, "> 99.9 %"),
        (1.0, "100 %"),
    ],
)
def test_probabilities_are_never_rounded_into_certainty(value: float | None, text: str) -> None:
    assert wording.probability(value) == text


@given(st.floats(0, 1, exclude_min=True, exclude_max=True))
def test_only_certainty_reads_as_certainty(value: float) -> None:
    assert wording.probability(value) not in ("100 %", "100.0 %", "0 %", "0.0 %")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.4, "0.400"),
        (0.04321, "0.0432"),
        (1.0, "1.00"),
        (12.345, "12.3"),
        (123.4, "123"),
        (1e-7, "< 0.0001"),
    ],
)
def test_numbers_have_three_significant_digits(value: float, text: str) -> None:
    assert wording.number(value) == text


def test_every_relation_has_a_sentence_and_every_exit_code_a_meaning() -> None:
    assert set(sentences.SENTENCES) == set(Relation)
    assert {make_report().exit_code.__class__(code) for code in sentences.EXIT_CODES} == set(
        type(make_report().exit_code)
    )


def test_inconclusive_accuses_nobody() -> None:
    text = sentences.sentence(make_report(Relation.INCONCLUSIVE, base="acme/heron"))
    assert text.endswith("is related to any of the 8 reference models.")
    assert "acme/heron" not in text


def test_one_reference_is_not_plural() -> None:
    report = make_report(Relation.UNRELATED)
    report = report.model_copy(update={"bank": report.bank.model_copy(update={"references": 1})})
    assert sentences.sentence(report).endswith("show no relation to the one reference model.")


@pytest.mark.parametrize(
    ("report", "text"),
    [
        (make_report(), "How sure: 97.3 %. p-value: 0.00412."),
        (make_report(probability=None), "How sure: not calibrated."),
        (make_report(Relation.INCONCLUSIVE), "No relation is claimed, and none is ruled out."),
    ],
)
def test_certainty(report: Report, text: str) -> None:
    assert sentences.certainty(report).startswith(text)


def test_the_same_files_are_certain() -> None:
    report = make_report(Relation.IDENTICAL, probability=None)
    same = tuple(one.model_copy(update={"same_weights": one.reference == BASE}) for one in report.comparisons)
    assert "bit for bit" in sentences.certainty(report.model_copy(update={"comparisons": same}))


@given(st.text())
def test_plain_text_is_one_line_without_hidden_characters(text: str) -> None:
    assert plain(text).isprintable() or any(char.isspace() for char in plain(text))
    assert len(plain(text).splitlines()) <= 1
    assert plain(plain(text)) == plain(text)


@given(st.text())
def test_short_names_are_short(text: str) -> None:
    assert len(short_name(text)) <= MAX_NAME
    assert short_name(text) == text or "…" in short_name(text)


def test_a_plain_report_stays_as_it_is() -> None:
    assert plain_report(make_report()) == make_report()


def test_one_probability_of_a_pair_is_shown() -> None:
    """That of its relation, as under the verdict; where it is open, that of being related, as in the reasons."""
    odds = {Relation.UNRELATED: 0.05, Relation.DERIVED: 0.5, Relation.SAME_RECIPE: 0.45}
    one = make_report().comparisons[0].model_copy(update={"relation": Relation.INCONCLUSIVE, "probabilities": odds})
    assert sentences.relation_probability(one) == "related 50.0 %"
    assert sentences.relation_probability(one.model_copy(update={"relation": Relation.DERIVED})) == "50.0 %"
    assert sentences.relation_probability(one.model_copy(update={"same_weights": True})) == "certain"
    assert sentences.relation_probability(one.model_copy(update={"probabilities": None})) == "not known"
