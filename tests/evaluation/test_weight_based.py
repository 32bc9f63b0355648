"""Similarities that the recipe puts into a bank, as the evaluation reads them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save

from provcheck.bank import Bank, load_bank
from provcheck.bank.saving import add_file
from provcheck.errors import BankError
from provcheck.evaluation.weight_based import FILE, RIVALS, weight_similarities
from provcheck.types import Floats
from tests.synthetic import make_bank, roots

MODELS = 3


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    return make_bank(tmp_path_factory.mktemp("rivals") / "small", roots(MODELS))


def with_rivals(bank: Bank, folder: Path, arrays: dict[str, Floats]) -> Bank:
    """A copy of the bank with these similarities."""
    shutil.copytree(bank.folder, folder, dirs_exist_ok=True)
    add_file(load_bank(str(folder)), FILE, save(arrays))
    return load_bank(str(folder))


def some_similarities(models: int = MODELS) -> dict[str, Floats]:
    stream = np.random.default_rng(0)
    return {name: stream.uniform(size=(models, models)).astype(np.float16) for name in RIVALS}


def test_the_numbers_are_those_of_the_file(small: Bank, tmp_path: Path) -> None:
    arrays = some_similarities()
    found = weight_similarities(with_rivals(small, tmp_path / "bank", arrays))
    assert list(found) == list(RIVALS)
    for name, similarities in found.items():
        np.testing.assert_array_equal(similarities, arrays[name])


def test_what_cannot_be_compared_is_least_alike(small: Bank, tmp_path: Path) -> None:
    arrays = some_similarities()
    arrays["AWM"][0, 1] = np.nan
    arrays["AWM"][1, 2] = -0.5
    found = weight_similarities(with_rivals(small, tmp_path / "bank", arrays))["AWM"]
    assert found[0, 1] == found[1, 2] == -0.5 == found.min()


def test_without_the_file_nothing_is_measured(small: Bank, tmp_path: Path) -> None:
    """Neither where the bank has none nor where the installation left it out."""
    assert weight_similarities(small) == {}
    bank = with_rivals(small, tmp_path / "bank", some_similarities())
    (bank.folder / FILE).unlink()
    assert weight_similarities(bank) == {}


@pytest.mark.parametrize("fault", ["another bank", "a method is missing", "only NaN"])
def test_a_file_that_does_not_fit(small: Bank, tmp_path: Path, fault: str) -> None:
    arrays = some_similarities(MODELS + (fault == "another bank"))
    if fault == "a method is missing":
        del arrays["HuRef"]
    if fault == "only NaN":
        arrays["HuRef"][:] = np.nan
    with pytest.raises(BankError, match=r"rivals-raw\.safetensors of bank 'small' does not fit"):
        weight_similarities(with_rivals(small, tmp_path / "bank", arrays))


def test_a_changed_file_is_refused(small: Bank, tmp_path: Path) -> None:
    bank = with_rivals(small, tmp_path / "bank", some_similarities())
    (bank.folder / FILE).write_bytes(save({name: one + 1 for name, one in some_similarities().items()}))
    with pytest.raises(BankError, match="was changed"):
        weight_similarities(bank)


def test_a_file_that_cannot_be_read(small: Bank, tmp_path: Path) -> None:
    folder = tmp_path / "bank"
    shutil.copytree(small.folder, folder)
    add_file(load_bank(str(folder)), FILE, b"nonsense")
    with pytest.raises(BankError, match=r"rivals-raw\.safetensors of bank 'small' does not fit"):
        weight_similarities(load_bank(str(folder)))
