"""The calibration of a bank: what it is fitted on, its file, and the bound that it states."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from provcheck import AuditOptions, audit, save_measurement
from provcheck.bank import Bank, load_bank
from provcheck.bank.folder import verify_bank
from provcheck.bank.writing import add_file
from provcheck.cli import run
from provcheck.errors import BankError
from provcheck.io import data
from provcheck.signals.able.values import CONTRAST, PAPER
from provcheck.signals.likelihood.values import LOGLIK
from provcheck.types import Relation
from provcheck.verdict import calibration as module
from provcheck.verdict import find_calibration
from provcheck.verdict.calibration import (
    FILE,
    NOT_ACQUITTED,
    READS,
    Calibration,
    calibrate,
    load_calibration,
    rate_interval,
)
from provcheck.verdict.judge import CalibratedJudge, describe
from provcheck.verdict.svm import fit_svm
from provcheck.verdict.training import Pairs, documented_pairs, out_of_fold_scores
from tests.synthetic import make_bank, make_probes, stacked
from tests.verdict.zoo import (
    CHILDREN,
    HELD_OUT,
    ROOTS,
    Model,
    child_of,
    line_of,
    make_zoo,
    root_measurement,
    with_stacked,
    zoo_models,
)

CONTRAST_DISTANCE, KL = "able.contrast_distance", "likelihood.log_winsorised_kl"


def calibrated(bank: Bank, folder: Path, calibration: Calibration) -> Bank:
    """A copy of the bank that carries this judge."""
    shutil.copytree(bank.folder, folder)
    add_file(load_bank(str(folder)), FILE, calibration.save())
    return load_bank(str(folder))


def calibration_pairs(bank: Bank) -> Pairs:
    return documented_pairs(bank).among(
        [row for row, reference in enumerate(bank.references) if reference.split == "calibration"]
    )


# What it is fitted on


def test_the_facts_count_what_it_was_fitted_on(zoo: Bank, calibration: Calibration) -> None:
    facts, pairs = calibration.facts, calibration_pairs(zoo)
    assert facts.roots == tuple(f"org/root-{n}" for n in range(ROOTS))
    assert (facts.bank, facts.features) == ("zoo", (CONTRAST_DISTANCE, KL))
    assert facts.reads == READS == {name: machine.features for name, machine in calibration.machines.items()}
    assert facts.signals == {name: zoo.manifest.bases[name] for name in ("able", "likelihood")}
    assert facts.independent_pairs == (~pairs.related).sum()
    assert facts.related_pairs == pairs.related.sum()
    assert facts.false_accusation_upper == rate_interval(0, facts.independent_pairs)[1]
    columns = pairs.columns(facts.features)
    assert (calibration.low == columns.min(axis=0)).all() and (columns.max(axis=0) == calibration.high).all()
    distances = pairs.columns([CONTRAST_DISTANCE])[~pairs.related]
    assert set(calibration.null_features) == {CONTRAST_DISTANCE}
    np.testing.assert_array_equal(calibration.null_features[CONTRAST_DISTANCE], np.sort(distances[:, 0]))
    np.testing.assert_array_equal(calibration.null_scores, np.sort(calibration.related.scores(distances)))
    assert f"{ROOTS} roots, {facts.related_pairs} related pairs" in describe(calibration)
    assert f"beyond all {facts.independent_pairs} independent pairs" in describe(calibration)


def test_no_independent_pair_is_accused_and_the_nearest_are_not_acquitted(zoo: Bank, calibration: Calibration) -> None:
    facts, pairs = calibration.facts, calibration_pairs(zoo)
    scores = calibration.related.scores(pairs.columns([CONTRAST_DISTANCE]))[~pairs.related]
    assert not (scores > facts.accuse_above).any()
    assert facts.acquit_up_to <= facts.accuse_above
    assert calibration.related.probability_of(facts.accuse_above) >= 0.5 - 1e-9
    assert (scores > facts.acquit_up_to).mean() <= NOT_ACQUITTED


def test_what_is_accused_is_more_probably_related_than_not(zoo: Bank) -> None:
    """Where independent pairs lie far off, the threshold is not the nearest of them but even odds."""
    contrast = stacked(zoo, CONTRAST).copy()
    orthogonal = np.linalg.qr(np.random.default_rng(1).normal(size=(64, 64)))[0]
    for row, reference in enumerate(zoo.references):
        root = next(iter(sorted(zoo.ancestry.roots(reference.id))))
        number = int(root.rpartition("-")[2])
        contrast[row] = orthogonal[number] + 1.5 * orthogonal[20 + row % 40] * bool(reference.parents)
    found = calibrate(with_stacked(zoo, {CONTRAST: contrast}))
    highest = found.null_scores[-1]
    assert found.facts.accuse_above > highest
    assert found.related.probability_of(found.facts.accuse_above) == pytest.approx(0.5)


def test_held_out_references_take_no_part(zoo: Bank, calibration: Calibration) -> None:
    """Whatever they hold; only the floor of the log-likelihoods is that of the whole bank, here the same."""
    held = np.array([reference.split == "held-out" for reference in zoo.references])
    assert held.sum() == HELD_OUT * (1 + len(CHILDREN))
    changed = {}
    for name in (CONTRAST, PAPER, LOGLIK):
        changed[name] = stacked(zoo, name).copy()
        changed[name][held] = 3 * changed[name][held][::-1] - 50
    floors = {name: zoo.frame(name) for name in zoo.stacks}
    bank = replace(with_stacked(zoo, changed), _frames=floors)
    assert calibrate(bank).save() == calibration.save()


def test_pairs_that_are_known_already_are_not_computed_again(
    zoo: Bank, calibration: Calibration, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = documented_pairs(zoo)
    monkeypatch.delattr(module, "documented_pairs")
    assert calibrate(zoo, pairs=pairs).save() == calibration.save()


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
    loglik = stacked(zoo, LOGLIK).copy()
    loglik[:, 10:] = np.nan
    with pytest.raises(BankError, match="the bank documents 0 and 0"):
        calibrate(with_stacked(zoo, {LOGLIK: loglik}))


def test_a_bank_without_the_signal_that_shows_descent(zoo: Bank) -> None:
    bank = replace(zoo, stacks={"likelihood": zoo.stacks["likelihood"]})
    with pytest.raises(BankError, match=r"a judge reads able\.contrast_distance, which the bank was not measured by"):
        calibrate(bank)


def test_a_bank_without_log_likelihoods(zoo: Bank, calibration: Calibration) -> None:
    """Recipes are then told by the other signal alone; kin are told as before."""
    found = calibrate(replace(zoo, stacks={"able": zoo.stacks["able"]}))
    assert found.facts.features == (CONTRAST_DISTANCE,) == found.facts.reads["same_recipe"]
    assert list(found.facts.signals) == ["able"]
    assert found.facts.accuse_above == calibration.facts.accuse_above
    np.testing.assert_array_equal(found.null_scores, calibration.null_scores)
    assert found.fits(zoo), "a bank may have signals that a judge does not read"


def test_a_judge_of_several_features(zoo: Bank, tmp_path: Path) -> None:
    """The curve goes through out-of-fold scores; the file and the report hold what independent pairs look like."""
    several = (CONTRAST_DISTANCE, "able.paper_distance", KL)
    found = calibrate(zoo, reads={**READS, "related": several})
    assert found.facts.features == several and set(found.null_features) == set(several)
    pairs = calibration_pairs(zoo).measured(several)
    scores = out_of_fold_scores(zoo, pairs, several, pairs.related)
    assert found.related.sigmoid == fit_svm(pairs.columns(several), pairs.related, several, scores).sigmoid
    assert found.related.sigmoid != fit_svm(pairs.columns(several), pairs.related, several).sigmoid
    (tmp_path / FILE).write_bytes(found.save())
    again = load_calibration(tmp_path / FILE)
    assert again.save() == found.save() and again.fits(zoo)
    null = CalibratedJudge(again, len(zoo.references), 0.01).facts.null
    assert list(null) == list(several)
    for name, weight in zip(several, found.related.weights, strict=True):
        extreme = found.null_features[name][-1 if weight > 0 else 0]
        assert null[name].nearest == extreme and sum(null[name].counts) == found.facts.independent_pairs


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


# The bound


def literal_wilson(events: int, trials: int) -> tuple[float, float]:
    """Wilson (1927): the rates whose distance from the observed one is 1.96 of their own standard deviations."""
    z = 1.959963984540054
    rate = events / trials
    centre = (rate + z**2 / (2 * trials)) / (1 + z**2 / trials)
    half = z / (1 + z**2 / trials) * math.sqrt(rate * (1 - rate) / trials + z**2 / (4 * trials**2))
    return centre - half, centre + half


@pytest.mark.parametrize(
    ("events", "trials", "low", "high"),
    [(0, 100, 0.0, 0.0370), (50, 100, 0.4038, 0.5962), (1, 10, 0.0179, 0.4042), (10, 10, 0.7225, 1.0)],
)
def test_known_intervals(events: int, trials: int, low: float, high: float) -> None:
    assert rate_interval(events, trials) == pytest.approx((low, high), abs=5e-5)


def test_of_nothing_nothing_is_known() -> None:
    assert rate_interval(0, 0) == (0.0, 1.0)


@given(st.integers(1, 5000).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials))))
def test_intervals_are_wilsons(case: tuple[int, int]) -> None:
    events, trials = case
    low, high = rate_interval(events, trials)
    assert 0 <= low <= events / trials + 1e-12 and events / trials - 1e-12 <= high <= 1
    assert (low, high) == pytest.approx(literal_wilson(events, trials), abs=1e-9)
    assert rate_interval(trials - events, trials) == pytest.approx((1 - high, 1 - low), abs=1e-12)
