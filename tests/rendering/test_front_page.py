"""The first page: the question, the strongest numbers, what was not measured, and no contradiction beside them."""

from __future__ import annotations

from typing import Any

import pytest

from provcheck.rendering.declared import bases_of, claims_of
from provcheck.rendering.front_page import further, gaps, identity_of, question, strongest
from provcheck.rendering.html_report import HtmlReport
from provcheck.rendering.identity import report_uuid
from provcheck.types import AtHand, NotMeasured, Relation, Report
from tests.rendering.factory import BASE, DIGEST, SUBJECT, make_report
from tests.rendering.page import Page


def text_of(report: Report) -> str:
    return " ".join(Page(HtmlReport().render(report)).text.split())


def with_subject(report: Report, **fields: Any) -> Report:
    return report.model_copy(update={"subject": report.subject.model_copy(update=fields)})


def with_chosen(report: Report, **fields: Any) -> Report:
    """The comparison with the base changed."""
    each = (one.model_copy(update=fields) if one.reference == BASE else one for one in report.comparisons)
    return report.model_copy(update={"comparisons": tuple(each)})


def with_verdict(report: Report, **fields: Any) -> Report:
    return report.model_copy(update={"verdict": report.verdict.model_copy(update=fields)})


def test_it_says_who_asked_what_of_which_files() -> None:
    report = make_report()
    found, text = dict(identity_of(report)), text_of(report)
    assert found["Model"].startswith(f"{SUBJECT}, revision 4f2a9c1")
    assert found["sha256 of its weights"] == found["sha256 of the bank"] == DIGEST
    assert found["Measured"] == "2025-11-21 11:40 UTC, by provcheck 0.1.0"
    assert found["Report"] == str(report_uuid(report)) and found["sha256 of the report"] == report.digest
    assert not [value for value in found.values() if value not in text]
    assert text.index(f"Does it descend from {BASE}, as its card says?") < text.index("Verdict: derived")
    assert text.index("How to repeat it") < text.index("Checks") and report.tool.command in text


@pytest.mark.parametrize(
    ("fields", "claimed", "asked"),
    [
        ({"declared_base": ()}, None, "Whose weights does it descend from?"),
        ({}, None, f"Does it descend from {BASE}, as its card says?"),
        ({}, "acme/raven-1b", "Does it descend from acme/raven-1b, as claimed for this audit?"),
    ],
)
def test_the_question_is_that_of_the_claim_that_comes_first(
    fields: dict[str, Any], claimed: str | None, asked: str
) -> None:
    report = with_subject(make_report(), **fields).model_copy(update={"claimed_base": claimed})
    assert question(report) == asked


def test_a_reference_that_the_user_names_goes_before_the_card() -> None:
    given = AtHand(subject=make_report().subject, measurement=DIGEST, found="given")
    named = [
        one.model_copy(update={"at_hand": given}) if one.reference == "acme/raven-1b" else one
        for one in make_report().comparisons
    ]
    report = make_report().model_copy(update={"comparisons": tuple(named)})
    assert question(report) == "Does it descend from acme/raven-1b, named by --reference?"
    assert "acme/raven-1b" not in [one.declared for one in claims_of(report) if one.topic != "Base model"]


def test_the_strongest_numbers_are_said_in_words() -> None:
    report = with_verdict(make_report(), exact_p_value=2.3e-10)
    assert strongest(report) == [
        "Of 40 pairs of unrelated models, none was this close.",
        "Had the two models been initialised independently, chance would make their neurons so alike in at most one of "
        "4 billion cases (exact p-value 2.3e-10).",
        f"The ABLE contrast distance to {BASE} is 0.043 (95 % interval 0.039 to 0.048).",
    ]
    assert further(report) == list(report.verdict.reasons), "the others follow"
    assert text_of(report).index(strongest(report)[0]) < text_of(report).index("What was audited")


@pytest.mark.parametrize(
    ("p_value", "words"),
    [(0.0009, "one of 1,100 cases"), (1e-7, "one of 10 million cases"), (1e-300, "10 to the power of 300")],
)
def test_a_chance_in_words(p_value: float, words: str) -> None:
    assert words in strongest(with_verdict(make_report(), exact_p_value=p_value))[1]


def test_a_chance_that_is_not_small_is_no_strong_number() -> None:
    assert not [one for one in strongest(with_verdict(make_report(), exact_p_value=0.01)) if "chance" in one]


@pytest.mark.parametrize("fields", [{"score": 2.4}, {"score": None}, {"judged_by": ("able",)}])
def test_no_count_of_pairs_without_a_score_above_them_all(fields: dict[str, Any]) -> None:
    """The panel accuses above 2.5."""
    report = with_chosen(make_report(), **fields)
    assert strongest(report) == list(report.verdict.reasons) and further(report) == []


@pytest.mark.parametrize("relation", [Relation.UNRELATED, Relation.SAME_RECIPE, Relation.INCONCLUSIVE])
def test_nobody_else_is_called_this_close(relation: Relation) -> None:
    report = make_report(relation)
    assert strongest(report) == list(report.verdict.reasons)


def test_an_open_verdict_says_why_directly_below_it() -> None:
    reason = "Only 0 of 480 questions (the others: longer than the model's context of 32 tokens) could be measured."
    report = with_verdict(make_report(Relation.INCONCLUSIVE, probability=None), reasons=(reason,))
    assert f"No relation is claimed, and none is ruled out. Why {reason}" in text_of(report)


def test_what_was_not_measured_is_said_with_its_reason() -> None:
    report = make_report()
    assert gaps(report) == ["ABLE: 118 of 120 questions; left out: too long: 2."]
    silent = NotMeasured(not_measured="the service gives no gradients")
    measurement = report.measurement.model_copy(update={"signals": {**report.measurement.signals, "able": silent}})
    chosen = next(one for one in report.comparisons if one.reference == BASE)
    unlike = {**chosen.signals, "able": silent, "weights": NotMeasured(not_measured="the widths differ.")}
    report = with_chosen(report.model_copy(update={"measurement": measurement}), signals=unlike)
    report = report.model_copy(update={"unavailable": {"acme/lost": "the Hub has no such model"}})
    assert gaps(report) == [
        "ABLE: the service gives no gradients.",
        f"Weights, against {BASE}: the widths differ.",
        "acme/lost, a claimed base: the Hub has no such model.",
    ]
    assert all(one in text_of(report) for one in gaps(report))


def test_nothing_left_out_is_said_too() -> None:
    report = make_report()
    full = report.measurement.signals["likelihood"]
    measurement = report.measurement.model_copy(update={"signals": {"likelihood": full}})
    assert gaps(report.model_copy(update={"measurement": measurement})) == [
        "Nothing was left out of what this version measures."
    ]


def test_a_supported_claim_does_not_stand_beside_none() -> None:
    report = with_subject(make_report(), declared_base=()).model_copy(update={"claimed_base": BASE.upper()})
    assert [(one.topic, one.declared, one.finding) for one in bases_of(report)] == [
        ("Claimed base", BASE.upper(), "The evidence supports it: derived.")
    ]
    assert not [one for one in claims_of(report) if one.topic != "License" and one.declared == "none"]
    assert "not declared" not in text_of(report)


def test_a_base_that_several_name_is_listed_once() -> None:
    report = make_report().model_copy(update={"claimed_base": BASE})
    assert [one.declared for one in bases_of(report)] == [BASE, "acme/raven-7b", "elsewhere/unknown"]


def test_one_pair_has_one_probability_on_the_page() -> None:
    report = with_chosen(make_report(), probabilities={Relation.DERIVED: 0.973, Relation.IDENTICAL: 0.0269})
    text = text_of(report)
    assert "How sure: 97.3 %." in text and "probability: 97.3 %" in text
    assert "> 99.9 %" not in text
