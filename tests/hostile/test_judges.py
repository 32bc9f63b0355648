"""judge.safetensors of a stranger's bank: it judges, or it is refused in a sentence."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load, save

from provcheck.bank import Bank, load_bank
from provcheck.verdict.calibration import FILE, calibrate
from tests.hostile.flow import judge as judge_it
from tests.hostile.strategies import FEW, changed, damaged, dump, value_or_error
from tests.hostile.test_banks import sign
from tests.synthetic import make_measurement
from tests.verdict.zoo import make_zoo

SPECIAL = (0.0, -1.0, np.nan, np.inf, -np.inf, 1e300, 1e-300, 1e12)


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    """A bank with a judge of its own; tests must not change it."""
    bank = make_zoo(tmp_path_factory.mktemp("banks") / "zoo")
    (bank.folder / FILE).write_bytes(calibrate(bank).save())
    return bank


@pytest.fixture
def copied(judged: Bank, tmp_path: Path) -> Path:
    return Path(shutil.copytree(judged.folder, tmp_path / "bank"))


def use(folder: Path, judge: bytes) -> Any:
    """Audit a near copy of the first reference with this judge."""
    (folder / FILE).write_bytes(judge)
    sign(folder, json.loads((folder / "manifest.json").read_text("utf-8")), FILE)
    bank = load_bank(str(folder))
    blocks = bank.contrast_blocks[0].astype(np.float32) * np.float32(1.01)
    return value_or_error(lambda: judge_it(make_measurement("org/subject", blocks), bank))


def split(judge: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and data of a safetensors file."""
    end = 8 + int.from_bytes(judge[:8], "little")
    return json.loads(judge[8:end]), judge[end:]


def test_the_judge_that_the_others_spoil_judges(judged: Bank, copied: Path) -> None:
    verdict = use(copied, (judged.folder / FILE).read_bytes())
    assert verdict.reference == judged.references[0].id
    assert any("probability of being related" in reason for reason in verdict.reasons)


@FEW
@given(data=st.data())
def test_any_header(judged: Bank, copied: Path, data: st.DataObject) -> None:
    header, arrays = split((judged.folder / FILE).read_bytes())
    raw = dump(data.draw(changed(header)))
    use(copied, len(raw).to_bytes(8, "little") + raw + arrays)


@FEW
@given(data=st.data())
def test_any_facts(judged: Bank, copied: Path, data: st.DataObject) -> None:
    content = (judged.folder / FILE).read_bytes()
    facts = dump(data.draw(changed(json.loads(split(content)[0]["__metadata__"]["facts"]))))
    use(copied, bytes(save(load(content), metadata={"facts": facts.decode()})))


@FEW
@given(data=st.data())
def test_any_numbers(judged: Bank, copied: Path, data: st.DataObject) -> None:
    content = (judged.folder / FILE).read_bytes()
    arrays = {name: array.copy() for name, array in load(content).items()}
    for _ in range(data.draw(st.integers(1, 3))):
        name = data.draw(st.sampled_from(sorted(arrays)))
        arrays[name][data.draw(st.sampled_from((0, -1, ...)))] = data.draw(st.sampled_from(SPECIAL))
    use(copied, bytes(save(arrays, metadata=split(content)[0]["__metadata__"])))


@FEW
@given(data=st.data())
def test_any_shape(judged: Bank, copied: Path, data: st.DataObject) -> None:
    content = (judged.folder / FILE).read_bytes()
    arrays = load(content)
    name = data.draw(st.sampled_from(sorted(arrays)))
    kinds: tuple[Any, ...] = (np.float64, np.float32, np.int8, np.bool_)
    shape = data.draw(st.lists(st.integers(0, 3), max_size=3))
    arrays[name] = np.zeros(shape, dtype=data.draw(st.sampled_from(kinds)))
    use(copied, bytes(save(arrays, metadata=split(content)[0]["__metadata__"])))


@FEW
@given(data=st.data())
def test_any_bytes(judged: Bank, copied: Path, data: st.DataObject) -> None:
    use(copied, data.draw(damaged((judged.folder / FILE).read_bytes()[:2000])))
