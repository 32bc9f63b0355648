"""judge.safetensors: what is written comes back, nothing else is taken for it, and whose judge a bank uses."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from provcheck import AuditOptions, audit, save_measurement
from provcheck.bank import Bank, load_bank
from provcheck.bank.folder import verify_bank
from provcheck.bank.saving import add_file
from provcheck.cli import run
from provcheck.errors import BankError
from provcheck.io import data
from provcheck.types import Relation
from provcheck.verdict import find_calibration
from provcheck.verdict.calibration import (
    FILE,
    READS,
    Calibration,
    load_calibration,
)
from provcheck.verdict.judge import describe
from tests.synthetic import make_bank, make_probes
from tests.verdict.zoo import (
    ROOTS,
    calibrated,
    calibration_pairs,
    child_of,
    root_measurement,
)

CONTRAST_DISTANCE, KL = "able.contrast_distance", "likelihood.log_winsorised_kl"


# The file


def test_round_trip(zoo: Bank, calibration: Calibration, tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_bytes(calibration.save())
    again = load_calibration(path)
    assert again.facts == calibration.facts
    for name in ("low", "high", "null_scores"):
        np.testing.assert_array_equal(getattr(again, name), getattr(calibration, name))
    assert set(again.null_features) == set(calibration.null_features)
    for name, values in calibration.null_features.items():
        np.testing.assert_array_equal(again.null_features[name], values)
    pairs = calibration_pairs(zoo)
    for name, here in calibration.machines.items():
        there, features = again.machines[name], pairs.columns(here.features)[::50]
        assert there.features == here.features
        np.testing.assert_array_equal(there.scores(features), here.scores(features))
        np.testing.assert_array_equal(
            there.probability_of(there.scores(features)), here.probability_of(here.scores(features))
        )
    assert set(again.machines) == {"related", "identical", "same_recipe"}
    assert again.fits(zoo)
    assert again.save() == calibration.save()


def test_the_file_holds_numbers_and_no_code(calibration: Calibration, tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_bytes(calibration.save())
    assert {array.dtype for array in load_file(path).values()} == {np.dtype(np.float64)}


def changed_file(calibration: Calibration, path: Path, facts: dict[str, Any], drop: str = "") -> Path:
    """The file with other facts, or without one array."""
    path.write_bytes(calibration.save())
    arrays = {name: array for name, array in load_file(path).items() if name != drop}
    with safe_open(path, framework="numpy") as file:
        written = {**json.loads(file.metadata()["facts"]), **facts}
    save_file(arrays, path, metadata={"facts": json.dumps(written)})
    return path


@pytest.mark.parametrize(
    ("facts", "drop", "message"),
    [
        ({"reads": {**READS, "related": ["able.centred_distance"]}}, "", r"null\.able\.centred_distance"),
        ({"reads": {**READS, "related": [KL, CONTRAST_DISTANCE]}}, "", r"null\.likelihood"),
        ({"reads": {"identical": [CONTRAST_DISTANCE]}}, "", "related"),
        ({"reads": {**READS, "merged": [CONTRAST_DISTANCE]}}, "", r"merged\.mean"),
        ({"reads": ["able.contrast_distance"]}, "", "reads"),
        ({"signals": {"able": "able/2"}}, "", "signals"),
        ({"roots": 10}, "", "roots"),
        ({"new_in_version_2": 1}, "", "new_in_version_2"),
        ({}, "identical.weights", r"identical\.weights"),
        ({}, "null_scores", "null_scores"),
        ({}, "null.able.contrast_distance", r"null\.able\.contrast_distance"),
    ],
)
def test_a_file_of_another_version(
    calibration: Calibration, tmp_path: Path, facts: dict[str, Any], drop: str, message: str
) -> None:
    path = changed_file(calibration, tmp_path / FILE, facts, drop)
    with pytest.raises(BankError, match=message) as error:
        load_calibration(path)
    assert "cannot be used" in error.value.message and error.value.hint == "run `provcheck bank calibrate`"


def test_a_judge_that_reads_what_no_signal_gives_does_not_fit(
    zoo: Bank, calibration: Calibration, tmp_path: Path
) -> None:
    """Loaded as it is, it would find nothing to judge by and say so of every reference."""
    assert calibration.fits(zoo)
    for second in ("likelihood.gap", "nothing.at_all", "able.paper_distance.x"):
        reads = {**READS, "same_recipe": [CONTRAST_DISTANCE, second]}
        found = load_calibration(changed_file(calibration, tmp_path / FILE, {"reads": reads}))
        assert found.facts.features == (CONTRAST_DISTANCE, second)
        assert not found.fits(zoo)
    part = {name: found for name, found in READS.items() if name != "identical"}
    assert not load_calibration(changed_file(calibration, tmp_path / FILE, {"reads": part})).fits(zoo)
    fewer = {"signals": {"able": zoo.manifest.bases["able"].model_dump()}}
    assert not load_calibration(changed_file(calibration, tmp_path / FILE, fewer)).fits(zoo)
    bank = calibrated(zoo, tmp_path / "bank", replace(calibration, low=calibration.low[:1]))
    with pytest.raises(BankError, match="the judge does not fit the bank 'zoo'") as error:
        find_calibration(bank)
    assert error.value.hint == "run `provcheck bank calibrate`"


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x08" + b"\0" * 7 + b"{}      "])
def test_what_is_no_such_file(content: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(BankError, match="cannot be used"):
        load_calibration(tmp_path / FILE)


# In a bank


def test_a_changed_judge_is_refused(zoo: Bank, calibration: Calibration, tmp_path: Path) -> None:
    bank = calibrated(zoo, tmp_path / "bank", calibration)
    assert bank.checked_file(FILE) == bank.folder / FILE
    verify_bank(str(bank.folder))
    content = bytearray((bank.folder / FILE).read_bytes())
    content[-1] ^= 1
    (bank.folder / FILE).write_bytes(content)
    with pytest.raises(BankError, match=r"judge\.safetensors of bank 'zoo' was changed"):
        bank.checked_file(FILE)
    subject = tmp_path / "subject.safetensors"
    save_measurement(root_measurement(90), subject)
    with pytest.raises(BankError, match="was changed"):
        audit(str(subject), AuditOptions(bank=str(bank.folder)))


def test_the_audit_of_a_bank_with_a_judge(zoo: Bank, calibration: Calibration, tmp_path: Path) -> None:
    bank = calibrated(zoo, tmp_path / "bank", calibration)
    subject = tmp_path / "subject.safetensors"
    save_measurement(child_of(root_measurement(2), "me/tune", 0.2, seed=77), subject)
    report = audit(str(subject), AuditOptions(bank=str(bank.folder)))
    assert (report.verdict.relation, report.verdict.reference) == (Relation.DERIVED, "org/root-2")
    assert report.judge.name == describe(calibration)
    assert report.judge.accuse_above == calibration.facts.accuse_above
    assert report.digests.judge == bank.manifest.files[FILE]
    assert report.verdict.p_value is not None and report.verdict.p_value < 0.2


def test_calibrate_on_the_command_line(zoo: Bank, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shutil.copytree(zoo.folder, tmp_path / "bank")
    assert run(["bank", "calibrate", str(folder)]) == 0
    said = capsys.readouterr().out
    bank = load_bank(str(folder))
    assert bank.manifest.digest != zoo.manifest.digest and bank.manifest.digest in said
    assert f"SVM calibrated on zoo ({ROOTS} roots" in said
    found = find_calibration(bank)
    assert found is not None and describe(found) in said
    verify_bank(str(folder))
    assert run(["bank", "calibrate", str(folder)]) == 0
    assert load_bank(str(folder)).manifest == bank.manifest


def test_a_bank_that_is_too_small_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bank = make_bank(tmp_path / "bank")
    assert run(["bank", "calibrate", str(bank.folder)]) == 4
    assert "at least 8 independent roots; the bank documents 5" in capsys.readouterr().err
    assert load_bank(str(bank.folder)).manifest == bank.manifest


# Whose judge


@pytest.fixture
def shipped(zoo: Bank, calibration: Calibration, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bank:
    """The synthetic bank with its judge, as the bank that ships."""
    bank = calibrated(zoo, tmp_path / "shipped", calibration)
    monkeypatch.setattr(data, "DEFAULT_BANK", "shipped")
    monkeypatch.setattr(data, "banks", lambda: {"shipped": bank.folder})
    return bank


def test_the_shipped_judge_serves_a_bank_made_the_same_way(shipped: Bank, tmp_path: Path) -> None:
    found = find_calibration(make_bank(tmp_path / "mine"))
    assert found is not None and found.facts.bank == shipped.manifest.name


def test_the_shipped_judge_serves_no_other_probe_set(shipped: Bank, tmp_path: Path) -> None:
    assert find_calibration(make_bank(tmp_path / "mine", probes=make_probes("others"))) is None
    for signal in ("able", "likelihood"):
        older = shipped.manifest.signals[signal].model_copy(update={"version": f"{signal}/0"})
        signals = {**shipped.manifest.signals, signal: older}
        other = shipped.manifest.model_copy(update={"signals": signals, "files": {}})
        assert find_calibration(replace(shipped, manifest=other)) is None


def test_a_further_signal_takes_no_judge_away(shipped: Bank) -> None:
    """The judge goes by the signals that it reads; a bank lacks one of them, or has one more."""
    signals = shipped.manifest.signals
    more = {**signals, "weights": signals["able"].model_copy(update={"version": "weights/1"})}
    for named, served in ((more, True), ({"able": signals["able"]}, False)):
        other = shipped.manifest.model_copy(update={"signals": named, "files": {}})
        assert (find_calibration(replace(shipped, manifest=other)) is not None) == served


def test_a_banks_own_judge_comes_first(shipped: Bank, calibration: Calibration, tmp_path: Path) -> None:
    own = replace(calibration, facts=calibration.facts.model_copy(update={"bank": "mine"}))
    bank = make_bank(tmp_path / "mine")
    add_file(bank, FILE, own.save())
    found = find_calibration(load_bank(str(bank.folder)))
    assert found is not None and found.facts.bank == "mine"
    assert find_calibration(shipped) is not None


def test_without_any_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = make_bank(tmp_path / "plain")
    for banks in ({}, {data.DEFAULT_BANK: plain.folder}):
        monkeypatch.setattr(data, "banks", lambda banks=banks: banks)
        assert find_calibration(plain) is None
