"""A tree or map that was kept is the one that would be made, and nothing that it depends on can change unnoticed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from provcheck import load_bank
from provcheck.bank import Bank
from provcheck.cache import MeasurementCache
from provcheck.comparison import compare
from provcheck.lineage import Leaves, draw_map, gather, keeping, place, whole
from provcheck.types import BankMap, Floats, Lineage, Measurement, Reference, Stack
from tests.cached import Notes, flip
from tests.synthetic import blocks_at, make_bank, make_blocks, make_measurement, roots


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def kept(tmp_path: Path, notes: Notes) -> MeasurementCache:
    return MeasurementCache(tmp_path / "cache", notes)


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    return make_bank(tmp_path / "bank", roots(6))


ME = make_measurement("me", blocks_at(make_blocks(1), 0.2))


def both(bank: Bank, kept: MeasurementCache | None, measurement: Measurement = ME) -> tuple[Lineage, BankMap]:
    found = compare(measurement, bank)
    return place(measurement, bank, found, kept), draw_map(measurement, bank, found, kept)


def never(leaves: Leaves) -> Lineage:
    raise AssertionError("it was made again")


def entries(kept: MeasurementCache) -> list[Path]:
    return sorted((kept.root / "placed").glob("*.json"))


def test_what_is_kept_is_what_would_be_made(bank: Bank, kept: MeasurementCache, notes: Notes) -> None:
    made = both(bank, None)
    assert both(bank, kept) == made
    assert len(entries(kept)) == 2
    found = compare(ME, bank)
    leaves = gather(bank, range(6), ME)
    assert keeping.kept_or_made(never, Lineage, leaves, kept) == place(ME, bank, found) == made[0]
    assert both(load_bank(str(bank.folder)), kept) == made
    assert len(entries(kept)) == 2 and not notes.messages


def test_another_subject_is_placed_anew(bank: Bank, kept: MeasurementCache) -> None:
    other = make_measurement("me", blocks_at(make_blocks(3), 0.2))
    assert both(bank, kept)[0].nearest_on_tree == "org/root-1"
    assert both(bank, kept, other)[0].nearest_on_tree == "org/root-3"
    assert len(entries(kept)) == 4


CHANGED: dict[str, Callable[[Leaves], Leaves]] = {
    "the subject's name": lambda one: replace(one, subject="you"),
    "an id": lambda one: replace(one, references=(*one.references[:-1], _with(one, id="org/other"))),
    "a family": lambda one: replace(one, references=(*one.references[:-1], _with(one, family="other"))),
    "a documented parent": lambda one: replace(one, references=(*one.references[:-1], _with(one, parents=("a",)))),
    "a number": lambda one: replace(one, stack=replace(_stack(one), arrays=_moved(one))),
    "its context": lambda one: replace(one, stack=replace(_stack(one), context={"categories": {"c0": 1}})),
    "the order": lambda one: replace(one, references=one.references[::-1]),
    "further signals": lambda one: replace(one, further=()),
}


def _with(leaves: Leaves, **fields: object) -> Reference:
    return leaves.references[-1].model_copy(update=fields)


def _stack(leaves: Leaves) -> Stack:
    return leaves.placed[1]


def _moved(leaves: Leaves) -> dict[str, Floats]:
    return {name: array + (array == array.flat[7]) * 1e-6 for name, array in leaves.placed[1].arrays.items()}


@pytest.mark.parametrize("change", CHANGED.values(), ids=CHANGED)
def test_a_key_covers(change: Callable[[Leaves], Leaves]) -> None:
    bank = load_bank("zoo-v2")
    leaves = gather(bank, whole(bank)[0][:5])
    keys = {keeping.key_of("Lineage", one) for one in (leaves, change(leaves))} | {keeping.key_of("BankMap", leaves)}
    assert len(keys) == 3
    assert keeping.key_of("Lineage", gather(bank, whole(bank)[0][:5])) in keys


def test_a_key_covers_the_code_and_the_libraries(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    leaves = gather(bank, range(6), ME)
    keys = {keeping.key_of("Lineage", leaves)}
    for name, changed in (("file_digest", lambda path: "0"), ("version", lambda name: "0")):
        with monkeypatch.context() as patch:
            patch.setattr(keeping, name, changed)
            keeping._program.cache_clear()
            keys.add(keeping.key_of("Lineage", leaves))
    keeping._program.cache_clear()
    assert len(keys) == 3


def _rename_nearest(entry: Path, other: Path) -> None:
    content = json.loads(entry.read_text("utf-8"))
    content["record"] |= {"nearest_on_tree": "org/root-5", "reason": "forged"}
    entry.write_text(json.dumps(content), "utf-8")


FORGED: dict[str, Callable[[Path, Path], object]] = {
    "a field": _rename_nearest,
    "a byte": lambda entry, other: flip(entry, -20),
    "another's entry": lambda entry, other: entry.write_bytes(other.read_bytes()),
    "cut off": lambda entry, other: entry.write_bytes(entry.read_bytes()[:50]),
    "empty": lambda entry, other: entry.write_bytes(b""),
    "a list": lambda entry, other: entry.write_text("[1]"),
    "deep": lambda entry, other: entry.write_text("[" * 100_000),
}


@pytest.mark.parametrize("forge", FORGED.values(), ids=FORGED)
def test_an_entry_that_was_changed_is_never_used(
    forge: Callable[[Path, Path], object], bank: Bank, kept: MeasurementCache, notes: Notes
) -> None:
    def placed(measurement: Measurement) -> Lineage:
        return place(measurement, bank, compare(measurement, bank), kept)

    made = placed(ME)
    (own,) = entries(kept)
    placed(make_measurement("me", blocks_at(make_blocks(3), 0.2)))
    (other,) = set(entries(kept)) - {own}
    forge(own, other)
    assert placed(ME) == made
    assert len(notes.messages) == 1 and "cannot be trusted" in notes.messages[0]
    assert placed(ME) == made and len(notes.messages) == 1, "it was kept anew"


def test_a_cache_that_cannot_be_written_stops_nothing(bank: Bank, tmp_path: Path, notes: Notes) -> None:
    (tmp_path / "file").write_bytes(b"")
    assert both(bank, MeasurementCache(tmp_path / "file" / "cache", notes)) == both(bank, None)
    assert not notes.messages, "that nothing can be kept is said where measurements are kept"
