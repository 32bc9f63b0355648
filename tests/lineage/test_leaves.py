"""Which models are shown, and under which names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from provcheck.lineage import leaves as leaves_module
from provcheck.lineage.leaves import MAX_FAMILIES, NEAREST, Leaves, gather, nearby, whole
from provcheck.signals import find_signal
from provcheck.signals.able.values import CONTRAST
from provcheck.types import Measurement, Reference
from tests.synthetic import (
    blocks_at,
    make_bank,
    make_blocks,
    make_measurement,
    make_reference,
    roots,
    stack_of_blocks,
    with_facts,
    without,
    write_bank,
)

NOTHING = np.zeros_like(make_blocks(0))


def named(*ids: str, subject: str | None = None) -> list[str]:
    return Leaves(subject, tuple(make_reference(id) for id in ids), None, None).labels


def in_families(count: int, families: int) -> list[Reference]:
    return [make_reference(f"m{n}", family=f"family-{n % families}") for n in range(count)]


def test_the_nearest_and_one_of_each_family() -> None:
    references = in_families(100, 30)
    nearest = [f"m{n}" for n in range(99, -1, -1)]
    rows = nearby(references, nearest)
    assert rows == sorted(rows) and len(rows) == 30
    assert set(range(100 - NEAREST, 100)) <= set(rows)
    others = {references[row].family: row for row in rows if row < 100 - NEAREST}
    assert others == {f"family-{n}": n + 60 for n in range(10, 20)}, "the nearest of each other family"


def test_families_that_were_not_compared_have_one_too() -> None:
    references = in_families(100, 25)
    rows = nearby(references, [f"m{n}" for n in range(0, 100, 25)])
    assert {0, 25, 50, 75} | set(range(1, 25)) == set(rows)


def test_many_families_are_not_all_shown() -> None:
    assert len(nearby(in_families(10_000, 400), [f"m{n}" for n in range(100)])) <= NEAREST + MAX_FAMILIES


def test_a_small_bank_is_shown_whole(tmp_path: Path) -> None:
    assert whole(make_bank(tmp_path / "bank")) == ([0, 1, 2, 3, 4], None)


def test_a_large_bank_is_cut_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaves_module, "WHOLE", 29)
    bank = make_bank(tmp_path / "bank", roots(50))
    rows, note = whole(bank)
    assert len(rows) == MAX_FAMILIES
    assert note == "50 references are too many for one picture: it shows one of each family, 40 at most"
    rows, note = whole(bank, [f"org/root-{n}" for n in range(49, 20, -1)])
    assert set(range(30, 50)) <= set(rows)
    assert note is not None and "the 20 nearest references and one of each family" in note


def test_leaves_stand_in_the_order_of_their_ids(tmp_path: Path) -> None:
    bank = make_bank(tmp_path / "bank", {"c": make_blocks(2), "a": make_blocks(0), "b": make_blocks(1)})
    leaves = gather(bank, [0, 1, 2], make_measurement("z", make_blocks(9)))
    assert leaves.ids == ["z", "a", "b", "c"]
    expected = np.stack([make_blocks(n) for n in (9, 0, 1, 2)])
    signal, stack = leaves.placed
    assert signal.name == "able"
    assert stack.arrays[CONTRAST] == pytest.approx(expected, rel=1e-3)
    assert stack.arrays[CONTRAST].dtype == np.float32, "half precision is for keeping"
    assert leaves.distances == pytest.approx(find_signal("able").distance_matrix(stack_of_blocks(expected)), abs=1e-3)


def test_models_without_attributions_are_left_out(tmp_path: Path) -> None:
    bank = make_bank(tmp_path / "bank", {**roots(2), "mute": NOTHING, "more": make_blocks(7)})
    leaves = gather(bank, range(4))
    assert leaves.ids == ["more", "org/root-0", "org/root-1"] and len(leaves) == 3
    assert leaves.left_out == ("mute",)
    assert leaves.why_not(3, "tree") is None
    assert leaves.why_not(4, "map") == "a map needs at least four models with ABLE distances, and there are 3"


def test_a_silent_subject_is_told_from_a_mute_reference_of_its_name(tmp_path: Path) -> None:
    bank = make_bank(tmp_path / "bank", {**roots(4), "same": NOTHING})
    assert gather(bank, range(5), make_measurement("same", make_blocks(7))).why_not(3, "tree") is None
    silent = gather(bank, range(5), make_measurement("me", NOTHING))
    assert silent.why_not(3, "tree") == "the subject has no ABLE distances"


def test_labels_are_ids() -> None:
    assert named("org/b", "org/a", subject="me") == ["me", "org/b", "org/a"]
    assert named("org/b", "org/a") == ["org/b", "org/a"]


def test_only_a_subject_that_is_called_like_a_reference_is_told_apart() -> None:
    assert named("me", "org/a", subject="me") == ["me (subject)", "me", "org/a"]
    assert named("me (subject)", "org/a", subject="me") == ["me", "me (subject)", "org/a"]
    assert named("me", "me (subject)", subject="me") == ["me (subject) (2)", "me", "me (subject)"]
    assert named("me (2)", "me", subject=" me ") == ["me (subject)", "me (2)", "me"]


def test_labels_have_no_line_breaks_and_are_never_the_same() -> None:
    labels = named("a b", "a\nb", "a  b", "x (subject)", "a b (2)", "x", subject="x")
    assert labels == ["x (subject) (2)", "a b", "a b (2)", "a b (3)", "x (subject)", "a b (2) (2)", "x"]


def test_a_reference_that_lacks_the_signal_is_left_out(tmp_path: Path) -> None:
    models = [(make_reference(id), make_measurement(id, make_blocks(n))) for n, id in enumerate("dcba")]
    models[1] = (models[1][0], without(models[1][1], "able"))
    bank = write_bank(tmp_path / "bank", models)
    leaves = gather(bank, range(4), make_measurement("me", blocks_at(make_blocks(0), 0.3)))
    assert leaves.ids == ["me", "a", "b", "d"] and leaves.left_out == ("c",)
    assert int(np.argmin(leaves.distances[0, 1:])) == 2, "the rows are those of the references"
    assert leaves.distances[0, 3] == pytest.approx(0.3, abs=0.01)


def blind() -> Measurement:
    return without(make_measurement("me", make_blocks(7)), "able")


def of_another_version() -> Measurement:
    return with_facts(make_measurement("me", make_blocks(7)), "able", version="able/1")


@pytest.mark.parametrize("make", [blind, of_another_version])
def test_a_subject_that_lacks_the_signal_has_no_place(make: Callable[[], Measurement], tmp_path: Path) -> None:
    leaves = gather(make_bank(tmp_path / "bank"), range(5), make())
    assert leaves.why_not(3, "tree") == "no signal that was measured gives distances for a tree"
    assert leaves.left_out == tuple(roots(5))


def test_a_bank_without_the_signal_gives_no_places(tmp_path: Path) -> None:
    models = [
        (make_reference(id), without(make_measurement(id, make_blocks(n)), "able")) for n, id in enumerate("abcd")
    ]
    leaves = gather(write_bank(tmp_path / "bank", models), range(4))
    assert leaves.why_not(4, "map") == "no signal that was measured gives distances for a map"
    with pytest.raises(ValueError, match="no signal gives distances"):
        _ = leaves.placed
