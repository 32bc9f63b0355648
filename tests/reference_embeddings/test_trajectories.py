from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from provcheck.io.digests import file_digest
from reference_embeddings.recipe.corpus import Corpora
from reference_embeddings.recipe.plan import Recipe
from reference_embeddings.recipe.trajectories import (
    Checkpoints,
    Plan,
    Trainer,
    entries,
    folder_of,
    load_plan,
    weight_distances,
)
from reference_embeddings.recipe.vocabularies import cached_tokenizer, wrap

SMALL = {
    "bank": "mini",
    "architecture": "gpt2",
    "size": "small",
    "corpus": "speech",
    "tokenizer": "bpe-1024",
    "steps": 8,
    "checkpoints": {"powers": 2, "every": 4},
    "runs": {"s1": {"seed": 1}, "s2": {"seed": 1, "burst": {"start": 6, "end": 8, "factor": 50.0}}},
    "fine_tunes": {
        "tuned": {"from": "s1", "step": 4, "corpus": "fiction", "steps": 4, "rate": 1e-3,
                  "checkpoints": {"powers": 1, "every": 4}}
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def plan() -> Plan:
    return Plan.model_validate(SMALL)


@pytest.fixture(scope="module")
def out(plan: Plan, recipe: Recipe, corpora: Corpora, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("runs")
    trainer(plan, recipe, corpora, folder).train_all()
    yield folder


def trainer(plan: Plan, recipe: Recipe, corpora: Corpora, out: Path) -> Trainer:
    file = out / ".tokenizers" / "bpe.json"
    tokenizer = wrap(cached_tokenizer(file, recipe.tokenizers[plan.tokenizer], corpora, 1))
    return Trainer(plan, recipe, corpora, tokenizer, out, lambda _line: None)


def weights(out: Path, name: str, step: int) -> str:
    return file_digest(folder_of(out, name, step) / "model.safetensors")


def test_checkpoints_are_powers_of_two_then_even() -> None:
    assert Checkpoints(powers=8, every=25).steps(110) == [0, 1, 2, 4, 8, 25, 50, 75, 100, 110]


def test_the_shipped_plan_has_three_seeds_of_24_checkpoints_and_a_spike() -> None:
    plan = load_plan()
    assert len(plan.runs) >= 3 and len(plan.checkpoints.steps(plan.steps)) >= 24
    assert [bool(run.burst) for run in plan.runs.values()].count(True) == 1
    assert all(tune.step in plan.checkpoints.steps(plan.steps) for tune in plan.fine_tunes.values())


def test_every_checkpoint_is_there_and_the_burst_changes_only_what_follows_it(out: Path) -> None:
    for name in ("s1", "s2"):
        assert all(folder_of(out, name, step).is_dir() for step in (0, 1, 2, 4, 8))
    assert weights(out, "s1", 4) == weights(out, "s2", 4)
    assert weights(out, "s1", 8) != weights(out, "s2", 8)


def test_a_killed_run_is_made_again_to_the_same_weights(
    out: Path, plan: Plan, recipe: Recipe, corpora: Corpora, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    again.mkdir()
    folder_of(again, "s1", 0).mkdir()
    trainer(plan, recipe, corpora, again).train_all()
    assert not any(folder_of(again, "s1", 0).iterdir())
    assert [weights(again, name, step) for name, step in (("s1", 8), ("tuned", 4))] == [
        weights(out, "s1", 8),
        weights(out, "tuned", 4),
    ]


def test_each_checkpoint_names_the_one_before_as_parent(out: Path, plan: Plan) -> None:
    models = list(entries(plan, out, "apache-2.0"))
    assert [one["step"] for one in models] == [0, 1, 2, 4, 8, 0, 1, 2, 4, 8, 1, 4]
    assert models[10]["parents"] == ["mini/s1-step0004"]
    assert all(two["parents"] == [one["id"]] for one, two in pairwise(models[:5]))
    assert all(Path(one["path"]).is_dir() for one in models)


def test_distances_are_squared_euclidean_ones_of_all_weights(out: Path) -> None:
    found = weight_distances([folder_of(out, name, step) for name, step in (("s1", 4), ("s2", 4), ("s1", 8))])
    assert found[0, 1] == 0 and found[0, 2] > 0
    assert np.allclose(found, found.T)
