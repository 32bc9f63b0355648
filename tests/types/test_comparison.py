"""Comparisons: the probability of being related, and signals read by the classes that whoever reads them names."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from provcheck.signals import read_record
from provcheck.types import Comparison, NotMeasured, Relation, Stack

MEASURED = {
    "bits_per_byte": 0.1,
    "se": 0.01,
    "winsorised_bits_per_byte": 0.08,
    "scale_band": None,
    "reason": None,
    "texts": 40,
}


def comparison(*, same_weights: bool = False, **probabilities: float) -> Comparison:
    known = {Relation(name.replace("_", "-")): value for name, value in probabilities.items()}
    return Comparison(reference="r", probabilities=known or None, signals={}, same_weights=same_weights)


def test_identical_and_derived_count_as_related() -> None:
    judged = comparison(identical=0.2, derived=0.5, same_recipe=0.1, unrelated=0.2)
    assert judged.related_probability == pytest.approx(0.7)
    assert comparison(same_recipe=0.5, unrelated=0.5).related_probability == 0


def test_nobody_knows_it_without_a_judge_and_equal_files_leave_no_doubt() -> None:
    assert comparison().related_probability is None
    assert comparison(same_weights=True).related_probability == 1
    assert comparison(same_weights=True, unrelated=1.0).related_probability == 1


def test_signals_of_json_become_what_they_were() -> None:
    found = {"reference": "r", "signals": {"likelihood": MEASURED, "able": {"not_measured": "it is an endpoint"}}}
    read = read_record(Comparison, found)
    assert read.signals["able"] == NotMeasured(not_measured="it is an endpoint")
    assert read.signals["likelihood"].model_dump() == MEASURED
    assert read_record(Comparison, read.model_dump(mode="json")) == read


@pytest.mark.parametrize(
    ("signals", "message"),
    [
        ({"horoscope": {"stars": 3}}, "the signal 'horoscope' is not known"),
        ({"likelihood": {**MEASURED, "bits_per_byte": -1}}, "greater than or equal to 0"),
        ({"likelihood": {**MEASURED, "more": 1}}, "Extra inputs"),
        ({"able": {"not_measured": ""}}, "at least 1 character"),
        ({"able": {"not_measured": "x", "paper": 0.1}}, "Extra inputs"),
        ({"able": 3}, "should be a valid dictionary"),
        ("able", "should be a valid dictionary"),
    ],
)
def test_what_no_signal_says_is_refused(signals: object, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        read_record(Comparison, {"reference": "r", "signals": signals})


def test_without_the_classes_no_signal_is_known() -> None:
    with pytest.raises(ValidationError, match="the signal 'likelihood' is not known"):
        Comparison.model_validate({"reference": "r", "signals": {"likelihood": MEASURED}})


def test_a_stack_gives_some_of_its_models_in_any_order() -> None:
    stack = Stack({"a": 1}, ({"n": 0.0}, {"n": 1.0}, {"n": 2.0}), {"x": np.arange(6.0).reshape(3, 2)})
    part = stack.take([2, 0])
    assert (len(part), part.values, part.context) == (2, ({"n": 2.0}, {"n": 0.0}), {"a": 1})
    assert part.arrays["x"].tolist() == [[4, 5], [0, 1]]
    assert stack.take(np.arange(3)) is stack, "no copy of a whole bank"
    assert len(stack.take([])) == 0
