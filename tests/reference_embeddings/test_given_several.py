"""The tables for several candidates: what is asked of a small family, and how answers are counted."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from reference_embeddings.recipe.given_several import (
    MERGES,
    Outcome,
    angles,
    children_by_merges,
    kinds_of_merges,
    table,
)
from reference_embeddings.recipe.merging import dare, slerp, task_arithmetic
from reference_embeddings.recipe.plan import FROM_SCRATCH, Member

NAMES = [f"model.layers.{block}.mlp.{kind}_proj.weight" for block in range(2) for kind in ("up", "down")]
Weights = dict[str, torch.Tensor]


def random(seed: int, size: float) -> Weights:
    torch.manual_seed(seed)
    return {name: size * torch.randn(64, 64) for name in NAMES}


def added(one: Weights, two: Weights) -> Weights:
    return {name: one[name] + two[name] for name in NAMES}


def member(name: str, mechanism: str, *parents: str) -> Member:
    facts = {"parameters": {"method": "slerp"}, "seed": 0, "family": "f", "split": "calibration", "sets": ()}
    return Member(name=name, parents=parents, mechanism=mechanism, **facts)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Member], Path]:
    """A root, two children, the merge of these, and a grandchild."""
    out = tmp_path_factory.mktemp("zoo")
    root = random(0, 1.0)
    one, two = added(root, random(1, 0.2)), added(root, random(2, 0.3))
    merge = {name: slerp(one[name], two[name], 0.4) for name in NAMES}
    models = {"root": root, "one": one, "two": two, "merge": merge, "grandchild": added(one, random(3, 0.2))}
    for name, weights in models.items():
        (out / name).mkdir()
        save_file({key: value.half() for key, value in weights.items()}, out / name / "model.safetensors")
    members = [
        member("root", FROM_SCRATCH),
        member("one", "fine-tune", "root"),
        member("two", "lora", "root"),
        member("merge", "merge", "one", "two"),
        member("grandchild", "fine-tune", "one"),
    ]
    return {one.name: one for one in members}, out


def test_every_kind_is_asked_in_three_formats_without_and_with_the_base(zoo: tuple[dict[str, Member], Path]) -> None:
    outcomes = list(kinds_of_merges(*zoo))
    assert len(outcomes) == 6 * len(MERGES) + 2
    assert not any(one.answer == "wrong" for one in outcomes)
    with_base = [one for one in outcomes if one.asked.startswith("TIES") and one.asked.endswith("the base")]
    assert {one.answer for one in with_base} == {"right"}
    assert [one.answer for one in outcomes if one.asked.startswith("the zoo's")] == ["right", "right"]


def test_only_a_merge_is_said_to_descend_from_its_parents(zoo: tuple[dict[str, Member], Path]) -> None:
    said = [one for one in children_by_merges(*zoo) if one.answer != "not said"]
    assert said and {one.asked for one in said} == {"a merge, and its ancestor"}
    assert {one.answer for one in said} == {"right"}


def test_angles_are_sorted_by_what_a_model_is_to_the_others(zoo: tuple[dict[str, Member], Path]) -> None:
    rows = [line.split(" | ") for line in angles(*zoo).splitlines() if line.startswith("| calibration")]
    counts = {row[1]: row[2] for row in rows}
    assert counts == {"an ancestor of both": "2", "between ancestor and descendant": "1", "neither": "9"}
    assert all(abs(float(row[4])) < 0.1 for row in rows if row[1] != "neither")


def test_the_table_counts_by_split() -> None:
    outcomes = [Outcome("calibration", "linear", "right"), Outcome("held-out", "linear", "wrong")]
    calibration, held_out = table("Kind", outcomes).split("\n\n### ")
    assert "| linear | 1 | 0 | 0 |" in calibration and "| all | 1 | 0 | 0 |" in calibration
    assert held_out.startswith("Kind, held-out") and "| linear | 0 | 0 | 1 |" in held_out


def test_task_arithmetic_adds_changes() -> None:
    base = torch.ones(4)
    assert task_arithmetic([base + 1, base + 2], base, torch.tensor([0.5, 1.0])).tolist() == [3.5] * 4


def test_dare_keeps_the_mean_of_a_change() -> None:
    base = torch.zeros(100, 100)
    found = dare([base + 1], base, torch.tensor([1.0]), 0.25)
    assert set(found.flatten().tolist()) == {0.0, 4.0} and float(found.mean()) == pytest.approx(1, abs=0.1)
