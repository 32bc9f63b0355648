"""A bank gets a signal that it lacks from its models, and from no others."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from provcheck.bank import Bank, load_bank
from provcheck.bank.folder import verify_bank
from provcheck.building import build_bank
from provcheck.measuring import ModelOptions, measure_model
from provcheck.observer import Silent
from reference_embeddings.recipe.completing import complete
from tests.tiny import save_probes, save_tiny, tiny_probes

NAMES = ("one", "two")


@pytest.fixture
def zoo(tmp_path: Path) -> Path:
    for seed, name in enumerate(NAMES):
        save_tiny(tmp_path / "zoo" / name, seed=seed)
    return tmp_path / "zoo"


@pytest.fixture
def bank(zoo: Path, tmp_path: Path) -> Bank:
    """Measured by log-likelihoods alone."""
    models = "".join(f"  - {{id: zoo/{name}, path: zoo/{name}, family: {name}}}\n" for name in NAMES)
    (tmp_path / "bank.yaml").write_text(f"name: small\nmodels:\n{models}", "utf-8")
    probes = str(save_probes(tmp_path / "probes", tiny_probes()))
    options = ModelOptions(probes=probes, cache=False, signals=("likelihood",))
    build_bank(tmp_path / "bank.yaml", tmp_path / "bank", options, Silent())
    return load_bank(str(tmp_path / "bank"))


def test_the_new_signal_is_that_of_each_model_and_the_others_stay(bank: Bank, zoo: Path) -> None:
    said: list[str] = []
    complete(bank, zoo, "weights", said.append)
    found = verify_bank(str(bank.folder))
    assert said == ["zoo/one", "zoo/two"] and set(found.stacks) == {"likelihood", "weights"}
    for name, array in bank.stacks["likelihood"].arrays.items():
        np.testing.assert_array_equal(found.stacks["likelihood"].arrays[name], array)
    alone = measure_model(str(zoo / "two"), ModelOptions(cache=False, signals=("weights",))).sketches["weights"]
    for name, array in alone.arrays.items():
        kept = found.stacks["weights"].arrays[name][1]
        np.testing.assert_array_equal(kept, array.astype(kept.dtype))


def test_a_model_with_other_weights_is_refused_and_the_bank_stays(bank: Bank, zoo: Path) -> None:
    save_tiny(zoo / "two", seed=9)
    with pytest.raises(ValueError, match="two is not the model that the bank was measured on"):
        complete(bank, zoo, "weights", lambda _: None)
    assert set(verify_bank(str(bank.folder)).stacks) == {"likelihood"}
