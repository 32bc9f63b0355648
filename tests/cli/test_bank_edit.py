"""`provcheck bank add` and `provcheck bank remove`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from provcheck.bank import load_bank
from provcheck.bank.folder import verify_bank
from provcheck.bank.manifest import BankEntry, EntryFacts
from provcheck.bank.saving import add_file
from provcheck.cli import run
from provcheck.io import data
from provcheck.signals import TABLE
from tests.cli.conftest import World


@pytest.fixture
def bank(world: World, tmp_path: Path) -> Path:
    """A bank that a test may change."""
    return shutil.copytree(world.bank, tmp_path / "bank")


def digests(entry: BankEntry) -> dict[str, str]:
    """Of the numbers of each signal."""
    return {name: facts.sha256 for name, facts in entry.signals.items() if isinstance(facts, EntryFacts)}


def add(bank: Path, world: World, model: Path, *options: str) -> int:
    return run(["bank", "add", str(bank), str(model), "--probes", str(world.probes), *options])


def test_add_and_remove(bank: Path, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    add_file(load_bank(str(bank)), "judge.safetensors", b"fitted on other pairs")
    options = ["--id", "org/again", "--family", "seed-0", "--parent", "org/seed-0", "--mechanism", "copy"]
    assert add(bank, world, world.models["seed-0"], *options, "--license", "mit") == 0
    said = capsys.readouterr().out
    after = verify_bank(str(bank))
    assert f"{bank}: bank {after.manifest.name}, 5 references, digest {after.manifest.digest}\n" in said
    assert "left out, since the references are others now: judge.safetensors; `provcheck bank calibrate`" in said
    first, new = after.references[0], after.references[-1]
    assert (new.id, new.family, new.parents, new.mechanism, new.license) == (
        "org/again",
        "seed-0",
        ("org/seed-0",),
        "copy",
        "mit",
    )
    assert new.weights_digest == first.weights_digest
    assert new.signals == first.signals, "the same weights, the same numbers"
    assert digests(new).keys() == TABLE.keys()
    assert run(["bank", "remove", str(bank), "org/again"]) == 0
    said = capsys.readouterr().out
    assert "4 references" in said and "left out" not in said
    assert load_bank(str(bank)).manifest == load_bank(str(world.bank)).manifest


def test_a_measurement_file_is_added_without_probes(bank: Path, world: World, tmp_path: Path) -> None:
    file = tmp_path / "m.safetensors"
    assert run(["measure", str(world.models["seed-1"]), "-o", str(file), "--probes", str(world.probes)]) == 0
    assert run(["bank", "add", str(bank), str(file), "--id", "org/file", "--family", "x"]) == 0
    references = verify_bank(str(bank)).references
    assert (references[-1].id, digests(references[-1])) == ("org/file", digests(references[1]))


def test_other_probes_are_refused_before_anything_is_measured(
    bank: Path, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    before = load_bank(str(bank)).manifest
    options = ["--id", "org/new", "--family", "x", "--probes", "quick"]
    assert run(["bank", "add", str(bank), str(world.models["seed-0"]), *options]) == 4
    said = capsys.readouterr()
    assert (
        "the subject cannot be compared with 'tiny-bank': it is measured on probe set provcheck-v1-quick" in said.err
        and "attributions" not in said.out
    )
    assert load_bank(str(bank)).manifest == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--id", "org/seed-2", "--family", "x"], "has a reference 'org/seed-2' already"),
        (["--id", "new", "--family", "x", "--parent", "org/seed-0"], "--parent and --mechanism do not fit"),
        (["--id", "new", "--family", "x", "--mechanism", "lora"], "--parent and --mechanism do not fit"),
        (["--id", "new", "--family", "x", "--parent", "new", "--mechanism", "lora"], "would be its own ancestor"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_is_measured(
    options: list[str], message: str, bank: Path, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert add(bank, world, world.models["seed-3"], *options) == 4
    said = capsys.readouterr()
    assert message in said.err and "attributions" not in said.out


def test_a_parent_elsewhere_is_named(bank: Path, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--id", "new", "--family", "x", "--parent", "org/else\x1bwhere", "--mechanism", "lora"]
    assert add(bank, world, world.models["seed-3"], *options) == 0
    said = capsys.readouterr().out
    assert "note: its parent org/else" in said and "is no reference of this bank" in said and "\x1b" not in said


def test_shipped_banks_stay_as_they_are(
    bank: Path, world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(data, "banks", lambda: {"zoo": bank})
    assert run(["bank", "remove", "zoo", "org/seed-0"]) == 4
    said = capsys.readouterr().err
    assert "the bank 'zoo' ships with provcheck" in said and "cp -r" in said
    assert add(Path("zoo"), world, world.models["seed-3"], "--id", "new", "--family", "x") == 4
    assert run(["bank", "calibrate", "zoo"]) == 4
    assert load_bank(str(bank)).manifest == load_bank(str(world.bank)).manifest


def test_what_is_not_there_cannot_be_removed(bank: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bank", "remove", str(bank), "org/none"]) == 4
    assert "has no reference 'org/none'" in capsys.readouterr().err
    assert run(["bank", "remove", str(bank.parent / "nowhere"), "org/none"]) == 4
    assert "There is no bank" in capsys.readouterr().err
