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
from provcheck.verdict import find_calibrations
from provcheck.verdict.calibration import Calibration
from provcheck.verdict.fitting import READS as CANDIDATES
from provcheck.verdict.panels import FILE, Calibrations, describe, load_calibrations
from tests.synthetic import make_bank, make_probes
from tests.verdict.zoo import (
    ROOTS,
    calibrated,
    calibration_pairs,
    child_of,
    root_measurement,
)

CONTRAST_DISTANCE, KL = "able.contrast_distance", "likelihood.log_winsorised_kl"
READS = {machine: [name for name in names if not name.startswith("weights")] for machine, names in CANDIDATES.items()}
BOTH = "able+likelihood"


# The file


def test_round_trip(zoo: Bank, calibrations: Calibrations, tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_bytes(calibrations.save())
    again = load_calibrations(path)
    assert [one.signals for one in again.panels] == [("able", "likelihood"), ("able",)]
    for one, before in zip(again.panels, calibrations.panels, strict=True):
        assert_same(zoo, one, before)
    assert again.fits(zoo) and again.digest is not None
    assert again.save() == calibrations.save()


def assert_same(zoo: Bank, again: Calibration, before: Calibration) -> None:
    assert again.facts == before.facts
    for name in ("low", "high", "null_scores"):
        np.testing.assert_array_equal(getattr(again, name), getattr(before, name))
    assert set(again.null_features) == set(before.null_features)
    for name, values in before.null_features.items():
        np.testing.assert_array_equal(again.null_features[name], values)
    pairs = calibration_pairs(zoo)
    for name, here in before.machines.items():
        there, features = again.machines[name], pairs.columns(here.features)[::50]
        assert there.features == here.features
        np.testing.assert_array_equal(there.scores(features), here.scores(features))
        np.testing.assert_array_equal(
            there.probability_of(there.scores(features)), here.probability_of(here.scores(features))
        )
    assert set(again.machines) == {"related", "identical", "same_recipe"}


def test_the_file_holds_numbers_and_no_code(calibrations: Calibrations, tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_bytes(calibrations.save())
    assert {array.dtype for array in load_file(path).values()} == {np.dtype(np.float64)}


def changed_file(
    calibrations: Calibrations, path: Path, facts: dict[str, Any], drop: str = "", name: str = BOTH
) -> Path:
    """The file with other facts of the panel of both signals, or without one of its arrays, or with another name."""
    path.write_bytes(calibrations.save())
    arrays = {key: array for key, array in load_file(path).items() if key != f"{BOTH}.{drop}"}
    with safe_open(path, framework="numpy") as file:
        panels = json.loads(file.metadata()["facts"])["panels"]
    panels[name] = {**panels.pop(BOTH), **facts}
    save_file(arrays, path, metadata={"facts": json.dumps({"panels": panels})})
    return path


@pytest.mark.parametrize(
    ("facts", "drop", "message"),
    [
        ({"reads": {**READS, "related": ["able.centred_distance"]}}, "", r"null\.able\.centred_distance"),
        ({"reads": {**READS, "related": [KL, CONTRAST_DISTANCE]}}, "", r"null\.likelihood"),
        ({"reads": {"identical": [CONTRAST_DISTANCE]}}, "", "related"),
        ({"reads": {**READS, "merged": [CONTRAST_DISTANCE]}}, "", r"merged\.mean"),
        ({"reads": ["able.contrast_distance"]}, "", "reads"),
        ({"signals": {"able": "able/3"}}, "", "signals"),
        ({"signals": {}}, "", "states other signals"),
        ({"roots": 10}, "", "roots"),
        ({"new_in_version_2": 1}, "", "new_in_version_2"),
        ({}, "identical.weights", r"identical\.weights"),
        ({}, "null_scores", "null_scores"),
        ({}, "null.able.contrast_distance", r"null\.able\.contrast_distance"),
    ],
)
def test_a_file_of_another_version(
    calibrations: Calibrations, tmp_path: Path, facts: dict[str, Any], drop: str, message: str
) -> None:
    path = changed_file(calibrations, tmp_path / FILE, facts, drop)
    with pytest.raises(BankError, match=message) as error:
        load_calibrations(path)
    assert "cannot be used" in error.value.message and error.value.hint == "run `provcheck bank calibrate`"


@pytest.mark.parametrize("name", ["able", "likelihood", "likelihood+able", "able+likelihood+weights", ""])
def test_a_panel_of_another_name(calibrations: Calibrations, tmp_path: Path, name: str) -> None:
    with pytest.raises(BankError, match="states other signals"):
        load_calibrations(changed_file(calibrations, tmp_path / FILE, {}, name=name))


def test_a_file_without_panels(tmp_path: Path) -> None:
    """One of an older version, too."""
    older: list[dict[str, Any]] = [{"panels": {}}, {"bank": "zoo", "roots": []}, {}]
    for facts in older:
        save_file({"low": np.zeros(1)}, tmp_path / FILE, metadata={"facts": json.dumps(facts)})
        with pytest.raises(BankError, match="panels: "):
            load_calibrations(tmp_path / FILE)


def test_a_judge_that_reads_what_no_signal_gives_does_not_fit(
    zoo: Bank, calibrations: Calibrations, tmp_path: Path
) -> None:
    """Loaded as it is, it would find nothing to judge by and say so of every reference."""
    assert calibrations.fits(zoo)
    for second in ("likelihood.gap", "nothing.at_all", "able.paper_distance.x"):
        reads = {**READS, "same_recipe": [CONTRAST_DISTANCE, second]}
        found = load_calibrations(changed_file(calibrations, tmp_path / FILE, {"reads": reads}))
        assert found.largest.facts.features == (CONTRAST_DISTANCE, second)
        assert not found.fits(zoo) and found.panels[1].fits(zoo)
    part = {name: found for name, found in READS.items() if name != "identical"}
    assert not load_calibrations(changed_file(calibrations, tmp_path / FILE, {"reads": part})).fits(zoo)
    spoilt = replace(calibrations.largest, low=calibrations.largest.low[:1])
    bank = calibrated(zoo, tmp_path / "bank", Calibrations((spoilt, *calibrations.panels[1:])))
    with pytest.raises(BankError, match="the judge does not fit the bank 'zoo'") as error:
        find_calibrations(bank)
    assert error.value.hint == "run `provcheck bank calibrate`"


def test_a_judge_that_would_accuse_by_log_likelihoods_alone_does_not_fit(zoo: Bank, calibration: Calibration) -> None:
    """Nor one that a larger distance makes more sure."""
    kl = replace(calibration.machines["same_recipe"].trimmed(), features=(KL, CONTRAST_DISTANCE))
    reads = {**calibration.facts.reads, "related": kl.features}
    facts = calibration.facts.model_copy(update={"reads": reads})
    alone = replace(kl, features=(KL,), mean=kl.mean[:1], scale=kl.scale[:1], weights=kl.weights[:1])
    nulls = {KL: calibration.null_scores}
    by_kl = replace(calibration, facts=facts, machines={**calibration.machines, "related": alone}, null_features=nulls)
    assert not by_kl.fits(zoo)
    turned = replace(calibration.related, weights=-calibration.related.weights)
    assert calibration.fits(zoo)
    assert not replace(calibration, machines={**calibration.machines, "related": turned}).fits(zoo)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x08" + b"\0" * 7 + b"{}      "])
def test_what_is_no_such_file(content: bytes, tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(content)
    with pytest.raises(BankError, match="cannot be used"):
        load_calibrations(tmp_path / FILE)


# In a bank


def test_a_changed_judge_is_refused(zoo: Bank, calibrations: Calibrations, tmp_path: Path) -> None:
    bank = calibrated(zoo, tmp_path / "bank", calibrations)
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


def test_the_audit_of_a_bank_with_a_judge(zoo: Bank, calibrations: Calibrations, tmp_path: Path) -> None:
    bank = calibrated(zoo, tmp_path / "bank", calibrations)
    subject = tmp_path / "subject.safetensors"
    save_measurement(child_of(root_measurement(2), "me/tune", 0.2, seed=77), subject)
    report = audit(str(subject), AuditOptions(bank=str(bank.folder)))
    assert (report.verdict.relation, report.verdict.reference) == (Relation.DERIVED, "org/root-2")
    assert report.judge.name == describe(calibrations.panels[:1], "zoo")
    assert [one.accuse_above for one in report.judge.panels] == [calibrations.largest.facts.accuse_above]
    assert report.digests.judge == bank.manifest.files[FILE]
    assert report.verdict.p_value is not None and report.verdict.p_value < 0.2


def test_calibrate_on_the_command_line(zoo: Bank, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shutil.copytree(zoo.folder, tmp_path / "bank")
    assert run(["bank", "calibrate", str(folder)]) == 0
    said = capsys.readouterr().out
    bank = load_bank(str(folder))
    assert bank.manifest.digest != zoo.manifest.digest and bank.manifest.digest in said
    assert "SVM calibrated on zoo: by ABLE and log-likelihood" in said and f"({ROOTS} roots, " in said
    found = find_calibrations(bank)
    assert found is not None and describe(found.panels, "zoo") in said
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
def shipped(zoo: Bank, calibrations: Calibrations, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bank:
    """The synthetic bank with its judge, as the bank that ships."""
    bank = calibrated(zoo, tmp_path / "shipped", calibrations)
    monkeypatch.setattr(data, "DEFAULT_BANK", "shipped")
    monkeypatch.setattr(data, "banks", lambda: {"shipped": bank.folder})
    return bank


def test_the_shipped_judge_serves_a_bank_made_the_same_way(shipped: Bank, tmp_path: Path) -> None:
    found = find_calibrations(make_bank(tmp_path / "mine"))
    assert found is not None and found.bank == shipped.manifest.name


def test_the_shipped_judge_serves_no_other_probe_set(shipped: Bank, tmp_path: Path) -> None:
    assert find_calibrations(make_bank(tmp_path / "mine", probes=make_probes("others"))) is None


def test_the_shipped_panels_serve_as_far_as_a_bank_was_measured_like_them(shipped: Bank) -> None:
    """A bank lacks one of the signals, has another version of it, or one more."""
    signals = shipped.manifest.signals
    older = {name: one.model_copy(update={"version": f"{name}/0"}) for name, one in signals.items()}
    more = {**signals, "weights": signals["able"].model_copy(update={"version": "weights/1"})}
    for named, served in (
        (more, [("able", "likelihood"), ("able",)]),
        ({"able": signals["able"]}, [("able",)]),
        ({**signals, "likelihood": older["likelihood"]}, [("able",)]),
        ({**signals, "able": older["able"]}, []),
        ({"likelihood": signals["likelihood"]}, []),
    ):
        other = shipped.manifest.model_copy(update={"signals": named, "files": {}})
        found = find_calibrations(replace(shipped, manifest=other))
        assert [one.signals for one in found.panels] == served if found else not served


def test_a_banks_own_judge_comes_first(shipped: Bank, calibrations: Calibrations, tmp_path: Path) -> None:
    own = [replace(one, facts=one.facts.model_copy(update={"bank": "mine"})) for one in calibrations.panels]
    bank = make_bank(tmp_path / "mine")
    add_file(bank, FILE, Calibrations(tuple(own)).save())
    found = find_calibrations(load_bank(str(bank.folder)))
    assert found is not None and found.bank == "mine"
    assert find_calibrations(shipped) is not None


def test_without_any_judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    plain = make_bank(tmp_path / "plain")
    for banks in ({}, {data.DEFAULT_BANK: plain.folder}):
        monkeypatch.setattr(data, "banks", lambda banks=banks: banks)
        assert find_calibrations(plain) is None
