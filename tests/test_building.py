"""Building a bank: models that fail, a run that is killed, and what must never be overwritten."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from provcheck import building
from provcheck.bank import load_bank
from provcheck.bank.folder import verify_bank
from provcheck.building import Built, add_to_bank, build_bank
from provcheck.errors import BankError, BrokenModel, IncompatibleError, OutputError, ProbeError
from provcheck.measuring import ModelOptions
from provcheck.observer import Observer, Silent
from provcheck.store import save_measurement
from provcheck.types import Measurement, NotMeasured, Reference
from tests.cached import Notes
from tests.synthetic import (
    PROBES,
    make_blocks,
    make_measurement,
    make_probes,
    make_reference,
    stacked,
    with_arrays,
    without,
)
from tests.tiny import save_probes

MANIFEST = """\
name: mine
models:
  - {id: org/a, family: owl, mechanism: from-scratch}
  - {id: org/b, family: owl, parents: [org/a], mechanism: fine-tune, revision: v2}
  - {id: org/c, family: hawk, license: mit}
"""


class Measurer:
    """In place of `measure_model`: counts what it is asked to measure, and raises what it is told to."""

    def __init__(self, **errors: BaseException) -> None:
        self.calls: list[tuple[str, str | None]] = []
        self.errors = errors

    def __call__(self, model: str, options: ModelOptions, observe: Observer) -> Measurement:
        self.calls.append((model, options.revision))
        if error := self.errors.get(model.removeprefix("org/")):
            raise error
        return make_measurement(model, make_blocks(ord(model[-1])))


class Workshop:
    """A manifest and probes in folders of their own, and a folder for banks beside them."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.probes = save_probes(folder / "inputs" / "synthetic", PROBES)
        self.manifest = folder / "inputs" / "mine.yaml"
        self.manifest.write_text(MANIFEST, "utf-8")
        self.banks = folder / "banks"
        self.banks.mkdir()
        self.patch = patch

    @property
    def bank(self) -> str:
        return str(self.banks / "bank")

    @property
    def options(self) -> ModelOptions:
        return ModelOptions(probes=str(self.probes))

    def build(
        self, measure: Measurer | None = None, observe: Observer | None = None, *, raw: bool = False, out: str = "bank"
    ) -> Built:
        with self.patch.context() as patch:
            if measure:
                patch.setattr(building, "measure_model", measure)
            return build_bank(self.manifest, self.banks / out, self.options, observe or Silent(), raw=raw)

    def build_of_files(self, observe: Observer | None = None, **measurements: Measurement) -> Built:
        """A bank of measurement files."""
        lines = ""
        for name, measurement in measurements.items():
            save_measurement(measurement, self.manifest.parent / f"{name}.safetensors", raw=True)
            lines += f"  - {{id: org/{name}, family: {name}, path: {name}.safetensors}}\n"
        self.manifest.write_text(f"name: mine\nmodels:\n{lines}", "utf-8")
        return self.build(None, observe, raw=True)


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    yield Workshop(tmp_path, monkeypatch)


def test_a_bank_is_built(workshop: Workshop) -> None:
    measure = Measurer()
    built = workshop.build(measure, raw=True)
    bank = verify_bank(workshop.bank)
    assert built.failures == {}
    assert bank.manifest == built.manifest
    assert [(r.id, r.parents, r.mechanism, r.license) for r in bank.references] == [
        ("org/a", (), "from-scratch", None),
        ("org/b", ("org/a",), "fine-tune", None),
        ("org/c", (), "undocumented", "mit"),
    ]
    assert (bank.manifest.name, bank.manifest.probes, bank.manifest.probes_digest) == (
        "mine",
        PROBES.name,
        PROBES.digest,
    )
    assert measure.calls == [("org/a", None), ("org/b", "v2"), ("org/c", None)]
    assert (bank.folder / "able-raw.safetensors").is_file()
    assert [path.name for path in workshop.banks.iterdir()] == ["bank"]


def test_raw_numbers_are_kept_only_when_asked_for(workshop: Workshop) -> None:
    workshop.build(Measurer())
    names = {path.name for path in Path(workshop.bank).iterdir()}
    assert names == {"manifest.json", "able.safetensors", "likelihood.safetensors"}


def test_a_killed_run_leaves_nothing(workshop: Workshop) -> None:
    with pytest.raises(KeyboardInterrupt):
        workshop.build(Measurer(c=KeyboardInterrupt()))
    assert not list(workshop.banks.iterdir())


def test_a_model_that_fails_is_reported_and_skipped(workshop: Workshop) -> None:
    notes = Notes()
    measure = Measurer(b=BrokenModel("model.safetensors: the file ends inside its header"))
    built = workshop.build(measure, notes)
    assert built.failures == {"org/b": "model.safetensors: the file ends inside its header"}
    assert "skipped org/b: model.safetensors: the file ends inside its header" in notes.messages
    assert [message for message in notes.messages if message.startswith("[")] == [
        "[1/3] org/a",
        "[2/3] org/b",
        "[3/3] org/c",
    ]
    assert [reference.id for reference in verify_bank(workshop.bank).references] == ["org/a", "org/c"]
    assert [path.name for path in workshop.banks.iterdir()] == ["bank"]


def test_when_every_model_fails_nothing_is_written(workshop: Workshop) -> None:
    broken = BrokenModel("it is broken")
    with pytest.raises(BankError, match="none of the 3 models could be measured: it is broken"):
        workshop.build(Measurer(a=broken, b=broken, c=broken))
    assert not list(workshop.banks.iterdir())


def test_a_folder_that_is_no_bank_is_refused_before_anything_is_measured(workshop: Workshop) -> None:
    (workshop.banks / "thesis").mkdir()
    (workshop.banks / "thesis" / "chapter.txt").write_text("years of work", "utf-8")
    measure = Measurer()
    with pytest.raises(OutputError, match="exists and is not a bank"):
        workshop.build(measure, out="thesis")
    assert measure.calls == []
    assert (workshop.banks / "thesis" / "chapter.txt").read_text("utf-8") == "years of work"


@pytest.mark.parametrize(("text", "error"), [("name: [", BankError), (None, ProbeError)])
def test_what_cannot_be_read_is_told_before_anything_is_measured(
    text: str | None, error: type[Exception], workshop: Workshop
) -> None:
    if text is None:
        (workshop.probes / "texts.jsonl").unlink()
    else:
        workshop.manifest.write_text(text, "utf-8")
    measure = Measurer()
    with pytest.raises(error):
        workshop.build(measure)
    assert measure.calls == [] and not list(workshop.banks.iterdir())


def test_an_old_bank_stays_until_the_new_one_is_whole(workshop: Workshop) -> None:
    old = workshop.build(Measurer(c=BrokenModel("not yet"))).manifest
    with pytest.raises(KeyboardInterrupt):
        workshop.build(Measurer(c=KeyboardInterrupt()))
    assert load_bank(workshop.bank).manifest == old
    new = workshop.build(Measurer()).manifest
    assert load_bank(workshop.bank).manifest == new != old


def test_measurement_files_make_a_bank_and_one_may_lack_a_signal(workshop: Workshop) -> None:
    whole, blind = (make_measurement(name, make_blocks(n)) for n, name in enumerate(("whole", "blind")))
    built = workshop.build_of_files(whole=whole, blind=without(blind, "able"))
    bank = verify_bank(workshop.bank)
    assert built.failures == {} and bank.manifest == built.manifest
    assert bank.references[1].signals["able"] == NotMeasured(not_measured="it is an endpoint")
    assert (bank.rows_of("able").tolist(), bank.rows_of("likelihood").tolist()) == ([0], [0, 1])
    assert stacked(bank, "able_contrast_blocks")[0].tobytes() == make_blocks(0).astype(np.float16).tobytes()


def test_a_measurement_of_other_probes_is_skipped(workshop: Workshop) -> None:
    """Or the bank would say that it was measured with probes that it was not."""
    other = make_measurement("other", make_blocks(2), probes=make_probes("others"))
    notes = Notes()
    built = workshop.build_of_files(notes, other=other, fitting=make_measurement("fitting", make_blocks(1)))
    assert list(built.failures) == ["org/other"]
    assert "it is measured on probe set others (" in built.failures["org/other"]
    assert [reference.id for reference in verify_bank(workshop.bank).references] == ["org/fitting"]


def test_measurements_that_fit_no_one_bank(workshop: Workshop) -> None:
    """Files may claim the same probes and hold anything."""
    whole = make_measurement("whole", make_blocks(0))
    with pytest.raises(BankError, match="arrays of different shapes"):
        workshop.build_of_files(whole=whole, short=with_arrays(whole, "likelihood", loglik=np.full(39, -200.0)))
    assert not list(workshop.banks.iterdir())


def test_a_model_that_lacks_a_signal_is_added(workshop: Workshop) -> None:
    workshop.build(Measurer())
    blind = workshop.manifest.parent / "blind.safetensors"
    save_measurement(without(make_measurement("blind", make_blocks(5)), "able"), blind)
    notes = Notes()
    reference = Reference(id="org/blind", family="x", parents=("org/far",), mechanism="lora")
    edited = add_to_bank(workshop.bank, str(blind), reference, workshop.options, notes)
    bank = verify_bank(workshop.bank)
    assert bank.manifest == edited.manifest and edited.left_out == ()
    assert bank.references[-1].signals["able"] == NotMeasured(not_measured="it is an endpoint")
    assert notes.messages == ["its parent org/far is no reference of this bank"]


def test_a_model_that_shares_no_signal_with_the_bank_is_refused(workshop: Workshop) -> None:
    workshop.build_of_files(a=without(make_measurement("a", make_blocks(0)), "likelihood"))
    blind = workshop.manifest.parent / "blind.safetensors"
    save_measurement(without(make_measurement("blind", make_blocks(5)), "able"), blind)
    before = load_bank(workshop.bank).manifest
    with pytest.raises(IncompatibleError, match="cannot be compared with 'mine': it is an endpoint"):
        add_to_bank(workshop.bank, str(blind), make_reference("org/blind"), workshop.options, Silent())
    assert load_bank(workshop.bank).manifest == before
