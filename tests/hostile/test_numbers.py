"""Numbers that no model gives, in banks and measurements: every step goes on to a report without NaN, or refuses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import save

from provcheck.bank import Bank, load_bank
from provcheck.bank.folder import arrays_file
from provcheck.signals.able.values import CONTRAST
from provcheck.signals.likelihood.values import LOGLIK
from provcheck.store import load_measurement, save_measurement
from provcheck.types import Floats, Measurement
from tests.hostile.flow import go_through
from tests.hostile.strategies import FEW, value_or_error
from tests.hostile.test_banks import sign
from tests.synthetic import array_of, make_bank, make_blocks, make_measurement, roots, with_arrays

SPOILED = {"able": CONTRAST, "likelihood": LOGLIK}
"""An array of each signal."""

SPECIAL = (0.0, np.nan, np.inf, -np.inf, 65504.0, -65504.0, 6e-8, 1e30, -1e30)

numbers = st.lists(st.tuples(st.sampled_from(sorted(SPOILED)), st.sampled_from(SPECIAL), st.integers(0, 3)), max_size=4)
"""The array of which signal, what is put in, and how much of it: a number, a row, a model, or everything."""


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
    arrays = {signal: dict(stack.arrays) for signal, stack in bank.stacks.items()}
    for signal, value, much in spoiled:
        arrays[signal][SPOILED[signal]] = spoil(arrays[signal][SPOILED[signal]], value, much)
    for signal, changed in arrays.items():
        (folder / arrays_file(signal)).write_bytes(save(changed))
    sign(folder, json.loads((folder / "manifest.json").read_text("utf-8")))
    read = value_or_error(lambda: load_bank(str(folder)))
    if isinstance(read, Bank):
        value_or_error(lambda: go_through(make_measurement("org/subject", make_blocks(1)), read))


@FEW
@given(spoiled=numbers)
def test_any_numbers_in_a_measurement(bank: Bank, spoiled: list[tuple[str, float, int]], tmp_path: Path) -> None:
    measurement = make_measurement("org/subject", make_blocks(1))
    for signal, value, much in spoiled:
        name = SPOILED[signal]
        measurement = with_arrays(measurement, signal, **{name: spoil(array_of(measurement, name), value, much)})
    save_measurement(measurement, tmp_path / "m.safetensors")
    read = value_or_error(lambda: load_measurement(tmp_path / "m.safetensors"))
    if isinstance(read, Measurement):
        value_or_error(lambda: go_through(read, bank))
