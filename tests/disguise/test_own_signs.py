"""The table of signs that a model shows by itself, and what is said where nothing could be looked at."""

from __future__ import annotations

import pytest

from provcheck.disguise import OWN_SIGNS, find_signs
from provcheck.disguise.own_signs import own_signs
from provcheck.types import Makeup, Relation, Verdict
from tests.synthetic import make_blocks, make_measurement

Looks = dict[str, dict[str, float]]

ODD: dict[str, Looks] = {
    "layers-unused": {"layers": {"stated": 1, "stored": 4}},
    "tensors-unused": {"unused-tensors": {"unused": 3}},
    "positions-cut": {"position-rows": {"rows": 1024, "context": 256}},
    "tokens-off-centre": {"token-embeddings": {"mean_row": 7.0, "spread": 1.0, "rows": 10}},
    "positions-off-centre": {"position-embeddings": {"mean_row": 7.0, "spread": 0.0, "rows": 10}},
    "rows-unused": {"token-rows": {"rows": 10_000}, "token-ids": {"ids": 9_000}},
    "ids-without-row": {"token-rows": {"rows": 100}, "token-ids": {"ids": 101}},
    "merges-missing": {"merges": {"tokens": 100, "unreachable": 50}},
    "empty-layers": {"empty-layers": {"layers": 5, "empty": 1, "first": 0}},
}

EVEN: dict[str, Looks] = {
    "layers-unused": {"layers": {"stated": 4, "stored": 4}},
    "tensors-unused": {"unused-tensors": {"unused": 0}},
    "positions-cut": {"position-rows": {"rows": 1026, "context": 1024}},
    "tokens-off-centre": {"token-embeddings": {"mean_row": 0.93, "spread": 1.0, "rows": 10}},
    "positions-off-centre": {"position-embeddings": {}},
    "rows-unused": {"token-rows": {"rows": 102_400}, "token-ids": {"ids": 100_016}},
    "ids-without-row": {"token-rows": {"rows": 100}, "token-ids": {"ids": 100}},
    "merges-missing": {"merges": {"tokens": 0, "unreachable": 0}},
    "empty-layers": {"empty-layers": {"layers": 5, "empty": 0, "first": -1}},
}

OPEN = Verdict(relation=Relation.UNRELATED, reference=None, probability=None, p_value=None, reasons=())


@pytest.mark.parametrize("name", [one.name for one in OWN_SIGNS])
def test_each_sign_shows_where_it_should_and_nowhere_else(name: str) -> None:
    assert [sign.name for sign in own_signs(ODD[name])] == [name]
    assert not own_signs(EVEN[name])


def test_a_sign_carries_its_numbers_and_an_innocent_reason() -> None:
    (sign,) = own_signs(ODD["rows-unused"])
    assert sign.numbers == {"rows": 10_000, "ids": 9_000}
    assert "1,000 rows are never used" in sign.finding
    assert sign.innocent.endswith(".")


def test_without_files_nothing_counts_as_looked_at() -> None:
    measurement = make_measurement("me", make_blocks(0))
    subject = measurement.subject.model_copy(update={"weights": (), "makeup": None})
    found = find_signs(subject, measurement.facts, (), OPEN, {})
    assert not found.looked_at
    assert found.not_looked_at == dict.fromkeys(("files", "unused-tensors"), "there are no files to look at")


def test_of_an_adapter_the_model_under_it_is_looked_at() -> None:
    measurement = make_measurement("me", make_blocks(0))
    base = measurement.subject.model_copy(update={"makeup": Makeup(looks=ODD["merges-missing"])})
    subject = measurement.subject.model_copy(update={"base": base})
    facts = measurement.facts.model_copy(update={"unused_tensors": 0})
    found = find_signs(subject, facts, (), OPEN, {})
    assert [sign.name for sign in found.found] == ["merges-missing"]
    assert found.not_looked_at.keys() == {"adapter"}
