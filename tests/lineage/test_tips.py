"""Which models are shown, and under which names."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from provcheck.lineage import tips as tips_module
from provcheck.lineage.tips import MAX_FAMILIES, NEAREST, Tips, gather, nearby, whole
from provcheck.types import Reference
from tests.synthetic import make_bank, make_blocks, make_measurement, make_reference, roots

NOTHING = np.zeros_like(make_blocks(0))


def named(*ids: str, subject: str | None = None) -> list[str]:
    return Tips(subject, tuple(make_reference(id) for id in ids), np.zeros((0, 1, 1))).labels


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
    monkeypatch.setattr(tips_module, "WHOLE", 29)
    bank = make_bank(tmp_path / "bank", roots(50))
    rows, note = whole(bank)
    assert len(rows) == MAX_FAMILIES
    assert note == "50 references are too many for one picture: it shows one of each family, 40 at most"
    rows, note = whole(bank, [f"org/root-{n}" for n in range(49, 20, -1)])
    assert set(range(30, 50)) <= set(rows)
    assert note is not None and "the 20 nearest references and one of each family" in note


def test_tips_stand_in_the_order_of_their_ids(tmp_path: Path) -> None:
    bank = make_bank(tmp_path / "bank", {"c": make_blocks(2), "a": make_blocks(0), "b": make_blocks(1)})
    tips = gather(bank, [0, 1, 2], make_measurement("z", make_blocks(9)))
    assert tips.ids == ["z", "a", "b", "c"]
    expected = np.stack([make_blocks(n) for n in (9, 0, 1, 2)])
    assert tips.blocks == pytest.approx(expected, rel=1e-3)


def test_models_without_attributions_are_left_out(tmp_path: Path) -> None:
    bank = make_bank(tmp_path / "bank", {**roots(2), "mute": NOTHING, "more": make_blocks(7)})
    tips = gather(bank, range(4))
    assert tips.ids == ["more", "org/root-0", "org/root-1"] and len(tips.blocks) == 3
    assert tips.left_out == ("mute",)
    assert tips.why_not(3, "tree") is None
    assert tips.why_not(4, "map") == "a map needs at least four models with attributions, and there are 3"


def test_a_silent_subject_is_told_from_a_mute_reference_of_its_name(tmp_path: Path) -> None:
    bank = make_bank(tmp_path / "bank", {**roots(4), "same": NOTHING})
    assert gather(bank, range(5), make_measurement("same", make_blocks(7))).why_not(3, "tree") is None
    silent = gather(bank, range(5), make_measurement("me", NOTHING))
    assert silent.why_not(3, "tree") == "the subject has no attributions"


def test_labels_are_ids_and_the_subject_is_marked() -> None:
    assert named("org/b", "org/a", subject="me") == ["me (subject)", "org/b", "org/a"]


def test_labels_have_no_line_breaks_and_are_never_the_same() -> None:
    labels = named("a b", "a\nb", "a  b", "x (subject)", "a b (2)", subject="x")
    assert labels == ["x (subject)", "a b", "a b (2)", "a b (3)", "x (subject) (2)", "a b (2) (2)"]
