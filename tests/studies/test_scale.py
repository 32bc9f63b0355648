from __future__ import annotations

from pathlib import Path

import pytest

from provcheck.errors import StudyError
from provcheck.studies import TABLE, find_study, run_study
from provcheck.studies.kl_settings import bits_of, pairs_by_setting
from provcheck.types import Finding, Study
from tests.studies.banks import small_bank
from tests.synthetic import make_bank


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


def test_it_repeats(tmp_path: Path, study: Study) -> None:
    again = run_study("scale", small_bank(tmp_path / "bank"))
    assert again.findings == study.findings


@pytest.mark.parametrize("name", TABLE)
def test_every_study_of_the_table_is_there(name: str) -> None:
    assert callable(find_study(name))
