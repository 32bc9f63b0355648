"""The calibration of a bank: what it is fitted on, its file, and the bound that it states."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from scipy.stats import binomtest

from provcheck import AuditOptions, audit, data, save_measurement
from provcheck.bank import Bank, load_bank
from provcheck.bank.folder import verify_bank
from provcheck.bank.writing import add_file
from provcheck.cli import run
from provcheck.errors import BankError
from provcheck.types import Relation
from provcheck.verdict import find_calibration
from provcheck.verdict.calibration import (
    FILE,
    NOT_ACQUITTED,
    Calibration,
    calibrate,
    load_calibration,
    wilson_interval,
)
from provcheck.verdict.features import NAMES, Space
from provcheck.verdict.judge import describe
from provcheck.verdict.training import Pairs, documented_pairs
from tests.synthetic import make_bank, make_probes
from tests.verdict.zoo import (
    CHILDREN,
    HELD_OUT,
    ROOTS,
    Model,
    child_of,
    line_of,
    make_zoo,
    root_measurement,
    zoo_models,
)


def calibrated(bank: Bank, folder: Path, calibration: Calibration) -> Bank:
    """A copy of the bank that carries this judge."""
    shutil.copytree(bank.folder, folder)
    add_file(load_bank(str(folder)), FILE, calibration.save())
    return load_bank(str(folder))


def calibration_pairs(bank: Bank, calibration: Calibration) -> Pairs:
    rows = [row for row, reference in enumerate(bank.references) if reference.split == "calibration"]
    return documented_pairs(bank, calibration.space, rows)


# What it is fitted on


def test_the_facts_count_what_it_was_fitted_on(zoo: Bank, calibration: Calibration) -> None:
    facts, pairs = calibration.facts, calibration_pairs(zoo, calibration)
    assert facts.roots == tuple(f"org/root-{n}" for n in range(ROOTS))
    assert (facts.bank, facts.algorithm, facts.features) == ("zoo", zoo.manifest.algorithm, NAMES)
    assert facts.probes_digest == zoo.manifest.probes_digest
    assert facts.independent_pairs == (~pairs.related).sum()
    assert facts.related_pairs == pairs.related.sum()
    assert facts.false_accusation_upper == wilson_interval(0, facts.independent_pairs)[1]
    assert (calibration.low <= pairs.features).all() and (pairs.features <= calibration.high).all()
    distances = pairs.features[~pairs.related, NAMES.index("contrast_distance")]
    np.testing.assert_array_equal(calibration.null_distances, np.sort(distances))
    assert f"{ROOTS} roots, {facts.related_pairs} related pairs" in describe(calibration)
    assert f"beyond all {facts.independent_pairs} independent pairs" in describe(calibration)


def test_no_independent_pair_is_accused_and_the_nearest_are_not_acquitted(zoo: Bank, calibration: Calibration) -> None:
    facts, pairs = calibration.facts, calibration_pairs(zoo, calibration)
    scores = calibration.related.scores(pairs.features)[~pairs.related]
    assert not (scores > facts.accuse_score).any()
    assert facts.acquit_score <= facts.accuse_score and facts.accuse_score >= 0
    assert (scores > facts.acquit_score).mean() <= NOT_ACQUITTED


def test_held_out_references_take_no_part(zoo: Bank, calibration: Calibration) -> None:
    held = np.array([reference.split == "held-out" for reference in zoo.references])
    assert held.sum() == HELD_OUT * (1 + len(CHILDREN))
    changed = {}
    for name in ("contrast_blocks", "paper_blocks", "loglik_nats"):
        changed[name] = getattr(zoo, name).copy()
        changed[name][held] = 3 * changed[name][held][::-1] - 50
    assert calibrate(replace(zoo, **changed)).save() == calibration.save()


def test_the_same_every_time(zoo: Bank, calibration: Calibration) -> None:
    assert calibrate(zoo).save() == calibration.save()


# What it needs


def test_too_few_roots(tmp_path: Path) -> None:
    models = [model for number in range(7) for model in line_of(number)]
    with pytest.raises(BankError, match="at least 8 independent roots; the bank documents 7"):
        calibrate(make_zoo(tmp_path / "bank", models))


def test_too_few_pairs(tmp_path: Path) -> None:
    models = [line_of(number)[0] for number in range(9)]
    expected = "at least 100 independent and 30 related pairs; the bank documents 36 and 0"
    with pytest.raises(BankError, match=expected):
        calibrate(make_zoo(tmp_path / "bank", models))


def test_too_few_texts_leave_no_pairs(zoo: Bank) -> None:
    loglik = zoo.loglik_nats.copy()
    loglik[:, 10:] = np.nan
    with pytest.raises(BankError, match="the bank documents 0 and 0"):
        calibrate(replace(zoo, loglik_nats=loglik))


def only(keep: Callable[[Model], bool]) -> list[Model]:
    return [model for model in zoo_models() if keep(model)]


def own_family(model: Model) -> Model:
    reference, measurement = model
    name = (reference.parents or (reference.id,))[0]
    return reference.model_copy(update={"family": name}), measurement


@pytest.mark.parametrize(
    ("models", "missing"),
    [
        (only(lambda model: model[0].mechanism != "quantize"), "identical"),
        ([own_family(model) for model in zoo_models()], "same-recipe"),
    ],
)
def test_a_relation_that_no_pair_documents(models: list[Model], missing: str, tmp_path: Path) -> None:
    with pytest.raises(BankError, match=f"pairs of every relation; the bank documents none {missing}"):
        calibrate(make_zoo(tmp_path / "bank", models))


# The file


def test_round_trip(zoo: Bank, calibration: Calibration, tmp_path: Path) -> None:
    path = tmp_path / FILE
    path.write_bytes(calibration.save())
    again = load_calibration(path)
    assert again.facts == calibration.facts
    for field in fields(Space):
        np.testing.assert_array_equal(getattr(again.space, field.name), getattr(calibration.space, field.name))
    for name in ("low", "high", "null_distances"):
        np.testing.assert_array_equal(getattr(again, name), getattr(calibration, name))
    features = calibration_pairs(zoo, calibration).features[::50]
    for machine in ("related", "identical", "same_recipe"):
        there, here = getattr(again, machine), getattr(calibration, machine)
        np.testing.assert_array_equal(there.probabilities(features), here.probabilities(features))
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
        ({"features": ["contrast_distance"]}, "", "it was fitted on other features"),
        ({"features": list(reversed(NAMES))}, "", "it was fitted on other features"),
        ({"roots": 10}, "", "roots"),
        ({"new_in_version_2": 1}, "", "new_in_version_2"),
        ({}, "identical.weights", r"identical\.weights"),
        ({}, "space.loglik_known", r"space\.loglik_known"),
    ],
)
def test_a_file_of_another_version(
    calibration: Calibration, tmp_path: Path, facts: dict[str, Any], drop: str, message: str
) -> None:
    path = changed_file(calibration, tmp_path / FILE, facts, drop)
    with pytest.raises(BankError, match=message) as error:
        load_calibration(path)
    assert "cannot be used" in error.value.message and error.value.hint == "run `provcheck bank calibrate`"


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
    assert report.bank.judge == describe(calibration)
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
    other = shipped.manifest.model_copy(update={"algorithm": "able-kl/0", "files": {}})
    assert find_calibration(replace(shipped, manifest=other)) is None


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


# The bound


@pytest.mark.parametrize(
    ("events", "trials", "low", "high"),
    [(0, 100, 0.0, 0.0370), (50, 100, 0.4038, 0.5962), (1, 10, 0.0179, 0.4042), (10, 10, 0.7225, 1.0)],
)
def test_known_intervals(events: int, trials: int, low: float, high: float) -> None:
    assert wilson_interval(events, trials) == pytest.approx((low, high), abs=5e-5)


def test_of_nothing_nothing_is_known() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)


@given(st.integers(1, 5000).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials))))
def test_intervals_are_wilsons(case: tuple[int, int]) -> None:
    events, trials = case
    low, high = wilson_interval(events, trials)
    assert 0 <= low <= events / trials + 1e-12 and events / trials - 1e-12 <= high <= 1
    reference = binomtest(events, trials).proportion_ci(0.95, method="wilson")
    assert (low, high) == pytest.approx((reference.low, reference.high), abs=1e-4)
    assert wilson_interval(trials - events, trials) == pytest.approx((1 - high, 1 - low), abs=1e-12)
