"""The calibration of a bank: what it is fitted on, its file, and the bound that it states."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provcheck.bank import Bank
from provcheck.comparison import compare
from provcheck.errors import BankError
from provcheck.signals.able.values import CONTRAST, PAPER, SHARED_START_DISTANCE
from provcheck.signals.likelihood.values import LOGLIK
from provcheck.types import Relation
from provcheck.verdict import fitting as module
from provcheck.verdict.calibration import Calibration
from provcheck.verdict.fitting import NOT_ACQUITTED, READS, calibrate, fit_panel, rate_interval
from provcheck.verdict.judge import CalibratedJudge
from provcheck.verdict.panels import FILE, Calibrations, describe, load_calibrations
from provcheck.verdict.svm import fit_svm
from provcheck.verdict.training import documented_pairs, out_of_fold_scores
from tests.synthetic import row_of, stacked
from tests.verdict.zoo import (
    CHILDREN,
    HELD_OUT,
    ROOTS,
    Model,
    calibration_pairs,
    line_of,
    make_zoo,
    with_stacked,
    zoo_models,
)

BOTH = ("able", "likelihood")
CONTRAST_DISTANCE, KL = "able.contrast_distance", "likelihood.log_winsorised_kl"


# What it is fitted on


def test_the_facts_count_what_it_was_fitted_on(zoo: Bank, calibration: Calibration) -> None:
    facts, pairs = calibration.facts, calibration_pairs(zoo)
    assert facts.roots == tuple(f"org/root-{n}" for n in range(ROOTS))
    assert (facts.bank, facts.features) == ("zoo", (CONTRAST_DISTANCE, KL))
    assert facts.reads == {name: machine.features for name, machine in calibration.machines.items()}
    assert facts.reads == {"related": (CONTRAST_DISTANCE,), "identical": (CONTRAST_DISTANCE,), "same_recipe": (KL,)}
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
    said = describe([calibration], "zoo")
    assert f"{ROOTS} roots, {facts.related_pairs} related pairs" in said
    assert f"by ABLE and log-likelihood it accuses only beyond all {facts.independent_pairs} independent pairs" in said


def test_no_independent_pair_is_accused_and_the_nearest_are_not_acquitted(zoo: Bank, calibration: Calibration) -> None:
    facts, pairs = calibration.facts, calibration_pairs(zoo)
    scores = calibration.related.scores(pairs.columns([CONTRAST_DISTANCE]))[~pairs.related]
    assert not (scores > facts.accuse_above).any()
    assert facts.acquit_up_to <= facts.accuse_above
    assert calibration.related.probability_of(facts.accuse_above) >= 0.5 - 1e-9
    assert (scores > facts.acquit_up_to).mean() <= NOT_ACQUITTED


def test_nobody_is_accused_by_what_models_of_one_start_may_reach(zoo: Bank) -> None:
    """Where independent pairs lie far off, the threshold is not the nearest of them, but what others may reach."""
    contrast = stacked(zoo, CONTRAST).copy()
    orthogonal = np.linalg.qr(np.random.default_rng(1).normal(size=(64, 64)))[0]
    for row, reference in enumerate(zoo.references):
        root = next(iter(sorted(zoo.ancestry.roots(reference.id))))
        number = int(root.rpartition("-")[2])
        contrast[row] = orthogonal[number] + 1.5 * orthogonal[20 + row % 40] * bool(reference.parents)
    found = calibrate(with_stacked(zoo, {CONTRAST: contrast})).largest
    highest = found.null_scores[-1]
    assert found.facts.accuse_above > highest
    assert found.facts.accuse_above == pytest.approx(found.related.score({CONTRAST_DISTANCE: SHARED_START_DISTANCE}))
    assert found.related.probability_of(found.facts.accuse_above) >= 0.5


def test_a_copy_is_ruled_out_only_by_all_that_tells(zoo: Bank, calibration: Calibration) -> None:
    """Between the least alike copy and the most alike stranger; no copy that it was fitted on is ruled out."""
    pairs = calibration_pairs(zoo)
    copies = np.array([one is Relation.IDENTICAL for one in pairs.relations])
    [limit] = calibration.facts.copy_limits.values()
    distances = pairs.columns([CONTRAST_DISTANCE])[:, 0]
    assert limit == pytest.approx((distances[copies].max() + distances[~pairs.related].min()) / 2)
    ruled_out = calibration.rules_out_copies(distances[:, None])
    assert not ruled_out[copies].any() and ruled_out[~pairs.related].all()
    two = replace(
        calibration,
        facts=calibration.facts.model_copy(
            update={"copy_limits": {CONTRAST_DISTANCE: limit, "weights.kin_match": 0.5}}
        ),
    )
    far, near = limit + 0.1, limit - 0.1
    for distance, match, expected in ((far, 0.4, True), (far, 0.6, False), (near, 0.4, False), (limit, 0.4, False)):
        assert two.rules_out_copy({CONTRAST_DISTANCE: distance, "weights.kin_match": match}) == expected


def test_where_copies_and_strangers_overlap_no_copy_is_ruled_out(zoo: Bank) -> None:
    pairs = calibration_pairs(zoo)
    copies = np.flatnonzero([one is Relation.IDENTICAL for one in pairs.relations])
    features = pairs.features.copy()
    column = pairs.names.index(CONTRAST_DISTANCE)
    features[copies[0], column] = features[:, column].max() + 0.1
    limits = module._copy_limits(replace(pairs, features=features), {CONTRAST_DISTANCE: -1})
    assert limits[CONTRAST_DISTANCE] == features[copies[0], column]


def test_held_out_references_take_no_part(zoo: Bank, calibrations: Calibrations) -> None:
    """Whatever they hold."""
    held = np.array([reference.split == "held-out" for reference in zoo.references])
    assert held.sum() == HELD_OUT * (1 + len(CHILDREN))
    changed = {}
    for name in (CONTRAST, PAPER, LOGLIK):
        changed[name] = stacked(zoo, name).copy()
        changed[name][held] = 3 * changed[name][held][::-1] - 50
    assert calibrate(with_stacked(zoo, changed)).save() == calibrations.save()


def test_pairs_that_are_known_already_are_not_computed_again(
    zoo: Bank, calibrations: Calibrations, monkeypatch: pytest.MonkeyPatch
) -> None:
    pairs = documented_pairs(zoo)
    monkeypatch.delattr(module, "documented_pairs")
    assert calibrate(zoo, pairs=pairs).save() == calibrations.save()


def test_the_same_every_time(zoo: Bank, calibrations: Calibrations) -> None:
    assert calibrate(zoo).save() == calibrations.save()


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
    bank = with_stacked(zoo, {LOGLIK: loglik})
    with pytest.raises(BankError, match="at least 8 independent roots; the bank documents 0"):
        fit_panel(bank, BOTH, documented_pairs(bank))
    assert [one.signals for one in calibrate(bank).panels] == [("able",)], "the panel that needs no texts is there"


def test_a_bank_without_the_signal_that_shows_descent(zoo: Bank) -> None:
    bank = replace(zoo, stacks={"likelihood": zoo.stacks["likelihood"]})
    with pytest.raises(BankError, match=r"a judge reads able\.contrast_distance, .*, none of which the bank was mea"):
        calibrate(bank)


def test_a_bank_without_log_likelihoods(zoo: Bank, calibration: Calibration) -> None:
    """Kin are told as before. Distances tell no recipes here: none of this bank's are the nearer for one."""
    [found] = calibrate(replace(zoo, stacks={"able": zoo.stacks["able"]})).panels
    assert found.facts.features == (CONTRAST_DISTANCE,) and found.facts.reads["same_recipe"] == ()
    shares = [relation is Relation.SAME_RECIPE for relation in calibration_pairs(zoo).relations if not relation.related]
    assert found.machines["same_recipe"].probability({}) == pytest.approx(np.mean(shares), abs=0.01)
    assert list(found.facts.signals) == ["able"]
    assert found.facts.accuse_above == calibration.facts.accuse_above
    np.testing.assert_array_equal(found.null_scores, calibration.null_scores)
    assert found.fits(zoo), "a bank may have signals that a judge does not read"


def test_a_judge_of_several_features(zoo: Bank, tmp_path: Path) -> None:
    """The curve goes through out-of-fold scores; the file and the report hold what independent pairs look like."""
    several = (CONTRAST_DISTANCE, "able.paper_distance", KL)
    judge = calibrate(zoo, reads={**READS, "related": several})
    found = judge.largest
    assert found.facts.features == several and set(found.null_features) == set(several)
    pairs = calibration_pairs(zoo).measured(several)
    scores = out_of_fold_scores(zoo, pairs, several, pairs.related)
    falling = dict.fromkeys(several, -1)
    assert found.related.sigmoid == fit_svm(pairs.columns(several), pairs.related, falling, scores).sigmoid
    assert found.related.sigmoid != fit_svm(pairs.columns(several), pairs.related, falling).sigmoid
    (tmp_path / FILE).write_bytes(judge.save())
    again = load_calibrations(tmp_path / FILE)
    assert again.save() == judge.save() and again.fits(zoo)
    asked = CalibratedJudge(again, len(zoo.references), 0.01)
    null = asked.facts(asked.judge(compare(row_of(zoo, 0), zoo), BOTH)).panels[0].null
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
