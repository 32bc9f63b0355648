from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provcheck import wording
from provcheck.signals.describing import DotChart, Figure, HeatMap, Histogram
from provcheck.signals.weights import Weights
from provcheck.signals.weights.block_map import in_words, partners_of
from provcheck.signals.weights.page import COLUMNS, GLOSSARY, figures
from provcheck.signals.weights.reading import REORDERED, REWRITTEN, SHARED_START, match, reasons
from provcheck.signals.weights.values import WeightsValues
from provcheck.types import NotMeasured, Report
from provcheck.wording import bound
from tests.rendering.factory import make_blocks, make_report, make_weights, with_null, with_signal

NOTHING = WeightsValues(
    anchored_match=None,
    coordinate_match=None,
    intrinsic_match=None,
    exact_p_value=None,
    distance=None,
    matched=0,
    neurons=0,
)


def weights(**changed: object) -> WeightsValues:
    return make_weights(0.97).model_copy(update=changed)


def shown(values: WeightsValues, report: Report | None = None) -> dict[str, Figure]:
    report = report or make_report()
    nearest = with_signal(report.comparisons[0], "weights", values)
    return {figure.id: figure for figure in figures(report, nearest)}


def without_null() -> Report:
    report = make_report()
    return report.model_copy(update={"judge": with_null(report.judge, {})})


# Numbers


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1.00"),
        (0.9999, "0.99"),
        (0.97, "0.97"),
        (0.004, "0.00"),
        (-0.004, "0.00"),
        (-0.01, "-0.01"),
        (-1, "-1.00"),
    ],
)
def test_a_match_is_never_rounded_into_certainty(value: float, text: str) -> None:
    assert match(value) == text


def test_a_match_that_there_is_none_of_says_so() -> None:
    assert match(None) == wording.NOT_MEASURED


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1"), (0.431, "0.44"), (0.04, "0.04"), (2.3e-10, "2.3e-10"), (2.31e-10, "2.4e-10"), (0.0, "1.0e-300")],
)
def test_a_bound_is_rounded_up(value: float, text: str) -> None:
    assert bound(value) == text


@given(st.floats(0, 1))
def test_a_bound_holds(value: float) -> None:
    assert float(bound(value)) >= value and float(bound(value)) > 0


def test_columns_say_how_many_neurons_pair_up_only_where_that_says_something() -> None:
    anchored = COLUMNS[0].of(weights())
    assert (anchored.text, anchored.note, anchored.bar) == ("0.97", "187 of 192", (0, 97, 97))
    independent = COLUMNS[0].of(make_weights(-0.02))
    assert (independent.text, independent.note, independent.bar) == ("-0.02", "", (0, 0, 0))
    assert [one.heading for one in COLUMNS if one.brief] == ["anchored match"]
    assert [one.of(NOTHING).text for one in COLUMNS] == [wording.NOT_MEASURED] * 4
    assert [one.of(weights()).text for one in COLUMNS[1:]] == ["0.97", "0.48", "2.3e-10"]


def test_the_glossary_says_what_each_number_assumes() -> None:
    assert Weights.glossary is GLOSSARY
    assert "only that the two models were initialised independently" in GLOSSARY["exact p-value"]
    assert "nor who copied whom" in GLOSSARY["exact p-value"]


# Sentences


def test_reasons_of_models_that_match() -> None:
    assert reasons(weights(), "org/base") == (
        "In the most similar blocks, 187 of 192 neurons pair up with one of org/base and act alike (anchored match "
        "0.97; independent models: about 0).",
        "If both models had been initialised independently, neurons of the same number would be so alike with "
        "probability at most 2.3e-10.",
    )


def test_pairs_that_chance_makes_are_not_counted_as_evidence() -> None:
    said = reasons(make_weights(0.02), "org/base")
    assert said == (
        "The neurons do not match those of org/base (anchored match 0.02; independent models: about 0).",
        "Neurons of the same number are no more alike than in another order (exact p-value 0.43), which shows nothing.",
    )


def test_what_lies_between_is_called_neither() -> None:
    assert "but act only partly alike (anchored match 0.37;" in reasons(weights(anchored_match=0.37), "r")[0]


def test_without_words_in_common_another_match_speaks() -> None:
    assert "(coordinate match 0.97;" in reasons(weights(anchored_match=None), "r")[0]
    assert "(intrinsic match 0.48;" in reasons(weights(anchored_match=None, coordinate_match=None), "r")[0]
    assert reasons(NOTHING, "r") == (
        "The neurons cannot be compared with those of r: the models have no view of them in common.",
    )


def test_words_may_be_destroyed_where_attention_still_matches() -> None:
    said = reasons(weights(anchored_match=0.05, intrinsic_match=0.62), "r")[0]
    assert "do not match those of r (anchored match 0.05;" in said
    assert said.endswith("through the models' own attention they do (intrinsic match 0.62).")


@pytest.mark.parametrize(
    ("changed", "finding"),
    [
        ({"coordinate_match": 0.05}, REWRITTEN),
        ({"coordinate_match": 0.05, "anchored_match": None, "intrinsic_match": 0.6}, REWRITTEN),
        ({"exact_p_value": 0.4}, REORDERED),
        ({"anchored_match": 0.07, "intrinsic_match": 0.02, "coordinate_match": 0.46}, SHARED_START),
        ({"anchored_match": 0.07, "intrinsic_match": None, "coordinate_match": 0.1}, SHARED_START),
        ({"anchored_match": 0.35, "intrinsic_match": 0.03, "coordinate_match": 0.47}, SHARED_START),
    ],
)
def test_numbers_that_disagree_are_findings(changed: dict[str, object], finding: str) -> None:
    found = [one for one in reasons(weights(**changed), "r") if one in (REWRITTEN, REORDERED, SHARED_START)]
    assert found == [finding]


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"coordinate_match": None},  # another width: neither rewritten nor of one initialisation
        {"coordinate_match": None, "anchored_match": 0.1, "intrinsic_match": 0.0},
        {"coordinate_match": 0.25},
        {"anchored_match": None, "intrinsic_match": 0.04, "coordinate_match": 0.74},  # long training, no words
        {"anchored_match": None, "coordinate_match": 0.05, "intrinsic_match": 0.1, "exact_p_value": 0.5},
        {"exact_p_value": None},
        {"anchored_match": 0.35, "intrinsic_match": 0.03, "coordinate_match": 0.01},  # a rotation may have hidden more
        {"anchored_match": 0.02, "coordinate_match": 0.02, "intrinsic_match": 0.01, "exact_p_value": 0.3},
    ],
)
def test_no_finding_without_the_numbers_for_it(changed: dict[str, object]) -> None:
    assert not {REWRITTEN, REORDERED, SHARED_START} & set(reasons(weights(**changed), "r"))


# Figures


def test_the_match_stands_against_those_of_independent_models() -> None:
    figure = shown(weights())["twins"]
    assert isinstance(figure.chart, Histogram)
    assert (figure.chart.own_label, figure.chart.limit_label) == ("1.00", "highest independent pair: 0.08")
    assert str(figure.finding).endswith(
        "the anchored match is 0.97: in the most similar blocks, 187 of 192 neurons pair up. On the scale "
        "below, which also counts the intrinsic match, it is at 1.00, and the highest of 40 pairs of independent "
        "models at 0.08."
    )
    assert [table.rows[-1][1] for table in (*figure.tables, *figure.annex)] == ["2.3e-10", "3"]


def test_without_independent_models_the_three_matches_are_shown() -> None:
    figure = shown(weights(), without_null())["twins"]
    assert isinstance(figure.chart, DotChart)
    assert [(row.label, row.number) for row in figure.chart.rows] == [
        ("anchored match", "0.97"),
        ("coordinate match", "0.97"),
        ("intrinsic match", "0.48"),
    ]
    assert "not known here" in figure.reading


def test_what_was_not_compared_has_its_reason() -> None:
    report = make_report()
    nearest = with_signal(report.comparisons[0], "weights", NotMeasured(not_measured="no MLP block was found."))
    assert [str(one.finding) for one in figures(report, nearest)] == [
        "Neurons were not compared: no MLP block was found.",
        "Blocks were not compared.",
    ]
    assert str(figures(report, None)[0].finding) == "Neurons were not compared: there is no reference."
    table = shown(NOTHING)["twins"].tables[0]
    assert [row[1] for row in table.rows] == [wording.NOT_MEASURED] * 4
    assert "differ in width" in table.rows[1][2]


def test_blocks_are_shown_with_all_their_numbers() -> None:
    figure = shown(weights(blocks=make_blocks()))["blocks"]
    assert isinstance(figure.chart, HeatMap)
    assert figure.chart.framed == {(at, at) for at in range(4)}
    assert figure.annex[0].headings == ("Own block", "1", "2", "3", "4")
    assert figure.annex[0].rows[2] == ("3", "0.02", "0.11", "0.93", "0.08")
    assert str(figure.finding) == "The 4 compared blocks match those of acme/raven-6b, in order."


@pytest.mark.parametrize("blocks", [(), ((),), ((0.5,), (0.5, 0.5))])
def test_what_is_no_table_is_not_shown(blocks: tuple[tuple[float, ...], ...]) -> None:
    assert str(shown(weights(blocks=blocks))["blocks"].finding) == "Blocks were not compared."


def test_blocks_without_words_are_matched_by_coordinates() -> None:
    figure = shown(weights(anchored_match=None, blocks=make_blocks()))["blocks"]
    assert figure.annex[0].caption.startswith("Coordinate match")


def test_a_partner_must_match() -> None:
    assert partners_of(((0.1, 0.9), (0.14, 0.1))) == [1, None]


SAME, LEFT_OUT = "in the same order", "None matches the reference's block 2 best; left out, it seems."


@pytest.mark.parametrize(
    ("partners", "columns", "said"),
    [
        ([None, None], 4, "No block of this model matches one of {reference}."),
        ([0, 1, 2], 3, "The 3 compared blocks match those of {reference}, in order."),
        ([0, 2], 3, f"All 2 compared blocks of this model match one of {{reference}}, {SAME}. {LEFT_OUT}"),
        (
            [0, 2, 2],
            3,
            f"All 3 compared blocks of this model match one of {{reference}}, {SAME}, but several the same one, "
            f"as when blocks are repeated. {LEFT_OUT}",
        ),
        ([1, 0], 2, "All 2 compared blocks of this model match one of {reference}, but not in the same order."),
        (
            [0, None],
            2,
            f"1 of the 2 compared blocks of this model match one of {{reference}}, {SAME}. None matches the "
            "reference's block 2 best.",
        ),
    ],
)
def test_the_order_of_blocks_in_words(partners: list[int | None], columns: int, said: str) -> None:
    assert " ".join(in_words(partners, columns)) == said


def test_a_sample_of_blocks_shows_nothing_left_out() -> None:
    assert "left out" not in " ".join(in_words([0, 1, 2, 4, 5, 6, 7], 8))
