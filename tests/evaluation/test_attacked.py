"""Attacked models in the evaluation of a bank: listed in a file, judged by every panel that they were measured for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from provcheck import save_measurement
from provcheck.bank import Bank
from provcheck.errors import BankError
from provcheck.evaluation import attacked
from provcheck.evaluation.attacked import FILE, judge_attacks, markdown
from provcheck.types import Relation
from tests.verdict.zoo import child_of, root_measurement

LISTED: dict[str, Any] = {
    "name": "evade-able",
    "aim": "hide",
    "start": "root-3",
    "model": "tuned.safetensors",
    "victim": "victim.safetensors",
    "function": {"largest_nats": 0.5, "divergence_nats": 0.01, "lost_bits": 0.002},
}


def listed(folder: Path, *attacks: dict[str, Any]) -> Path:
    (folder / FILE).write_text(json.dumps({"attacks": attacks}))
    return folder


@pytest.fixture
def folder(tmp_path: Path, zoo: Bank, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Measurements of a root, of its child, and of a stranger, to be judged by the synthetic bank's own judge."""
    from provcheck.verdict.fitting import calibrate

    monkeypatch.setattr(attacked, "find_calibrations", calibrate)
    root = root_measurement(3)
    for name, one in (
        ("victim", root),
        ("tuned", child_of(root, "me/tuned", 0.2, seed=77)),
        ("other", root_measurement(60)),
    ):
        save_measurement(one, tmp_path / f"{name}.safetensors")
    return tmp_path


def test_each_panel_says_what_it_calls_the_pair(folder: Path, zoo: Bank) -> None:
    forged = LISTED | {"name": "forge-able", "aim": "forge", "model": "other.safetensors", "function": None}
    kept, lost = judge_attacks(listed(folder, LISTED, forged), zoo)
    assert set(kept.called) == set(lost.called) == {"able+likelihood", "able"}
    assert all(one.relation is Relation.DERIVED for one in kept.called.values())
    assert all(one.relation.independent for one in lost.called.values())
    lines = markdown((kept, lost)).splitlines()
    assert "| evade-able | root-3 | 0.5 | 0.01 | 0.002 | derived (" in lines[3]
    assert "| forge-able | root-3 | - | - | - | unrelated (" in lines[4]
    assert markdown(()) == ""


def test_a_list_that_cannot_be_read_is_an_error(folder: Path, zoo: Bank) -> None:
    with pytest.raises(BankError, match="there is no list of attacks"):
        judge_attacks(folder, zoo)
    with pytest.raises(BankError, match="is no list of attacks"):
        judge_attacks(listed(folder, LISTED | {"aim": "magic"}), zoo)
