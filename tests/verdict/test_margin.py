"""The margin rule: nearer than independent models ever are in this bank, or not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from provcheck.bank import load_bank
from provcheck.comparison import compare
from provcheck.signals import TABLE, distance_of
from provcheck.types import Comparison, Floats, Measurement, NotMeasured, Relation
from provcheck.verdict import MarginRule
from provcheck.verdict.margin import BETWEEN, IDENTICAL_DISTANCE, INDEPENDENT_SHARE, RELATED_SHARE
from tests.synthetic import (
    blocks_at,
    make_bank,
    make_blocks,
    make_loglik,
    make_measurement,
    make_reference,
    roots,
    write_bank,
)
from tests.verdict.comparisons import exactly, make_comparison

RULE = MarginRule(pairs=10, lead="able", smallest=0.8, behaviour="likelihood", smallest_behaviour=0.5)
RELATED, INDEPENDENT = RELATED_SHARE * 0.8, INDEPENDENT_SHARE * 0.8


def relation_of(rule: MarginRule, comparison: Comparison) -> Relation:
    [judged] = rule.judge([comparison], TABLE)
    found = {"relation": judged.relation, "copy_ruled_out": judged.copy_ruled_out}
    assert judged == comparison.model_copy(update=found), "nothing else is filled in"
    assert not (judged.copy_ruled_out and judged.relation.related)
    assert judged.copy_ruled_out or not judged.relation.independent
    return judged.relation


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        (exactly(0.0), Relation.IDENTICAL),
        ((0.0, 0.01, 0.049), Relation.IDENTICAL),
        ((0.0, 0.01, 0.051), Relation.DERIVED),
        ((0.2, 0.4, RELATED - 0.01), Relation.DERIVED),
        ((0.2, 0.4, RELATED), Relation.INCONCLUSIVE),
        (((RELATED + INDEPENDENT) / 2,) * 3, Relation.INCONCLUSIVE),
        ((INDEPENDENT, 0.9, 1.0), Relation.INCONCLUSIVE),
        ((INDEPENDENT + 0.01, 0.9, 1.0), Relation.UNRELATED),
        ((0.1, 0.5, 1.5), Relation.INCONCLUSIVE),
    ],
)
def test_the_whole_interval_must_lie_on_one_side(interval: tuple[float, float, float], expected: Relation) -> None:
    assert relation_of(RULE, make_comparison("r", interval)) is expected


@pytest.mark.parametrize(
    ("kl", "expected"), [(0.49, Relation.SAME_RECIPE), (0.5, Relation.UNRELATED), (None, Relation.UNRELATED)]
)
def test_independent_weights_that_behave_alike_are_of_one_recipe(kl: float | None, expected: Relation) -> None:
    assert relation_of(RULE, make_comparison("r", exactly(0.9), kl)) is expected


def test_a_copy_is_ruled_out_where_the_whole_interval_is_too_far_to_be_related() -> None:
    """Also where the relation stays open."""
    between, wide = ((RELATED + INDEPENDENT) / 2,) * 3, (0.1, 0.5, 1.5)
    for interval, ruled_out in ((exactly(0.3), False), (wide, False), (between, True), (exactly(0.9), True)):
        [judged] = RULE.judge([make_comparison("r", interval)], TABLE)
        assert judged.copy_ruled_out == ruled_out
    [copy] = RULE.judge([make_comparison("r", exactly(0.9), same_weights=True)], TABLE)
    assert not copy.copy_ruled_out


def test_closeness_in_kl_accuses_nobody() -> None:
    assert not relation_of(RULE, make_comparison("r", exactly(0.9), 0.0)).related


def test_the_same_weight_files_are_identical_whatever_was_measured() -> None:
    copy = make_comparison("r", None, same_weights=True)
    assert relation_of(RULE, copy) is Relation.IDENTICAL
    assert RULE.explain(copy) == ("The weight files are byte for byte those of the reference.",)


def test_without_a_distance_nothing_is_judged() -> None:
    blank = make_comparison("r", None)
    assert relation_of(RULE, blank) is Relation.INCONCLUSIVE
    assert RULE.explain(blank) == ("ABLE could not be compared: no question was measured.",)
    missing = blank.model_copy(update={"signals": {}})
    assert relation_of(RULE, missing) is Relation.INCONCLUSIVE
    assert RULE.explain(missing) == ("ABLE could not be compared: no reason is stated.",)


def test_the_rule_states_no_probabilities() -> None:
    [judged] = RULE.judge([make_comparison("r", exactly(0.3))], TABLE)
    assert (judged.probabilities, judged.score, judged.p_value) == (None, None, None)
    assert "no calibrated error rates" in RULE.explain(judged)[-1]
    assert "no calibrated error rates" in RULE.limitation
    facts = RULE.facts([judged])
    assert "not calibrated" in facts.name and facts.panels == () == judged.judged_by
    assert RULE.digest is None


def test_all_references_are_judged_in_their_order() -> None:
    distances = {"a": 0.3, "b": 0.95, "c": 0.01, "d": 0.7}
    judged = RULE.judge([make_comparison(name, exactly(distance)) for name, distance in distances.items()], TABLE)
    assert {one.reference: one.relation for one in judged} == {
        "a": Relation.DERIVED,
        "b": Relation.UNRELATED,
        "c": Relation.IDENTICAL,
        "d": Relation.INCONCLUSIVE,
    }
    assert [one.reference for one in judged] == list(distances)


def test_it_says_what_it_looks_at() -> None:
    """And explains itself with the distance that it went by, and with the nearest strangers of the bank."""
    assert RULE.panels == (("able", "likelihood"), ("able",))
    assert MarginRule(pairs=0, lead=None, smallest=None).panels == ()


def test_it_goes_by_the_signals_that_it_is_given() -> None:
    near, apart = make_comparison("near", exactly(0.3), 0.1), make_comparison("apart", exactly(1.0), 0.1)
    for signals, found in (
        (("able", "likelihood"), [Relation.DERIVED, Relation.SAME_RECIPE]),
        (("able",), [Relation.DERIVED, Relation.UNRELATED]),
        (("likelihood",), [Relation.INCONCLUSIVE] * 2),
    ):
        assert [one.relation for one in RULE.judge([near, apart], signals)] == found
    said = RULE.explain(make_comparison("org/r", (0.25, 0.3, 0.35)))
    assert said[0] == BETWEEN, "what keeps it from deciding comes first"
    assert said[1] == "The ABLE contrast distance to org/r is 0.300 (95 % interval 0.250 to 0.350)."
    assert said[2] == "The nearest two of the bank's 10 pairs of independent models are 0.800 apart."


def test_without_a_signal_that_may_accuse_nobody_is_accused() -> None:
    """Nearness in log-likelihoods alone shows no descent."""
    behaviour = MarginRule(pairs=0, lead=None, smallest=None, behaviour="likelihood", smallest_behaviour=None)
    near = make_comparison("r", exactly(0.0), 0.0)
    assert relation_of(behaviour, near) is Relation.INCONCLUSIVE
    assert behaviour.explain(near) == ("The bank was measured by no signal that shows descent.",)


def test_a_bank_whose_independent_models_are_near_calls_nothing_identical() -> None:
    """0.04 looks like a copy, but here strangers are as near as that."""
    crowded = MarginRule(pairs=10, lead="able", smallest=0.04)
    assert not relation_of(crowded, make_comparison("r", exactly(0.04))).related


unit = st.floats(0, 2, allow_nan=False)


@given(st.tuples(unit, unit, unit).map(sorted), st.floats(1e-6, 2), st.none() | unit)
def test_nothing_at_the_distance_of_strangers_is_called_related(
    interval: list[float], smallest: float, kl: float | None
) -> None:
    low, middle, high = interval
    rule = MarginRule(pairs=3, lead="able", smallest=smallest, behaviour="likelihood", smallest_behaviour=kl)
    relation = relation_of(rule, make_comparison("r", (low, middle, high), kl))
    if high >= smallest:
        assert not relation.related
    if relation is Relation.IDENTICAL:
        assert high < IDENTICAL_DISTANCE
    if relation in (Relation.SAME_RECIPE, Relation.UNRELATED):
        assert low > INDEPENDENT_SHARE * smallest


@pytest.mark.parametrize(
    ("distance", "expected"),
    [
        (0.001, Relation.IDENTICAL),
        (0.3, Relation.DERIVED),
        (0.6, Relation.DERIVED),
        (0.83, Relation.INCONCLUSIVE),
        (1.0, Relation.UNRELATED),
    ],
)
def test_on_a_bank(tmp_path: Path, distance: float, expected: Relation) -> None:
    bank = make_bank(tmp_path / "bank")
    rule = MarginRule.from_bank(bank)
    assert rule.pairs == 10
    assert (rule.lead, rule.behaviour) == ("able", "likelihood")
    assert rule.smallest == pytest.approx(0.95, abs=0.04)
    found = relations(make_measurement("subject", blocks_at(make_blocks(2), distance)), rule, tmp_path / "bank")
    assert found["org/root-2"] is expected
    assert [name for name, relation in found.items() if relation.related] in ([], ["org/root-2"])


def test_same_recipe_on_a_bank(tmp_path: Path) -> None:
    """Other weights, nearly the same log-likelihoods as one reference."""
    loglik = make_loglik(77)
    models = [
        (make_reference(name), make_measurement(name, blocks, loglik=loglik if name.endswith("2") else None))
        for name, blocks in roots(5).items()
    ]
    rule = MarginRule.from_bank(write_bank(tmp_path / "bank", models))
    subject = make_measurement("subject", make_blocks(50), loglik=loglik + 0.01)
    found = relations(subject, rule, tmp_path / "bank")
    assert found.pop("org/root-2") is Relation.SAME_RECIPE
    assert set(found.values()) == {Relation.UNRELATED}


def test_too_few_independent_pairs_decide_nothing_and_say_so(tmp_path: Path) -> None:
    models = [
        (make_reference("org/a"), make_measurement("org/a", make_blocks(0))),
        (make_reference("org/b"), make_measurement("org/b", make_blocks(1))),
        (make_reference("org/c", "org/a", mechanism="lora"), make_measurement("org/c", blocks_at(make_blocks(0), 0.2))),
    ]
    rule = MarginRule.from_bank(write_bank(tmp_path / "bank", models))
    assert (rule.pairs, rule.smallest, rule.smallest_behaviour) == (2, None, None)
    subject = make_measurement("subject", blocks_at(make_blocks(0), 0.01))
    assert set(relations(subject, rule, tmp_path / "bank").values()) == {Relation.INCONCLUSIVE}
    reason = rule.explain(make_comparison("org/a", exactly(0.01)))[0]
    assert reason.startswith("The bank documents only 2 pairs of independent models; at least 3 are needed")


def test_documented_relatives_do_not_count_as_strangers(tmp_path: Path) -> None:
    models = [(make_reference(name), make_measurement(name, blocks)) for name, blocks in roots(4).items()]
    near = make_measurement("org/tune", blocks_at(make_blocks(0), 0.1))
    kin = write_bank(tmp_path / "kin", [*models, (make_reference("org/tune", "org/root-0"), near)])
    assert (MarginRule.from_bank(kin).smallest or 0) > 0.8
    stranger = write_bank(tmp_path / "stranger", [*models, (make_reference("org/tune"), near)])
    assert MarginRule.from_bank(stranger).smallest == pytest.approx(0.1, abs=0.01)


def test_a_reference_that_could_not_be_measured_is_no_pair(tmp_path: Path) -> None:
    """The others are judged by, whichever row it has; and a subject is not judged against it."""
    models = [(make_reference(name), make_measurement(name, blocks)) for name, blocks in roots(4).items()]
    reference, measurement = models[1]
    silent = replace(measurement, signals={**measurement.signals, "able": NotMeasured(not_measured="no gradients")})
    bank = write_bank(tmp_path / "bank", [models[0], (reference, silent), *models[2:]])
    rule = MarginRule.from_bank(bank)
    assert (rule.pairs, rule.lead) == (3, "able")
    alone = MarginRule.from_bank(write_bank(tmp_path / "three", [models[0], *models[2:]]))
    assert rule.smallest == alone.smallest and rule.smallest is not None
    found = relations(make_measurement("subject", blocks_at(make_blocks(3), 0.3)), rule, tmp_path / "bank")
    assert found.pop("org/root-3") is Relation.DERIVED
    assert found.pop("org/root-1") is Relation.INCONCLUSIVE
    assert all(relation.independent for relation in found.values())


def test_models_without_attributions_are_no_pairs(tmp_path: Path) -> None:
    zeros: dict[str, Floats] = {f"org/mute-{n}": np.zeros_like(make_blocks(0)) for n in range(3)}
    rule = MarginRule.from_bank(make_bank(tmp_path / "bank", roots(3) | zeros))
    assert rule.pairs == 3
    assert np.isfinite(rule.smallest or np.nan)


@given(distance=st.floats(0.0, 1.0), spread=st.floats(0.1, 1.0), seed=st.integers(0, 99))
def test_on_random_banks_strangers_stay_strangers(
    tmp_path_factory: pytest.TempPathFactory, distance: float, spread: float, seed: int
) -> None:
    """Whatever the bank's own spread, a subject as far from its reference as strangers are is not accused."""
    centre = make_blocks(seed)
    models = {f"org/{n}": blocks_at(centre, spread, seed=1000 + seed + n) for n in range(4)}
    folder = tmp_path_factory.mktemp("banks") / "bank"
    rule = MarginRule.from_bank(make_bank(folder, models))
    subject = make_measurement("subject", blocks_at(models["org/0"], distance, seed=7 + seed))
    for comparison in compare(subject, load_bank(str(folder))):
        apart = distance_of(comparison)
        assert apart is not None and rule.smallest is not None
        if apart.value >= rule.smallest:
            assert not relation_of(rule, comparison).related


def relations(subject: Measurement, rule: MarginRule, bank: Path) -> dict[str, Relation]:
    """What the rule says of the subject and each reference."""
    return {c.reference: c.relation for c in rule.judge(compare(subject, load_bank(str(bank))), TABLE)}
