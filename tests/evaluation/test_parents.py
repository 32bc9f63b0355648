"""How often the parent is nearest, on banks where the answer is known."""

from __future__ import annotations

from pathlib import Path

import pytest

from provcheck.bank import Bank
from provcheck.errors import BankError
from provcheck.evaluation import parents as module
from provcheck.evaluation.parents import Assessment, Placed, assess, by_chance, hits, markdown
from provcheck.types import Floats, Reference
from tests.synthetic import blocks_at, make_blocks, make_measurement, make_reference, write_bank

NOTHING = make_blocks(0) * 0


def make(folder: Path, *models: tuple[Reference, Floats]) -> Bank:
    return write_bank(folder, [(one, make_measurement(one.id, blocks)) for one, blocks in models])


def ref(id: str, *parents: str, mechanism: str = "fine-tune", family: str = "f") -> Reference:
    return make_reference(id, *parents, family=family, mechanism=mechanism if parents else "from-scratch")


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    """A root with a child, the child's child, which is nearer to it than the root, and a copy of the root."""
    root, child = make_blocks(0), blocks_at(make_blocks(0), 0.3, 50)
    return make(
        tmp_path / "kin",
        (ref("root"), root),
        (ref("child", "root"), child),
        (ref("grandchild", "child", mechanism="lora"), blocks_at(child, 0.1, 51)),
        (ref("copy", "root", mechanism="quantize"), blocks_at(root, 0.02, 52)),
        *((ref(f"stranger-{n}", family=f"f{n}"), make_blocks(n)) for n in range(1, 7)),
    )


def rows(bank: Bank, *ids: str) -> set[int]:
    return {row for row, reference in enumerate(bank.references) if reference.id in ids}


def of(placements: tuple[Placed, ...], id: str) -> Placed:
    return next(one for one in placements if one.id == id)


def test_every_reference_with_a_parent_is_placed_and_never_on_itself(bank: Bank) -> None:
    found = assess(bank, resamples=5)
    for placements in (found.among_all, found.among_fewer):
        assert [one.id for one in placements] == ["child", "grandchild", "copy"]
        for one in placements:
            assert not rows(bank, one.id) & {*one.on_tree, *one.by_distance}
            assert sorted(one.on_tree) == sorted(one.by_distance)


def test_descendants_and_copies_are_left_out_but_never_the_parent(bank: Bank) -> None:
    found = assess(bank, resamples=5)
    child = of(found.among_fewer, "child")
    assert set(child.on_tree) == rows(bank, "root", *(f"stranger-{n}" for n in range(1, 7)))
    assert child.parents == child.kin == rows(bank, "root")
    grandchild = of(found.among_fewer, "grandchild")
    assert rows(bank, "root", "copy", "child") < set(grandchild.on_tree), "copies of a grandparent stay"
    copy = of(found.among_fewer, "copy")
    assert rows(bank, "root") <= set(copy.on_tree) and copy.parents == rows(bank, "root")
    assert set(of(found.among_all, "child").on_tree) == set(range(10)) - rows(bank, "child")


def test_who_is_nearest(bank: Bank) -> None:
    found = assess(bank, resamples=5)
    [grandchild] = rows(bank, "grandchild")
    assert of(found.among_all, "child").on_tree[0] == of(found.among_all, "child").by_distance[0] == grandchild
    [root] = rows(bank, "root")
    assert of(found.among_fewer, "child").on_tree[0] == root
    assert [one.support for one in found.among_fewer] == [1.0, 1.0, 1.0]
    assert [one.support for one in found.among_all] == [None, None, None]


def test_counting(bank: Bank) -> None:
    found = assess(bank, resamples=5)
    everything = hits(found.among_all, lambda one: one.on_tree)
    assert (everything.placements, everything.parent, everything.relative) == (3, 2, 3)
    fewer = hits(found.among_fewer, lambda one: one.on_tree)
    assert (fewer.parent, fewer.parent_or_copy, fewer.parent_among_three, fewer.relative) == (3, 3, 3, 3)


def placement(*, parents: set[int], copies: set[int] | None = None, on_tree: tuple[int, ...] = (1, 2, 3, 4)) -> Placed:
    copied = frozenset(parents | (copies or set()))
    return Placed("x", "merge", frozenset(parents), copied, copied | {4}, on_tree, on_tree[::-1], None)


def test_any_parent_and_any_copy_counts() -> None:
    merge = [placement(parents={1, 9}), placement(parents={3}, copies={1}), placement(parents={4})]
    found = hits(merge, lambda one: one.on_tree)
    assert (found.parent, found.parent_or_copy, found.parent_among_three, found.relative) == (1, 2, 2, 2)


def test_chance_is_what_a_random_order_gives() -> None:
    one = by_chance([placement(parents={1}, copies={2})])
    assert (one.parent, one.parent_or_copy, one.relative) == (0.25, 0.5, 0.75)
    assert one.parent_among_three == pytest.approx(0.75)
    assert by_chance([placement(parents={7})]).parent_among_three == 0, "a parent that is not on the tree"
    assert by_chance([placement(parents={1}, on_tree=(1, 2))]).parent_among_three == 1


def test_models_without_attributions_take_no_part(tmp_path: Path) -> None:
    bank = make(
        tmp_path / "bank",
        (ref("root"), make_blocks(0)),
        (ref("mute"), NOTHING),
        (ref("child", "root", "mute", mechanism="merge"), blocks_at(make_blocks(0), 0.2)),
        (ref("mute-child", "root"), NOTHING),
        (ref("orphan", "mute"), make_blocks(5)),
        *((ref(f"s{n}", family=f"f{n}"), make_blocks(n)) for n in (1, 2)),
    )
    [child] = assess(bank, resamples=0).among_all
    assert child.id == "child" and child.parents == rows(bank, "root")
    assert not rows(bank, "mute", "mute-child") & set(child.on_tree)


def test_a_bank_without_parents_is_refused(tmp_path: Path) -> None:
    bank = make(tmp_path / "bank", *((ref(f"m{n}"), make_blocks(n)) for n in range(5)))
    with pytest.raises(BankError, match="no reference has a parent in it"):
        assess(bank)


def test_a_large_bank_is_refused(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 9)
    with pytest.raises(BankError, match="10 references; 9 can be assessed"):
        assess(bank)


def test_the_tables(bank: Bank) -> None:
    said = markdown(assess(bank, resamples=5))
    assert "3 references of the bank kin have a documented parent in it" in said
    assert "| all others | tree | 2 (66.7%) | 2 (66.7%) | 3 (100.0%) | 3 (100.0%) |" in said
    assert "| lora | 1 | 1 (100.0%) | 1 (100.0%) | 1 (100.0%) |" in said
    assert "| 95% or more | 3 | 3 (100.0%) | 3 (100.0%) | 3 (100.0%) |" in said
    assert "less |" not in said, "a line without models is left out"


def test_support_is_sorted_into_three_lines() -> None:
    placed = tuple(
        Placed("x", "lora", frozenset({1}), frozenset({1}), frozenset({1}), (1, 2, 3), (1, 2, 3), support)
        for support in (1.0, 0.95, 0.94, 0.5, 0.49, 0.0)
    )
    said = markdown(Assessment("b", placed, placed)).splitlines()
    assert [line.split("|")[1:3] for line in said[-3:]] == [
        [" 95% or more ", " 2 "],
        [" 50% to 95% ", " 2 "],
        [" less ", " 2 "],
    ]
