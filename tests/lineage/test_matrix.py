"""The distances of a bank are those that its tree is made from and a report orders references by."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from provcheck import distance_matrix, load_bank
from provcheck.bank import Bank
from provcheck.comparison import compare
from provcheck.errors import BankError, UsageError
from provcheck.lineage import gather
from provcheck.signals import distance_of
from provcheck.signals.likelihood.values import likelihood_of
from tests.synthetic import make_bank, make_blocks, make_complete, make_measurement, make_reference, roots, write_bank


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    """Out of order, and one reference without ABLE."""
    names = ["org/c", "org/a", "org/b", "org/d"]
    models = [(make_reference(name), make_complete(name, place)) for place, name in enumerate(names)]
    silent = make_measurement("org/0", np.zeros_like(make_blocks(0)))
    return write_bank(tmp_path_factory.mktemp("bank") / "some", [*models, (make_reference("org/0"), silent)])


def test_they_are_those_of_the_tree(bank: Bank) -> None:
    found = distance_matrix(bank)
    leaves = gather(bank, range(5))
    assert found.ids == tuple(leaves.ids) == ("org/a", "org/b", "org/c", "org/d")
    assert np.array_equal(found.values, leaves.distances)
    assert found.values.shape == (len(found), len(found)) == (4, 4)
    assert np.array_equal(found.values, found.values.T) and not found.values.diagonal().any()
    assert (found.title, found.left_out) == (leaves.title, ("org/0",))
    assert repr(found) == f"<4 x 4 distances by {found.title}>"
    assert found.families == tuple(one.family for one in leaves.references)


def test_they_are_those_of_a_report(bank: Bank) -> None:
    reports = compare(make_complete("org/a", 1), bank)
    found = distance_matrix(bank)
    for one in reports:
        if one.reference in found.ids[1:]:
            apart = distance_of(one)
            assert apart and found.between("org/a", one.reference) == pytest.approx(apart.value, abs=1e-3)


def test_one_signal_alone(bank: Bank) -> None:
    found = distance_matrix(bank.folder, "likelihood")
    assert found.title == "Log-likelihood" and "org/0" in found.ids
    reports = {one.reference: likelihood_of(one) for one in compare(make_complete("org/a", 1), bank)}
    values = reports["org/b"]
    assert values and found.between("org/a", "org/b") == pytest.approx(values.bits_per_byte, rel=1e-3)
    assert found.between("org/a", "org/a") == 0


def test_a_shipped_bank_by_name_a_folder_and_a_loaded_one(bank: Bank) -> None:
    one, two = distance_matrix(str(bank.folder)), distance_matrix(load_bank(bank.folder))
    assert np.array_equal(one.values, two.values) and one.ids == two.ids
    assert len(distance_matrix("zoo-v2", "weights")) > 100
    with pytest.raises(BankError, match="There is no bank"):
        distance_matrix("zoo-v99")
    with pytest.raises(UsageError, match="has no signal 'abel'") as caught:
        distance_matrix(bank, "abel")
    assert "able" in caught.value.hint
    with pytest.raises(KeyError):
        distance_matrix(bank).between("org/a", "org/nobody")


def test_a_frame_has_the_ids_on_both_axes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = distance_matrix(make_bank(tmp_path / "bank", roots(3)))
    frame = found.to_frame()
    assert list(frame.index) == list(frame.columns) == list(found.ids)
    assert frame.loc["org/root-0", "org/root-1"] == found.between("org/root-0", "org/root-1")
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"pip install 'provcheck\[frames\]'"):
        found.to_frame()
