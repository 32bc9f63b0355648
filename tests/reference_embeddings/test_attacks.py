"""The attack suite: what claims to keep the function keeps it, and what has no hold on a model says so."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from provcheck import Verdict
from provcheck.io.data import demo_folder
from provcheck.types import Relation
from reference_embeddings.attacks.__main__ import app
from reference_embeddings.attacks.attack import Attack, DoesNotApply
from reference_embeddings.attacks.judging import Moved, Row, compare_functions, judge, measure_to, try_attack
from reference_embeddings.attacks.suite import ATTACKS
from reference_embeddings.attacks.tables import table
from tests.tiny import save_tiny

BY_NAME = {attack.name: attack for attack in ATTACKS}
KEEPING = [attack for attack in ATTACKS if attack.keeps]
OPEN = {"sign-flip"}
"""Of the weights' evidence only the intrinsic match is left, and one kind alone accuses nobody."""
GATED = {"decoys", "sign-flip"}
NO_HOLD = {
    "llama": {"constant-position", "constant-all"},
    "gpt2": {*GATED, "rotation", "rescaling", "constant-layer", "short-context", "rope"},
    "opt": {*GATED, "rotation", "constant-layer", "short-context", "rope"},
    "gpt_neox": {*GATED, "rotation", "rescaling", "constant-position", "constant-layer"},
}
"""By architecture: the attacks that do not apply to it."""


@pytest.fixture(scope="module", params=sorted(NO_HOLD))
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / request.param
    return (
        save_tiny(folder, request.param, word_embed_proj_dim=32)
        if request.param == "opt"
        else save_tiny(folder, request.param)
    )


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_what_claims_to_keep_the_function_keeps_it_or_does_not_apply(
    model: Path, attack: Attack, tmp_path: Path
) -> None:
    if attack.name in NO_HOLD[model.name]:
        with pytest.raises(DoesNotApply, match=r"\w+ \w+"):
            attack.build(model, tmp_path / "attacked")
        assert not (tmp_path / "attacked").exists()
        return
    attacked = attack.build(model, tmp_path / "attacked")
    moved = compare_functions(model, attacked)
    assert (moved is not None and moved.kept) == attack.keeps
    files = [name for name in ("model.safetensors", "config.json", "tokenizer.json") if _differ(model, attacked, name)]
    assert files


def test_embeddings_narrower_than_the_stream_give_no_hold(tmp_path: Path) -> None:
    model = save_tiny(tmp_path / "opt", "opt")
    with pytest.raises(DoesNotApply, match="not as wide"):
        BY_NAME["constant-position"].build(model, tmp_path / "attacked")


def test_a_tokenizer_that_is_random_is_refused(tmp_path: Path) -> None:
    model = save_tiny(tmp_path / "llama")
    victim = measure_to(model, tmp_path / "victim.safetensors", ("weights",))
    row = try_attack(BY_NAME["bpe-dropout"], model, victim, tmp_path, ("weights",))
    assert row.verdicts is not None and "at random" in str(row.verdicts["weights"])
    assert "refused" in table([row])


def test_only_a_kept_function_with_a_verdict_of_independence_is_lost() -> None:
    def row(moved: float | None, relation: Relation) -> Row:
        verdict = Verdict(relation=relation, reference=None, probability=0.5, p_value=None, reasons=("Too little.",))
        return Row(ATTACKS[0], None if moved is None else Moved(moved, 0.0, 0.0), {"all signals": verdict})

    assert row(1e-3, Relation.UNRELATED).lost and row(1e-3, Relation.SAME_RECIPE).lost
    assert not row(1.0, Relation.UNRELATED).lost and not row(None, Relation.UNRELATED).lost
    assert not row(1e-3, Relation.INCONCLUSIVE).lost and not Row(ATTACKS[0], not_applied="no").lost
    assert "by all signals: Too little." in table([row(1e-3, Relation.INCONCLUSIVE)])


def test_an_unknown_attack_is_an_error(tmp_path: Path) -> None:
    found = CliRunner().invoke(app, [str(tmp_path), "--only", "magic"])
    assert found.exit_code == 2 and "no such attack" in found.output


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """The demo model, and what was measured of it."""
    yield demo_folder(), measure_to(demo_folder(), tmp_path_factory.mktemp("demo") / "victim.safetensors")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["constant-layer", "short-context", "permutation"])
def test_no_attack_that_keeps_the_function_makes_a_copy_independent(
    name: str, demo: tuple[Path, Path], tmp_path: Path
) -> None:
    row = try_attack(BY_NAME[name], *demo, tmp_path)
    assert row.kept and not row.lost, table([row])
    assert row.signs, table([row])
    assert row.verdicts and isinstance(row.verdicts["all signals"], Verdict), table([row])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["constant-position", "constant-all"])
def test_nor_does_one_that_needs_position_embeddings_or_layer_norm(name: str, tmp_path: Path) -> None:
    model = save_tiny(tmp_path / "gpt2", "gpt2")
    row = try_attack(BY_NAME[name], model, measure_to(model, tmp_path / "victim.safetensors"), tmp_path)
    assert row.kept and not row.lost, table([row])
    assert row.verdicts and isinstance(row.verdicts["all signals"], Verdict), table([row])


@pytest.mark.slow
@pytest.mark.parametrize("attack", KEEPING, ids=lambda attack: attack.name)
def test_weights_alone_find_every_copy_whose_function_is_kept(
    attack: Attack, demo: tuple[Path, Path], tmp_path: Path
) -> None:
    if attack.name in NO_HOLD["llama"]:
        pytest.skip("does not apply to llama")
    attacked = attack.build(demo[0], tmp_path / "attacked")
    found = judge(attacked, demo[1], ("weights",))["weights"]
    assert isinstance(found, Verdict), found
    assert found.relation.related or (attack.name in OPEN and found.relation is Relation.INCONCLUSIVE), found


def _differ(one: Path, two: Path, name: str) -> bool:
    return (one / name).read_bytes() != (two / name).read_bytes()
