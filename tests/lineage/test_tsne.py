"""The map: near is alike, the same bank gives the same map, and what cannot be drawn says why."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from provcheck.comparison import compare
from provcheck.lineage import Leaves, draw_map, gather, project
from provcheck.lineage.tsne import classical_scaling
from provcheck.signals import find_signal
from provcheck.types import BankMap, Floats
from tests.synthetic import (
    blocks_at,
    make_bank,
    make_blocks,
    make_measurement,
    make_reference,
    stack_of_blocks,
    without,
    write_bank,
)

FAMILIES, MEMBERS = 4, 6


def families() -> dict[str, Floats]:
    """Four roots, each with five models at a distance of 0.3."""
    return {
        f"f{family}/m{member}": make_blocks(family)
        if not member
        else blocks_at(make_blocks(family), 0.3, 1000 + 100 * family + member)
        for family in range(FAMILIES)
        for member in range(MEMBERS)
    }


def leaves_of(*blocks: Floats) -> Leaves:
    references = tuple(make_reference(f"m{n}") for n in range(len(blocks)))
    return Leaves(None, references, find_signal("able"), stack_of_blocks(np.stack(blocks)))


def mapped(folder: Path, models: dict[str, Floats]) -> BankMap:
    bank = make_bank(folder, models)
    measurement = make_measurement("me", blocks_at(make_blocks(2), 0.3, 77))
    return draw_map(measurement, bank, compare(measurement, bank))


def places(drawn: BankMap) -> dict[str, tuple[float, float]]:
    return {point.id: (point.x, point.y) for point in drawn.points}


def test_kin_lie_together_and_the_subject_among_its_own(tmp_path: Path) -> None:
    drawn = mapped(tmp_path / "bank", families())
    subject, *rest = drawn.points
    assert subject.subject and subject.id == "me" and subject.family is None
    assert not any(point.subject for point in rest)
    assert {point.id: point.family for point in rest} == {id: id for id in families()}
    for point in drawn.points:
        others = sorted((p for p in drawn.points if p != point), key=lambda p: np.hypot(p.x - point.x, p.y - point.y))
        own = "f2" if point.subject else point.id.split("/")[0]
        near = ["f2" if other.subject else other.id.split("/")[0] for other in others[: MEMBERS - 1]]
        assert near == [own] * (MEMBERS - 1)


def test_the_map_fills_the_square_from_minus_one_to_one(tmp_path: Path) -> None:
    coordinates = np.array(list(places(mapped(tmp_path / "bank", families())).values()))
    assert np.abs(coordinates).max() == 1


def test_neither_a_second_time_nor_another_order_moves_a_point(tmp_path: Path) -> None:
    models = families()
    shuffled = {id: models[id] for id in np.random.default_rng(0).permutation(list(models))}
    first = mapped(tmp_path / "a", models)
    assert first == mapped(tmp_path / "b", models) == mapped(tmp_path / "c", shuffled)


@pytest.mark.parametrize("count", [4, 5, 7])
def test_small_maps(count: int, tmp_path: Path) -> None:
    drawn = project(gather(make_bank(tmp_path / "bank", {f"m{n}": make_blocks(n) for n in range(count)}), range(count)))
    assert len(set(places(drawn).values())) == count


def test_one_model_many_times_is_a_map_too() -> None:
    drawn = project(leaves_of(*[make_blocks(0)] * 6))
    assert len(drawn.points) == 6 and drawn.reason is None


def test_too_few_models_give_no_map_and_say_so(tmp_path: Path) -> None:
    drawn = mapped(tmp_path / "bank", {"a": make_blocks(0), "b": make_blocks(1)})
    assert drawn == BankMap(reason="a map needs at least four models with ABLE distances, and there are 3")


def test_a_subject_without_attributions_gives_no_map(tmp_path: Path) -> None:
    bank = make_bank(tmp_path / "bank")
    measurement = make_measurement("mute", np.zeros_like(make_blocks(0)))
    assert draw_map(measurement, bank, compare(measurement, bank)).reason == "the subject has no ABLE distances"


def test_drawing_does_not_change_what_it_draws() -> None:
    leaves = leaves_of(*(make_blocks(n) for n in range(6)))
    signal, stack = leaves.placed
    before = signal.distance_matrix(stack)
    assert project(leaves).points
    assert (leaves.distances == before).all() and (signal.distance_matrix(stack) == before).all()


def test_classical_scaling_gives_points_of_a_plane_back() -> None:
    points = np.random.default_rng(1).uniform(-1, 1, (7, 2))
    distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    found = classical_scaling(distances)
    assert np.linalg.norm(found[:, None] - found[None], axis=-1) == pytest.approx(distances, abs=1e-9)
    farthest = np.abs(found).argmax(axis=0)
    assert (found[farthest, [0, 1]] > 0).all(), "each axis points to its farthest model"


def test_classical_scaling_is_that_of_the_definition() -> None:
    """Torgerson: eigenvectors of the doubly centred squares, each as long as the root of its eigenvalue."""
    half = np.triu(np.random.default_rng(2).uniform(0.1, 1, (8, 8)), 1)
    distances = half + half.T
    centring = np.eye(8) - 1 / 8
    values, vectors = np.linalg.eigh(-centring @ distances**2 @ centring / 2)
    expected = vectors[:, [-1, -2]] * np.sqrt(values[[-1, -2]])
    assert np.abs(classical_scaling(distances)) == pytest.approx(np.abs(expected), abs=1e-9)


def test_a_reference_of_the_subjects_name_is_not_the_subject(tmp_path: Path) -> None:
    drawn = mapped(tmp_path / "bank", {**families(), "me": make_blocks(0)})
    assert [(point.id, point.subject) for point in drawn.points if point.id == "me"] == [("me", True), ("me", False)]
    assert drawn.points[0].family is None


def test_without_a_signal_that_gives_distances_there_is_no_map(tmp_path: Path) -> None:
    bank = make_bank(tmp_path / "bank")
    blind = without(make_measurement("blind", make_blocks(0)), "able")
    drawn = draw_map(blind, bank, compare(blind, bank))
    assert drawn == BankMap(reason="no signal that was measured gives distances for a map")


def test_a_reference_that_lacks_the_signal_is_not_on_the_map(tmp_path: Path) -> None:
    models = [(make_reference(id), make_measurement(id, make_blocks(n))) for n, id in enumerate("abcde")]
    models[2] = (models[2][0], without(models[2][1], "able"))
    bank = write_bank(tmp_path / "bank", models)
    subject = make_measurement("me", make_blocks(9))
    assert [point.id for point in draw_map(subject, bank, compare(subject, bank)).points] == ["me", "a", "b", "d", "e"]
