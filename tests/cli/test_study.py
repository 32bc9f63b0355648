"""`provcheck study`: the papers' experiments on a bank."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from provcheck.cli import run
from provcheck.studies import TABLE
from tests.studies.banks import small_bank
from tests.synthetic import make_bank


def test_the_studies_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["study", "--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == list(TABLE)


def test_a_study_is_printed_and_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bank = small_bank(tmp_path / "bank")
    assert run(["study", "scale", str(bank.folder), "--out", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "paper: " in said and "; here: " in said
    assert "KL, fine-tune" in said
    found = json.loads((tmp_path / "out" / "scale.json").read_text())
    assert found["bank"]["digest"] == bank.manifest.digest
    assert found["tool"]["command"] == f"provcheck study scale {bank.folder}"


def test_a_bank_with_too_little_is_bad_input(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    make_bank(tmp_path / "bank")
    assert run(["study", "scale", str(tmp_path / "bank")]) == 4
    said = capsys.readouterr().err
    assert "pairs for 1 of the ten settings" in said and "hint:" in said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["study"], "name a study and a bank"),
        (["study", "scale"], "name a study and a bank"),
        (["study", "scele", "zoo-v2"], "did you mean 'scale'?"),
        (["study", "scale", "zoo-v3"], "There is no bank 'zoo-v3'; did you mean 'zoo-v2'?"),
    ],
)
def test_what_is_not_known_is_said(given: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(given) == 4
    assert said in capsys.readouterr().err
