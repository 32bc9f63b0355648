"""The YAML that says what to build: what is refused, and how clearly."""

from __future__ import annotations

from pathlib import Path

import pytest

from provcheck.bank.manifest import read_build_manifest
from provcheck.errors import BankError

ONE = "name: mine\nmodels:\n  - {id: a, family: f, path: models/a}\n"


def write(folder: Path, text: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bank.yaml").write_text(text, "utf-8")
    return folder / "bank.yaml"


def test_paths_are_relative_to_the_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "deep", ONE + f"  - {{id: b, family: f, path: {tmp_path / 'b'}}}\n  - {{id: org/c, family: f}}\n")
    monkeypatch.chdir(tmp_path)
    manifest = read_build_manifest(Path("deep/bank.yaml"))
    paths = [model.path for model in manifest.models]
    assert paths == [str(tmp_path / "deep" / "models" / "a"), str(tmp_path / "b"), None]


def test_everything_that_the_design_names_can_be_said(tmp_path: Path) -> None:
    text = (
        "name: my-bank\nmodels:\n  - id: org/name\n    path: folder\n    revision: main\n    family: llama\n"
        "    parents: [elsewhere/base]\n    mechanism: fine-tune\n    license: apache-2.0\n"
    )
    model = read_build_manifest(write(tmp_path, text)).models[0]
    assert (model.revision, model.parents, model.mechanism) == ("main", ("elsewhere/base",), "fine-tune")


def test_an_initialisation_is_written_only_where_there_is_one(tmp_path: Path) -> None:
    """So the digests of banks from before it hold."""
    text = ONE + "  - {id: b, family: f, path: models/b, initialisation: a}\n"
    plain, shared = read_build_manifest(write(tmp_path, text)).models
    assert "initialisation" not in plain.model_dump(mode="json")
    assert shared.model_dump(mode="json")["initialisation"] == "a"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [", "bank.yaml, line 1, column 8: expected the node content"),
        ("", "bank.yaml, line 1, column 1: the file is empty"),
        ("[]", "bank.yaml, line 1, column 1: must consist of `key: value` lines"),
        ("name: mine\nmodels: []\n", "line 2, column 9: models: must have at least 1 entry"),
        ("name: ../mine\nmodels:\n  - {id: a, family: f}\n", "line 1, column 7: name: must look like ^"),
        ("name: mine\nmodels:\n  - {id: a}\n", "line 3, column 5: models[0]: `family` is missing"),
        (
            "name: mine\nmodels:\n  - {id: a, family: f, mother: b}\n",
            "line 3, column 24: models[0].mother: there is no such key; keys: ",
        ),
        (ONE + "  - {id: a, family: f}\n", "the id 'a' occurs twice"),
        (ONE + "  - {id: b, family: f, parents: [b]}\n", "'b' is its own ancestor"),
        (
            "name: mine\nmodels:\n  - {id: a, family: f, parents: [c]}\n  - {id: b, family: f, parents: [a]}\n"
            "  - {id: c, family: f, parents: [b]}\n",
            "'a' is its own ancestor",
        ),
    ],
)
def test_a_fault_is_named_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BankError) as caught:
        read_build_manifest(write(tmp_path, text))
    assert message in caught.value.message
    assert caught.value.message.startswith(f"{tmp_path / 'bank.yaml'}, line ")
    assert "\n" not in caught.value.message + caught.value.hint


def test_all_faults_of_an_entry_are_named(tmp_path: Path) -> None:
    with pytest.raises(BankError, match="`family` is missing") as caught:
        read_build_manifest(write(tmp_path, "name: mine\nmodels:\n  - {id: a, familly: f}\n"))
    assert "models[0].familly: there is no such key; did you mean 'family'?" in caught.value.hint


def test_an_absent_manifest(tmp_path: Path) -> None:
    with pytest.raises(BankError, match="manifest not found"):
        read_build_manifest(tmp_path / "none.yaml")


def test_yaml_that_would_run_code_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BankError, match=r"line 1, column 7: the tag .* is not allowed"):
        read_build_manifest(write(tmp_path, "name: !!python/object/apply:os.system ['true']\nmodels: []\n"))


def test_a_binary_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bank.yaml").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(BankError, match=r"bank.yaml, line 1, column 1: not UTF-8"):
        read_build_manifest(tmp_path / "bank.yaml")
