from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import JsonValue

from provcheck.assembly import against
from provcheck.bank import Bank, load_bank
from provcheck.bank.editing import load_editable, remove_reference
from provcheck.bank.folder import verify_bank
from provcheck.bank.saving import add_fitted
from provcheck.errors import BankError, StudyError
from provcheck.signals import find_signal
from provcheck.signals.likelihood.kl_scale import FITTED, KLBackground
from provcheck.signals.likelihood.values import LikelihoodValues
from provcheck.signals.stacks import sketch_at
from provcheck.studies import TABLE, find_study, run_study
from provcheck.studies.kl_settings import bits_of, pairs_by_setting
from provcheck.studies.scale import own_scale, store_scale
from provcheck.types import Finding, Study
from tests.studies.banks import BASE, family, path_bank, small_bank
from tests.synthetic import make_bank, write_bank


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return run_study("scale", small_bank(tmp_path_factory.mktemp("scale") / "bank"))


def found(study: Study, name: str) -> Finding:
    return next(one for one in study.findings if one.name == name)


def test_each_setting_has_the_pairs_that_the_bank_documents(tmp_path: Path) -> None:
    bank = small_bank(tmp_path / "bank")
    pairs = pairs_by_setting(bank)
    counts = {name: len(one) for name, one in pairs.items() if not isinstance(one, str)}
    assert counts == {"seed": 0, "fine-tune": 3, "8-bit": 3, "size": 0, "4-bit": 3, "same-type": 30, "random": 105}
    assert {name for name, one in pairs.items() if isinstance(one, str)} == {
        "checkpoint-late",
        "checkpoint-early",
        "layer",
    }


def test_checkpoints_of_a_run_stand_for_their_settings_and_its_end_for_the_model(tmp_path: Path) -> None:
    bank = path_bank(tmp_path / "bank")
    pairs = {
        name: [(bank.references[i].id, bank.references[j].id) for i, j in rows]
        for name, rows in pairs_by_setting(bank).items()
        if not isinstance(rows, str)
    }
    assert pairs["checkpoint-early"][:2] == [("org/a-0", "org/a-1"), ("org/a-1", "org/a-2")]
    assert pairs["checkpoint-late"][-1] == ("org/b-24", "org/b-25")
    assert {name: len(one) for name, one in pairs.items() if name.startswith("checkpoint")} == {
        "checkpoint-early": 24,
        "checkpoint-late": 26,
    }
    assert pairs["fine-tune"] == [("org/t-20", f"org/a-{BASE}")]
    assert set(pairs["random"]) == {("org/a-25", "org/b-25"), ("org/a-25", "org/t-20"), ("org/b-25", "org/t-20")}


def test_medians_grow_with_the_change_and_have_intervals(study: Study) -> None:
    medians = [found(study, f"KL, {name}").value for name in ("8-bit", "4-bit", "fine-tune", "random")]
    known = [one for one in medians if one is not None]
    assert len(known) == 4 and known == sorted(known)
    for name in ("fine-tune", "random"):
        one = found(study, f"KL, {name}")
        assert one.ci95 and one.value
        assert one.ci95[0] <= one.value <= one.ci95[1]


def test_what_was_not_measured_says_why(study: Study) -> None:
    assert found(study, "KL, layer").value is None
    assert "layers" in found(study, "KL, layer").note
    assert "no such pair" in found(study, "KL, seed").note


@pytest.mark.parametrize(
    ("id", "bits"),
    [("org/m-4bit", 4), ("m-int8", 8), ("m-nf4", 4), ("m-8-bit", 8), ("m-16bit", None), ("m-s1", None), ("q4/m", None)],
)
def test_bits_are_read_off_the_name(id: str, bits: int | None, tmp_path: Path) -> None:
    reference = small_bank(tmp_path / "bank").references[0].model_copy(update={"id": id})
    assert bits_of(reference) == bits


def test_a_bank_without_documented_changes_has_too_little(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="pairs for 1 of the ten settings") as caught:
        run_study("scale", make_bank(tmp_path / "bank"))
    assert caught.value.exit_code == 4
    assert "manifest" in caught.value.hint


def many(folder: Path) -> Bank:
    """Five families, the last of them held out."""
    kinds = {"fine-tune": 4.0, "quantize-of-4bit": 1.0, "quantize-of-8bit": 0.1}
    models = [model for n in range(5) for model in family(f"org/root-{n}", n, kinds)]
    return write_bank(
        folder,
        [
            (one.model_copy(update={"split": "held-out" if "root-4" in one.id else "calibration"}), measured)
            for one, measured in models
        ],
    )


def test_a_bank_holds_a_scale_of_its_own(tmp_path: Path) -> None:
    bank = many(tmp_path / "bank")
    found, manifest = store_scale(bank)
    assert found.bank == "bank" and manifest.digest != bank.manifest.digest
    medians = [band.median for band in found.bands]
    assert medians == sorted(medians)
    assert found.bands[0].settings == ("8-bit",)
    assert "8-bit 4," in found.table, "the fifth family is held out"
    again = verify_bank(str(bank.folder))
    values = find_signal("likelihood").compare(
        sketch_at(find_signal("likelihood"), again.stacks["likelihood"], 3), again.stacks["likelihood"].take([0])
    )[0]
    assert isinstance(values, LikelihoodValues)
    assert values.scale_band == "8-bit"


def test_a_report_says_which_scale_it_went_by(tmp_path: Path) -> None:
    bank = many(tmp_path / "bank")
    papers = against(find_signal("likelihood"), bank)
    store_scale(bank)
    own = against(find_signal("likelihood"), load_bank(str(bank.folder)))
    assert papers and own and isinstance(own[0], KLBackground) and isinstance(papers[0], KLBackground)
    assert (papers[0].kl_bank, own[0].kl_bank) == (None, "bank")
    assert papers[1] != own[1]
    assert "kl_bank" not in papers[0].model_dump(), "older reports keep their digest"
    assert "pairs of bank bank" in own[0].kl_source


def test_the_scale_goes_when_the_references_change(tmp_path: Path) -> None:
    bank = many(tmp_path / "bank")
    store_scale(bank)
    edited = remove_reference(load_editable(str(bank.folder)), "org/root-0-fine-tune")
    assert "kl_scale of likelihood" in edited.left_out
    assert not load_bank(str(bank.folder)).manifest.signals["likelihood"].fitted


@pytest.mark.parametrize("bands", [[], [{"name": "x", "median": 0.0, "settings": []}]])
def test_a_scale_that_is_none_makes_the_bank_unreadable(tmp_path: Path, bands: list[JsonValue]) -> None:
    bank = many(tmp_path / "bank")
    value: JsonValue = {"source": "s", "table": "t", "max_bits_per_byte": 2.0, "bank": "b", "bands": bands}
    add_fitted(bank, "likelihood", FITTED, value)
    with pytest.raises(BankError, match="do not fit"):
        load_bank(str(bank.folder))


def test_too_few_pairs_give_no_scale(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="a scale of its own"):
        own_scale(make_bank(tmp_path / "bank"))


def test_it_repeats(tmp_path: Path, study: Study) -> None:
    again = run_study("scale", small_bank(tmp_path / "bank"))
    assert again.findings == study.findings


@pytest.mark.parametrize("name", TABLE)
def test_every_study_of_the_table_is_there(name: str) -> None:
    assert callable(find_study(name))
