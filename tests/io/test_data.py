from __future__ import annotations

from pathlib import Path

import pytest

from provcheck.errors import BankError, PolicyError
from provcheck.io import data


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package in a checkout that holds one bank, one policy and one demo subject."""
    _fill(tmp_path)
    (tmp_path / "provcheck").mkdir()
    monkeypatch.setattr(data, "_PACKAGE", tmp_path / "provcheck")
    return tmp_path / "provcheck"


def _fill(folder: Path) -> None:
    for name in (
        "reference_embeddings/tiny/manifest.json",
        "reference_embeddings/no-bank/notes.txt",
        "reference_embeddings/subjects/copy/config.json",
        "policies/strict.yaml",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}", "utf-8")


def test_a_checkout_has_its_data_beside_the_package(package: Path) -> None:
    assert data.root() == package.parent
    assert data.banks() == {"tiny": package.parent / "reference_embeddings" / "tiny"}
    assert data.demo_subjects() == {"copy": package.parent / "reference_embeddings" / "subjects" / "copy"}


def test_a_wheel_has_its_data_inside_the_package(package: Path) -> None:
    _fill(package / "_data")
    assert data.root() == package / "_data"
    assert data.bank_folder("tiny").is_relative_to(package / "_data")
    assert data.templates_folder() == package / "_data" / "reports" / "templates"
    assert data.published_file("kl_scale.yaml") == package / "_data" / "reference_embeddings" / "kl_scale.yaml"


def test_a_name_or_a_path_will_do(package: Path) -> None:
    folder = package.parent / "reference_embeddings" / "tiny"
    policy = package.parent / "policies" / "strict.yaml"
    assert data.bank_folder("tiny") == data.bank_folder(str(folder)) == folder
    assert data.policy_file("strict") == data.policy_file(str(policy)) == policy


@pytest.mark.usefixtures("package")
def test_an_unknown_name_lists_what_there_is() -> None:
    with pytest.raises(BankError, match="no bank 'huge'") as bank:
        data.bank_folder("huge")
    with pytest.raises(PolicyError, match="no policy 'lax'") as policy:
        data.policy_file("lax")
    assert "Banks that ship: tiny." in bank.value.hint
    assert "Policies that ship: strict." in policy.value.hint


def test_this_checkout_has_templates() -> None:
    assert (data.templates_folder() / "report.html.j2").is_file()
