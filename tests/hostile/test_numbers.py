"""Numbers that no model gives, in banks and measurements: every step goes on to a report without NaN, or refuses."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from provcheck.bank import Bank, load_bank
from provcheck.bank.folder import ARRAYS_FILE
from provcheck.store import load_measurement, save_measurement
from provcheck.types import Floats, Measurement
from tests.hostile.flow import go_through
from tests.hostile.strategies import FEW, value_or_error
from tests.hostile.test_banks import sign
from tests.synthetic import make_bank, make_blocks, make_measurement, roots

SPECIAL = (0.0, np.nan, np.inf, -np.inf, 65504.0, -65504.0, 6e-8, 1e30, -1e30)

numbers = st.lists(
    st.tuples(st.sampled_from(("blocks", "loglik")), st.sampled_from(SPECIAL), st.integers(0, 3)), max_size=4
)
"""Which array, what is put in, and how much of it: a number, a row, a model, or everything."""


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    return make_bank(tmp_path_factory.mktemp("banks") / "mine", roots(6))


def spoil(array: Floats, value: float, much: int) -> Floats:
    spoiled = array.copy()
    with np.errstate(over="ignore"):
        spoiled[(0,) * min(array.ndim, 3 - much)] = value
    return spoiled


@FEW
@given(spoiled=numbers)
def test_any_numbers_in_a_bank(bank: Bank, spoiled: list[tuple[str, float, int]], tmp_path: Path) -> None:
    folder = Path(shutil.copytree(bank.folder, tmp_path / "bank", dirs_exist_ok=True))
    arrays = {"paper_blocks": bank.paper_blocks, "contrast_blocks": bank.contrast_blocks, "loglik": bank.loglik_nats}
    for name, value, much in spoiled:
        changed = "contrast_blocks" if name == "blocks" else name
        arrays[changed] = spoil(arrays[changed], value, much)
    (folder / ARRAYS_FILE).write_bytes(save(arrays))
    sign(folder, json.loads((folder / "manifest.json").read_text("utf-8")))
    read = value_or_error(lambda: load_bank(str(folder)))
    if isinstance(read, Bank):
        value_or_error(lambda: go_through(make_measurement("org/subject", make_blocks(1)), read))


@FEW
@given(spoiled=numbers)
def test_any_numbers_in_a_measurement(bank: Bank, spoiled: list[tuple[str, float, int]], tmp_path: Path) -> None:
    measurement = make_measurement("org/subject", make_blocks(1))
    for name, value, much in spoiled:
        if name == "blocks":
            measurement = replace(measurement, contrast_blocks=spoil(measurement.contrast_blocks, value, much))
        else:
            measurement = replace(measurement, loglik_nats=spoil(measurement.loglik_nats, value, much))
    save_measurement(measurement, tmp_path / "m.safetensors")
    read = value_or_error(lambda: load_measurement(tmp_path / "m.safetensors"))
    if isinstance(read, Measurement):
        value_or_error(lambda: go_through(read, bank))
