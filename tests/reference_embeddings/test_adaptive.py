"""Attacks by gradient descent: their stand-ins say what provcheck measures, and the bound on the function holds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from provcheck import ModelOptions, Verdict, judge_pair
from provcheck.evaluation.attacked import FILE, AttackList
from provcheck.io.data import demo_folder, demo_subjects
from provcheck.probes import load_probes
from provcheck.signals.able.values import AbleValues
from provcheck.signals.weights.values import WeightsValues
from reference_embeddings.attacks import able_surrogate, weights_surrogate
from reference_embeddings.attacks.__main__ import app
from reference_embeddings.attacks.able_surrogate import AbleView
from reference_embeddings.attacks.adaptive import evading, forging, opened
from reference_embeddings.attacks.attack import Attack, DoesNotApply
from reference_embeddings.attacks.descending import Function, descend
from reference_embeddings.attacks.judging import Row, measure_to, try_attack
from reference_embeddings.attacks.tables import table
from reference_embeddings.attacks.weights_surrogate import WeightsView
from tests.tiny import save_tiny

STEPS, BOUND = 40, 0.1
"""At the scale of a test; the tables in the README are made with more steps."""


def named(attacks: tuple[Attack, ...], name: str) -> Attack:
    return next(one for one in attacks if one.name == name)


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two tiny models of one architecture, independent of each other."""
    folder = tmp_path_factory.mktemp("models")
    return save_tiny(folder / "one", seed=1), save_tiny(folder / "two", seed=2)


def test_descent_keeps_within_its_bound_and_gets_somewhere(pair: tuple[Path, Path]) -> None:
    model = opened(pair[0])
    view, function = WeightsView(model), Function(model)
    before = weights_surrogate.detached(view.anchored())
    descend(model.network, lambda _: weights_surrogate.likeness(view.anchored(), before), function, 1.0, 30)
    assert 0 < function.whole() <= 1.0
    assert float(weights_surrogate.likeness(view.anchored(), before)) < 0.9


def test_neurons_are_like_themselves_and_no_others(pair: tuple[Path, Path]) -> None:
    one, two = (WeightsView(opened(folder)) for folder in pair)
    for see in (WeightsView.anchored, WeightsView.intrinsic):
        assert float(weights_surrogate.likeness(see(one), see(one))) == pytest.approx(1, abs=1e-3)
        assert float(weights_surrogate.likeness(see(one), see(two))) < 0.3
        places, target = weights_surrogate.paired(see(one), see(two))
        paired = weights_surrogate.closeness(see(one), target, places)
        same = weights_surrogate.closeness(see(one), see(two), places)
        assert float(paired) > float(same)


def test_one_map_for_queries_keys_and_values_gives_the_intrinsic_attack_no_hold(tmp_path: Path) -> None:
    model = save_tiny(tmp_path / "gpt2", "gpt2")
    with pytest.raises(DoesNotApply, match="one map"):
        named(evading(model, BOUND, 1), "evade-intrinsic").build(model, tmp_path / "attacked")


def test_a_forgery_needs_a_victim(tmp_path: Path) -> None:
    found = CliRunner().invoke(app, [str(tmp_path), "--suite", "forge"])
    assert found.exit_code == 2 and "--victim" in found.output


def test_what_is_attacked_is_kept_and_listed(tmp_path: Path) -> None:
    model = save_tiny(tmp_path / "llama")
    out = tmp_path / "out"
    arguments = [str(model), "--only", "rotation", "--only", "constant-position", "--signals", "weights"]
    found = CliRunner().invoke(app, [*arguments, "--out", str(out)])
    assert found.exit_code == 0, found.output
    [listed] = AttackList.model_validate(json.loads((out / FILE).read_text("utf-8"))).attacks
    assert (listed.name, listed.aim, listed.start) == ("rotation", "hide", "llama")
    assert (out / listed.model).is_file() and (out / listed.victim).is_file()
    assert listed.function and listed.function.largest_nats < 1e-2


@pytest.mark.slow
def test_the_stand_ins_are_what_is_measured() -> None:
    one, two = demo_folder(), _subject("llama-tech-s1-4bit")
    found = judge_pair(str(one), str(two), options=ModelOptions(offline=True), changes=False).opponents[0].comparison
    able, weights = found.signals["able"], found.signals["weights"]
    assert isinstance(able, AbleValues) and isinstance(weights, WeightsValues)
    questions = load_probes().questions
    first, second = (AbleView(opened(folder), questions).all_contrasts() for folder in (one, two))
    assert 1 - float(able_surrogate.likeness(first, second)) == pytest.approx(able.contrast.cosine_distance, abs=0.05)
    own, other = (WeightsView(opened(folder)) for folder in (one, two))
    assert float(weights_surrogate.likeness(own.anchored(), other.anchored())) == pytest.approx(
        weights.anchored_match or 0, abs=0.05
    )


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What was measured of the demo model."""
    return measure_to(demo_folder(), tmp_path_factory.mktemp("demo") / "victim.safetensors")


@pytest.mark.slow
def test_descent_on_everything_does_not_hide_a_copy(victim: Path, tmp_path: Path) -> None:
    row = try_attack(named(evading(demo_folder(), BOUND, STEPS), "evade-all"), demo_folder(), victim, tmp_path)
    assert not row.lost, table([row])
    assert relation(row, "all signals") not in ("unrelated", "same-recipe"), table([row])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["forge-intrinsic", "forge-two"])
def test_no_ascent_makes_a_stranger_related(name: str, victim: Path, tmp_path: Path) -> None:
    """By all signals, and by the weights; ABLE alone can be forged (README, limits)."""
    attack = named(forging(demo_folder(), BOUND, STEPS), name)
    row = try_attack(attack, _subject("llama-tech-s2"), victim, tmp_path)
    assert relation(row, "all signals") not in ("identical", "derived"), table([row])
    assert relation(row, "weights") not in ("identical", "derived"), table([row])


def relation(row: Row, way: str) -> str:
    found = (row.verdicts or {})[way]
    assert isinstance(found, Verdict), found
    return found.relation.value


def _subject(name: str) -> Path:
    return demo_subjects()[name]
