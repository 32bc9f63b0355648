"""Building a bank: models that fail, a run that is killed, and what must never be overwritten."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from provcheck.bank import load_bank
from provcheck.bank.build import Built, build_bank
from provcheck.bank.folder import WORDS_FILE, verify_bank
from provcheck.bank.manifest import BuildEntry, BuildManifest
from provcheck.errors import BankError, BrokenModel, OutputError
from provcheck.observer import Silent
from provcheck.types import Measurement
from tests.synthetic import PROBES, make_blocks, make_measurement

MANIFEST = BuildManifest(
    name="mine",
    models=(
        BuildEntry(id="org/a", family="owl"),
        BuildEntry(id="org/b", family="owl", parents=("org/a",), mechanism="fine-tune"),
        BuildEntry(id="org/c", family="hawk", license="mit"),
    ),
)


class Measurer:
    """Counts what it is asked to measure, and raises what it is told to."""

    def __init__(self, **errors: BaseException) -> None:
        self.calls: list[str] = []
        self.errors = errors

    def __call__(self, entry: BuildEntry) -> Measurement:
        self.calls.append(entry.id)
        if error := self.errors.get(entry.id.removeprefix("org/")):
            raise error
        return make_measurement(entry.id, make_blocks(ord(entry.id[-1])))


class Notes(Silent):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.messages: list[str] = []

    def note(self, message: str) -> None:
        self.messages.append(message)


def build(out: Path, measure: Callable[[BuildEntry], Measurement], *, words: bool = False) -> Built:
    return build_bank(MANIFEST, out, PROBES, measure, Silent(), words=words)


def test_a_bank_is_built(tmp_path: Path) -> None:
    built = build(tmp_path / "bank", Measurer(), words=True)
    bank = verify_bank(str(tmp_path / "bank"))
    assert built.failures == {}
    assert bank.manifest == built.manifest
    assert [(r.id, r.parents, r.mechanism, r.license) for r in bank.references] == [
        ("org/a", (), "from-scratch", None),
        ("org/b", ("org/a",), "fine-tune", None),
        ("org/c", (), "from-scratch", "mit"),
    ]
    assert (tmp_path / "bank" / WORDS_FILE).is_file()
    assert [path.name for path in tmp_path.iterdir()] == ["bank"]


def test_a_killed_run_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "bank", Measurer(c=KeyboardInterrupt()))
    assert not list(tmp_path.iterdir())


def test_a_model_that_fails_is_reported_and_skipped(tmp_path: Path) -> None:
    notes = Notes()
    measure = Measurer(b=BrokenModel("model.safetensors: the file ends inside its header"))
    built = build_bank(MANIFEST, tmp_path / "bank", PROBES, measure, notes)
    assert built.failures == {"org/b": "model.safetensors: the file ends inside its header"}
    assert "skipped org/b: model.safetensors: the file ends inside its header" in notes.messages
    assert [reference.id for reference in verify_bank(str(tmp_path / "bank")).references] == ["org/a", "org/c"]
    assert [path.name for path in tmp_path.iterdir()] == ["bank"]


def test_when_every_model_fails_nothing_is_written(tmp_path: Path) -> None:
    broken = BrokenModel("it is broken")
    with pytest.raises(BankError, match="none of the 3 models could be measured: it is broken"):
        build(tmp_path / "bank", Measurer(a=broken, b=broken, c=broken))
    assert not list(tmp_path.iterdir())


def test_a_folder_that_is_no_bank_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("years of work", "utf-8")
    measure = Measurer()
    with pytest.raises(OutputError, match="exists and is not a bank"):
        build(tmp_path / "thesis", measure)
    assert measure.calls == []
    assert (tmp_path / "thesis" / "chapter.txt").read_text("utf-8") == "years of work"


def test_an_old_bank_stays_until_the_new_one_is_whole(tmp_path: Path) -> None:
    old = build(tmp_path / "bank", Measurer(c=BrokenModel("not yet"))).manifest
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path / "bank", Measurer(c=KeyboardInterrupt()))
    assert load_bank(str(tmp_path / "bank")).manifest == old
    new = build(tmp_path / "bank", Measurer()).manifest
    assert load_bank(str(tmp_path / "bank")).manifest == new != old
