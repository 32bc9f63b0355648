"""References at hand beside a bank's own: they are compared, and no number of the bank moves."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from provcheck.bank import Bank, load_bank
from provcheck.bank.editing import add_reference
from provcheck.bank.widening import Beside, widen
from provcheck.comparison import compare, shortlist
from provcheck.errors import BankError, IncompatibleError
from provcheck.references import beside
from provcheck.types import Measurement, NotMeasured, Relation
from tests.synthetic import (
    blocks_at,
    make_bank,
    make_blocks,
    make_measurement,
    make_probes,
    make_reference,
    roots,
    with_arrays,
    without,
)

SUBJECT = make_measurement("me", blocks_at(make_blocks(50), 0.3))
BASE = make_measurement("base", make_blocks(50), loglik=np.full(40, -90_000.0))
"""Far below every model of the bank."""


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    return make_bank(tmp_path_factory.mktemp("banks") / "bank")


def given(measurement: Measurement, id: str = "") -> Beside:
    return beside(id or measurement.subject.id, measurement, "given")


def test_the_nearest_is_the_one_at_hand(bank: Bank) -> None:
    first = compare(SUBJECT, widen(bank, [given(BASE)]))[0]
    assert (first.reference, first.family, first.mechanism) == ("base", None, "undocumented")
    assert first.at_hand and first.at_hand.subject == BASE.subject


def test_no_number_of_the_bank_moves(bank: Bank) -> None:
    """Neither those of the comparisons, nor the bank's digest."""
    alone, wide = compare(SUBJECT, bank), widen(bank, [given(BASE), given(make_measurement("other", make_blocks(51)))])
    assert [one for one in compare(SUBJECT, wide) if one.at_hand is None] == list(alone)
    assert (wide.manifest.digest, wide.own) == (bank.manifest.digest, bank)
    assert len(bank.references) == 5 and len(wide.references) == 7


def test_one_reference_does_not_move_the_numbers_of_another(bank: Bank) -> None:
    other = make_measurement("other", make_blocks(51))
    alone, both = (widen(bank, [*more, given(BASE)]) for more in ((), (given(other),)))
    one, two = (next(c for c in compare(SUBJECT, wide) if c.reference == "base") for wide in (alone, both))
    assert one == two


def test_its_numbers_are_those_that_it_would_have_in_the_bank(tmp_path: Path) -> None:
    folder = make_bank(tmp_path / "mine").folder
    beside_it = compare(SUBJECT, widen(load_bank(str(folder)), [given(BASE)]))[0]
    add_reference(load_bank(str(folder)), make_reference("base"), BASE)
    within = compare(SUBJECT, load_bank(str(folder)))[0]
    assert within.signals["able"] == beside_it.signals["able"]


def test_no_bank_documents_it(bank: Bank) -> None:
    """It is no independent root, and nobody's parent."""
    ancestry = widen(bank, [given(BASE)]).ancestry
    assert ancestry.relation("base", "org/root-1") is Relation.INCONCLUSIVE
    assert ancestry.descent("base") == {"base"}


def test_a_large_bank_compares_it_however_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shortlist, "SHORTLIST", 10)
    large = make_bank(tmp_path / "large", roots(30))
    far = make_measurement("far", -SUBJECT.sketches["able"].arrays["able_contrast_blocks"])
    alone, wide = compare(SUBJECT, large), compare(SUBJECT, widen(large, [given(far), given(BASE)]))
    assert {one.reference for one in wide if one.at_hand} == {"far", "base"}
    assert [one for one in wide if one.at_hand is None] == list(alone), "it takes nobody's place"


def test_what_a_signal_did_not_measure_of_it_has_the_reason(bank: Bank) -> None:
    deaf = without(BASE, "likelihood", "it is an endpoint")
    first = compare(SUBJECT, widen(bank, [given(deaf)]))[0]
    assert first.signals["likelihood"] == NotMeasured(not_measured="it is an endpoint")


def test_other_probes_are_refused_by_its_name(bank: Bank) -> None:
    with pytest.raises(
        IncompatibleError, match=r"the reference 'base' cannot be compared with 'bank': .* probe set others"
    ):
        widen(bank, [given(make_measurement("base", make_blocks(0), probes=make_probes("others")))])


def test_arrays_of_another_shape_are_refused(bank: Bank) -> None:
    with pytest.raises(BankError, match="'base' has arrays of another shape"):
        widen(bank, [given(make_measurement("base", make_blocks(0)[:3]))])


def test_numbers_that_no_bank_can_hold_are_refused(bank: Bank) -> None:
    loud = with_arrays(BASE, "likelihood", loglik=np.full(40, -1e30))
    with pytest.raises(BankError, match="'base' has numbers that no bank can hold"):
        widen(bank, [given(loud)])


def test_the_license_of_its_card_counts(bank: Bank) -> None:
    licensed = replace(BASE, subject=BASE.subject.model_copy(update={"license": "mit"}))
    assert compare(SUBJECT, widen(bank, [given(licensed)]))[0].license == "mit"
