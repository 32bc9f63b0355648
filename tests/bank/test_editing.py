"""Adding and removing references: the others stay bit for bit, and nothing stays that no longer holds."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from provcheck.bank import Bank, load_bank
from provcheck.bank.editing import add_reference, check_new, load_editable, remove_reference
from provcheck.bank.folder import verify_bank
from provcheck.bank.manifest import EntryFacts
from provcheck.bank.saving import add_file
from provcheck.errors import BankError, IncompatibleError, OutputError
from provcheck.io import data
from provcheck.types import Measurement, NotMeasured, Reference
from tests.synthetic import (
    array_of,
    make_blocks,
    make_measurement,
    make_probes,
    make_reference,
    stacked,
    with_arrays,
    with_facts,
    without,
    write_bank,
)

ARRAYS_FILES = {"able.safetensors", "likelihood.safetensors"}
RAW_FILE = "able-raw.safetensors"
SHIPPED = "zoo-v9"
ARRAYS = ("able_paper_blocks", "able_contrast_blocks", "loglik")

LINEAGE = [
    make_reference("org/root"),
    make_reference("org/tuned", "org/root", mechanism="fine-tune"),
    make_reference("org/tiny", "org/tuned", mechanism="quantize"),
    make_reference("org/other", license="mit"),
]


def measured(reference: Reference, seed: int) -> tuple[Reference, Measurement]:
    return reference, make_measurement(reference.id, make_blocks(seed))


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    models = [measured(reference, seed) for seed, reference in enumerate(LINEAGE)]
    return write_bank(tmp_path / "bank", models, raw=True)


def content(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def rows(bank: Bank, *ids: str) -> list[bytes]:
    places = [[reference.id for reference in bank.references].index(id) for id in ids]
    arrays = [stacked(bank, name) for name in ARRAYS]
    return [np.ascontiguousarray(array[place]).tobytes() for place in places for array in arrays]


def test_what_is_added_is_last_and_the_others_stay(bank: Bank) -> None:
    reference, measurement = measured(make_reference("org/new", "org/root", mechanism="lora", license="mit"), 9)
    edited = add_reference(bank, reference, measurement)
    after = verify_bank(str(bank.folder))
    assert after.manifest == edited.manifest and edited.left_out == ()
    assert after.references[:-1] == bank.references
    ids = [known.id for known in bank.references]
    assert rows(after, *ids) == rows(bank, *ids)
    kept = [array_of(measurement, name).astype(stacked(bank, name).dtype) for name in ARRAYS]
    assert [stacked(after, name)[-1].tobytes() for name in ARRAYS] == [array.tobytes() for array in kept]
    assert [array.dtype for array in kept] == [np.float16, np.float16, np.float32]
    new = after.references[-1]
    assert (new.id, new.parents, new.mechanism, new.license) == ("org/new", ("org/root",), "lora", "mit")
    assert new.weights_digest == measurement.subject.weights_digest


def test_adding_and_removing_again_changes_nothing_at_all(bank: Bank) -> None:
    before = content(bank.folder)
    add_reference(bank, *measured(make_reference("org/new"), 9))
    assert content(bank.folder) != before
    remove_reference(load_bank(str(bank.folder)), "org/new")
    assert content(bank.folder) == before


def test_a_bank_is_the_same_whether_it_was_built_or_grown(bank: Bank, tmp_path: Path) -> None:
    models = [measured(reference, seed) for seed, reference in enumerate(LINEAGE)]
    write_bank(tmp_path / "grown" / "bank", models[:3], raw=True)
    add_reference(load_bank(str(tmp_path / "grown" / "bank")), *models[3])
    assert content(tmp_path / "grown" / "bank") == content(bank.folder)


def test_raw_arrays_come_and_go_with_their_reference(bank: Bank) -> None:
    before = load_file(bank.folder / RAW_FILE)
    reference, measurement = measured(make_reference("org/new"), 9)
    add_reference(bank, reference, measurement)
    grown = load_file(bank.folder / RAW_FILE)
    assert set(grown) - set(before) == {"org/new"}
    assert all(grown[id].tobytes() == before[id].tobytes() for id in before)
    remove_reference(load_bank(str(bank.folder)), "org/other")
    assert set(load_file(bank.folder / RAW_FILE)) == {"org/root", "org/tuned", "org/tiny", "org/new"}


def test_a_bank_without_raw_arrays_gets_none(tmp_path: Path) -> None:
    bank = write_bank(tmp_path / "bank", [measured(LINEAGE[0], 0)])
    add_reference(bank, *measured(LINEAGE[3], 3))
    assert set(content(bank.folder)) == {"manifest.json", *ARRAYS_FILES}


def test_raw_arrays_that_were_not_shipped_with_the_bank_are_not_missed(bank: Bank) -> None:
    (bank.folder / RAW_FILE).unlink()
    edited = add_reference(bank, *measured(make_reference("org/new"), 9))
    assert edited.left_out == (RAW_FILE,)
    verify_bank(str(bank.folder))


@pytest.mark.parametrize("adds", [True, False])
def test_what_was_made_for_other_references_is_left_out(adds: bool, bank: Bank) -> None:
    add_file(bank, "judge.safetensors", b"fitted on other pairs")
    (bank.folder / "README.md").write_text("mine", "utf-8")
    (bank.folder / "notes").mkdir()
    (bank.folder / "notes" / "a.txt").write_text("mine too", "utf-8")
    loaded = load_bank(str(bank.folder))
    new = measured(make_reference("org/new"), 9)
    edited = add_reference(loaded, *new) if adds else remove_reference(loaded, "org/other")
    assert edited.left_out == ("judge.safetensors",)
    assert "judge.safetensors" not in edited.manifest.files
    there = {str(path.relative_to(bank.folder)) for path in bank.folder.rglob("*")}
    assert there == {*ARRAYS_FILES, RAW_FILE, "manifest.json", "README.md", "notes", "notes/a.txt"}


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        (make_reference("org/root"), "has a reference 'org/root' already"),
        (make_reference("org/new", "org/new", mechanism="merge"), "would be its own ancestor"),
    ],
)
def test_what_cannot_be_added(reference: Reference, message: str, bank: Bank) -> None:
    before = content(bank.folder)
    with pytest.raises(BankError, match=message):
        check_new(bank, reference)
    with pytest.raises(BankError, match=message):
        add_reference(bank, *measured(reference, 9))
    assert content(bank.folder) == before


def test_an_ancestor_that_is_added_later_must_not_descend_from_its_children(bank: Bank, tmp_path: Path) -> None:
    orphan = write_bank(tmp_path / "orphan", [measured(make_reference("org/child", "org/lost", mechanism="merge"), 1)])
    check_new(orphan, make_reference("org/lost"))
    with pytest.raises(BankError, match="would be its own ancestor"):
        check_new(orphan, make_reference("org/lost", "org/child", mechanism="fine-tune"))


def test_numbers_that_the_bank_cannot_hold(bank: Bank) -> None:
    before = content(bank.folder)
    small = make_measurement("org/new", make_blocks(1)[:3])
    with pytest.raises(BankError, match="arrays of another shape"):
        add_reference(bank, make_reference("org/new"), small)
    large = make_measurement("org/new", make_blocks(1) * np.float32(1e6))
    with pytest.raises(BankError, match="cannot hold such numbers"):
        add_reference(bank, make_reference("org/new"), large)
    assert content(bank.folder) == before


def test_what_cannot_be_removed(bank: Bank) -> None:
    before = content(bank.folder)
    with pytest.raises(BankError, match="has no reference 'org/none'"):
        remove_reference(bank, "org/none")
    with pytest.raises(BankError, match="documents where 'org/tiny' came from"):
        remove_reference(bank, "org/tuned")
    assert content(bank.folder) == before


def test_a_root_may_go_since_its_children_still_name_it(bank: Bank) -> None:
    before = bank.ancestry.relation("org/tuned", "org/tiny"), bank.ancestry.relation("org/tiny", "org/other")
    remove_reference(bank, "org/root")
    ancestry = load_bank(str(bank.folder)).ancestry
    assert (ancestry.relation("org/tuned", "org/tiny"), ancestry.relation("org/tiny", "org/other")) == before
    for id in ("org/tiny", "org/tuned"):
        remove_reference(load_bank(str(bank.folder)), id)
    with pytest.raises(BankError, match="'org/other' is the only reference"):
        remove_reference(load_bank(str(bank.folder)), "org/other")


def test_an_undocumented_model_keeps_its_children_uncertain(tmp_path: Path) -> None:
    lineage = [make_reference("a", mechanism="undocumented"), make_reference("b", "a", mechanism="lora"), LINEAGE[0]]
    bank = write_bank(tmp_path / "bank", [measured(reference, seed) for seed, reference in enumerate(lineage)])
    with pytest.raises(BankError, match="documents where 'b' came from"):
        remove_reference(bank, "a")


def test_banks_that_ship_are_not_edited(bank: Bank, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(data, "banks", lambda: {"shipped": bank.folder})
    with pytest.raises(BankError, match="'shipped' ships with provcheck") as caught:
        load_editable("shipped")
    assert caught.value.hint == f"change a copy of it: cp -r {bank.folder} my-bank"
    assert load_editable(str(bank.folder)).manifest == bank.manifest, "in a checkout its folder may be named"
    monkeypatch.setattr(data, "is_packed", lambda: True)
    monkeypatch.setattr(data, "root", lambda: tmp_path)
    with pytest.raises(BankError, match="ships with provcheck"):
        load_editable(str(bank.folder))
    shutil.copytree(bank.folder, tmp_path.parent / f"{tmp_path.name}-copy")
    assert load_editable(str(tmp_path.parent / f"{tmp_path.name}-copy")).manifest == bank.manifest


def test_when_the_new_bank_cannot_be_put_in_place_the_old_one_is(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    before, rename = content(bank.folder), Path.rename

    def refuse(path: Path, target: Path) -> Path:
        if path.name == "new":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OutputError, match="No space left on device"):
        remove_reference(bank, "org/other")
    assert content(bank.folder) == before
    assert [path.name for path in bank.folder.parent.iterdir()] == ["bank"]


def test_a_bank_behind_a_link_is_edited_where_it_lies(bank: Bank, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(bank.folder)
    remove_reference(load_editable(str(tmp_path / "link")), "org/other")
    assert (tmp_path / "link").is_symlink()
    assert len(load_bank(str(bank.folder)).references) == 3


def facts_of(bank: Bank, id: str, signal: str) -> EntryFacts | NotMeasured:
    return next(reference.signals[signal] for reference in bank.references if reference.id == id)


def test_a_measurement_that_lacks_a_signal_is_added_with_the_reason(bank: Bank) -> None:
    before = content(bank.folder)
    blind = without(measured(make_reference("org/endpoint"), 9)[1], "able")
    edited = add_reference(bank, make_reference("org/endpoint"), blind)
    assert edited.left_out == ()
    after = verify_bank(str(bank.folder))
    assert facts_of(after, "org/endpoint", "able") == NotMeasured(not_measured="it is an endpoint")
    assert after.rows_of("able").tolist() == [0, 1, 2, 3] and after.rows_of("likelihood").tolist() == [0, 1, 2, 3, 4]
    assert len(stacked(after, "able_paper_blocks")) == 4 and len(stacked(after, "loglik")) == 5
    for name in ("able.safetensors", RAW_FILE):
        assert (bank.folder / name).read_bytes() == before[name], "no number of the others moves"
    add_reference(after, *measured(make_reference("org/later"), 10))
    later = verify_bank(str(bank.folder))
    assert later.rows_of("able").tolist() == [0, 1, 2, 3, 5]
    remove_reference(later, "org/endpoint")
    remove_reference(load_bank(str(bank.folder)), "org/later")
    assert content(bank.folder) == before


def test_removing_takes_the_right_rows_where_a_reference_lacks_a_signal(tmp_path: Path) -> None:
    models = [measured(reference, seed) for seed, reference in enumerate(LINEAGE)]
    models[1] = (LINEAGE[1], without(models[1][1], "able"))
    bank = write_bank(tmp_path / "bank", models, raw=True)
    assert bank.rows_of("able").tolist() == [0, 2, 3]
    remove_reference(bank, "org/tiny")
    after = verify_bank(str(bank.folder))
    expected = write_bank(tmp_path / "expected" / "bank", [models[0], models[1], models[3]], raw=True)
    assert content(after.folder) == content(expected.folder)


def test_a_signal_that_no_reference_has_any_more_goes(tmp_path: Path) -> None:
    models = [measured(LINEAGE[0], 0), measured(LINEAGE[3], 3)]
    models[1] = (LINEAGE[3], without(models[1][1], "able"))
    bank = write_bank(tmp_path / "bank", models, raw=True)
    edited = remove_reference(bank, "org/root")
    after = verify_bank(str(bank.folder))
    assert set(after.manifest.signals) == set(after.stacks) == {"likelihood"}
    assert set(content(bank.folder)) == {"manifest.json", "likelihood.safetensors"}
    assert edited.left_out == (RAW_FILE, "able.safetensors")


def test_a_bank_gets_no_signal_by_adding(tmp_path: Path) -> None:
    bank = write_bank(tmp_path / "bank", [(LINEAGE[0], without(measured(LINEAGE[0], 0)[1], "able"))], raw=True)
    add_reference(bank, *measured(LINEAGE[3], 3))
    after = verify_bank(str(bank.folder))
    assert set(after.manifest.signals) == {"likelihood"}
    assert set(content(bank.folder)) == {"manifest.json", "likelihood.safetensors"}


def test_what_was_not_measured_in_the_banks_way_cannot_be_added(bank: Bank) -> None:
    before = content(bank.folder)
    elsewhere = make_measurement("org/new", make_blocks(9), probes=make_probes("others"))
    with pytest.raises(IncompatibleError, match=r"it is measured on probe set others \(\w{12}\), 'bank' on synthetic "):
        add_reference(bank, make_reference("org/new"), elsewhere)
    nothing = without(without(make_measurement("org/new", make_blocks(9)), "able"), "likelihood")
    with pytest.raises(IncompatibleError, match="cannot be compared with 'bank': it is an endpoint"):
        add_reference(bank, make_reference("org/new"), nothing)
    assert content(bank.folder) == before


def test_a_signal_that_was_measured_in_another_way_is_left_out(bank: Bank) -> None:
    mixed = with_facts(make_measurement("org/new", make_blocks(9)), "able", version="able/1")
    add_reference(bank, make_reference("org/new"), mixed)
    after = verify_bank(str(bank.folder))
    assert facts_of(after, "org/new", "able") == NotMeasured(not_measured="it was measured in another way")
    assert after.rows_of("able").tolist() == [0, 1, 2, 3] and len(stacked(after, "loglik")) == 5


def test_a_bank_with_a_signal_of_another_version_is_not_edited(tmp_path: Path) -> None:
    """Its rows could not be kept in step with the references."""
    models = [(one, with_facts(measured(one, n)[1], "able", version="able/1")) for n, one in enumerate(LINEAGE)]
    old = write_bank(tmp_path / "old", models, raw=True)
    before = content(old.folder)
    message = "the bank 'old' has signals of another version of provcheck: able"
    with pytest.raises(BankError, match=message) as caught:
        add_reference(old, *measured(make_reference("org/new"), 9))
    assert caught.value.hint == "change it with that version, or build it again with this one"
    with pytest.raises(BankError, match=message):
        remove_reference(old, "org/other")
    assert content(old.folder) == before
    assert verify_bank(str(old.folder)).stacks.keys() == {"likelihood"}


def test_numbers_of_one_signal_that_the_bank_cannot_hold(bank: Bank) -> None:
    before = content(bank.folder)
    new = make_measurement("org/new", make_blocks(9))
    with pytest.raises(BankError, match="arrays of another shape"):
        add_reference(bank, make_reference("org/new"), with_arrays(new, "likelihood", loglik=np.zeros(3)))
    with pytest.raises(BankError, match="cannot hold such numbers"):
        add_reference(bank, make_reference("org/new"), with_arrays(new, "likelihood", loglik=np.full(40, -1e12)))
    assert content(bank.folder) == before


@pytest.mark.parametrize(("folder", "name"), [("mine", "mine"), ("zoo-v9", "zoo-v9-edited")])
def test_an_edited_copy_of_a_bank_that_ships_has_a_name_of_its_own(
    bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, name: str
) -> None:
    """Else two banks of one name would give two answers; one's own bank keeps the name that it was given."""
    models = [measured(reference, seed) for seed, reference in enumerate(LINEAGE)]
    shipped = write_bank(tmp_path / "shipped" / SHIPPED, models)
    monkeypatch.setattr(data, "banks", lambda: {SHIPPED: shipped.folder})
    shutil.copytree(shipped.folder, tmp_path / folder)
    edited = remove_reference(load_editable(str(tmp_path / folder)), "org/other").manifest
    assert edited.name == name == load_bank(str(tmp_path / folder)).manifest.name
    assert load_bank(SHIPPED).manifest.name == SHIPPED
    assert load_editable(str(bank.folder)).manifest.name == bank.manifest.name
