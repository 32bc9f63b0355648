"""judge.safetensors of a stranger's bank: it judges, or it is refused in a sentence."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load, save

from provcheck.bank import Bank
from provcheck.comparison import compare
from provcheck.io.digests import file_digest
from provcheck.signals.able.values import CONTRAST
from provcheck.verdict.calibration import IDENTICAL, RELATED, SAME_RECIPE
from provcheck.verdict.fitting import calibrate
from provcheck.verdict.panels import FILE
from tests.hostile.flow import judge
from tests.hostile.strategies import FEW, changed, damaged, dump, value_or_error
from tests.synthetic import make_measurement, stacked
from tests.verdict.zoo import make_zoo

Use = Callable[[bytes], Any]

PARTS = ("mean", "scale", "weights", "constants")
OF_PANEL = [f"{machine}.{part}" for machine in (RELATED, IDENTICAL, SAME_RECIPE) for part in PARTS]
OF_PANEL += ["low", "high", "null_scores", "null.able.contrast_distance"]
PANELS = ("able", "able+likelihood")
NAMES = [f"{panel}.{name}" for panel in PANELS for name in OF_PANEL]
SPECIAL = (0.0, -1.0, np.nan, np.inf, -np.inf, 1e300, 1e-300, 1e12)


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    return make_zoo(tmp_path_factory.mktemp("banks") / "zoo")


@pytest.fixture(scope="module")
def judge_file(zoo: Bank, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The judge that the tests spoil; a path, since a failing test prints its arguments."""
    path = tmp_path_factory.mktemp("judges") / FILE
    path.write_bytes(calibrate(zoo).save())
    return path


@pytest.fixture(scope="module")
def use(zoo: Bank) -> Use:
    """Judge a near copy of the first reference with the judge in these bytes, for which the bank vouches."""
    subject = make_measurement("org/subject", stacked(zoo, CONTRAST)[0].astype(np.float32) * np.float32(1.01))
    comparisons = compare(subject, zoo)

    def judged(content: bytes) -> Any:
        (zoo.folder / FILE).write_bytes(content)
        manifest = zoo.manifest.model_copy(update={"files": {FILE: file_digest(zoo.folder / FILE)}})
        return value_or_error(lambda: judge(subject, replace(zoo, manifest=manifest), comparisons))

    return judged


def split(content: bytes) -> tuple[dict[str, Any], bytes]:
    """Header and data of a safetensors file."""
    end = 8 + int.from_bytes(content[:8], "little")
    return json.loads(content[8:end]), content[end:]


def resaved(content: bytes, arrays: dict[str, Any]) -> bytes:
    """Other arrays under the same facts."""
    return bytes(save(arrays, metadata=split(content)[0]["__metadata__"]))


def test_the_judge_that_the_others_spoil_judges(zoo: Bank, judge_file: Path, use: Use) -> None:
    assert set(load(judge_file.read_bytes())) == set(NAMES)
    verdict = use(judge_file.read_bytes())
    assert verdict.reference == zoo.references[0].id
    assert verdict.relation.related and verdict.probability is not None and verdict.p_value is not None
    assert verdict.reasons


@FEW
@given(data=st.data())
def test_any_header(judge_file: Path, use: Use, data: st.DataObject) -> None:
    header, arrays = split(judge_file.read_bytes())
    raw = dump(data.draw(changed(header)))
    use(len(raw).to_bytes(8, "little") + raw + arrays)


@FEW
@given(data=st.data())
def test_any_facts(judge_file: Path, use: Use, data: st.DataObject) -> None:
    """Of one of the panels, or under other names."""
    facts = json.loads(split(judge_file.read_bytes())[0]["__metadata__"]["facts"])
    panel = data.draw(st.sampled_from(PANELS))
    name = data.draw(st.sampled_from((panel, *PANELS, "weights", "likelihood", "likelihood+able", "", "+")))
    facts["panels"][name] = data.draw(changed(facts["panels"][panel]))
    use(bytes(save(load(judge_file.read_bytes()), metadata={"facts": dump(data.draw(changed(facts))).decode()})))


@FEW
@given(changes=st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from((0, -1, ...)), st.sampled_from(SPECIAL))))
def test_any_numbers(judge_file: Path, use: Use, changes: list[tuple[str, Any, float]]) -> None:
    arrays = {name: array.copy() for name, array in load(judge_file.read_bytes()).items()}
    for name, place, number in changes:
        if arrays[name].size:
            arrays[name][place] = number
    use(resaved(judge_file.read_bytes(), arrays))


@FEW
@given(
    name=st.sampled_from(NAMES),
    shape=st.lists(st.integers(0, 3), max_size=3),
    kind=st.sampled_from((np.float64, np.float32, np.int8, np.bool_)),
)
def test_any_shape(judge_file: Path, use: Use, name: str, shape: list[int], kind: Any) -> None:
    use(resaved(judge_file.read_bytes(), {**load(judge_file.read_bytes()), name: np.zeros(shape, dtype=kind)}))


@FEW
@given(data=st.data())
def test_any_bytes(judge_file: Path, use: Use, data: st.DataObject) -> None:
    use(data.draw(damaged(judge_file.read_bytes()[:2000])))
