"""Banks on disk: what is written is read again, and what was changed is refused."""

from __future__ import annotations

import ast
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import provcheck
from provcheck import data
from provcheck.bank import Bank, load_bank, save_bank
from provcheck.bank.folder import ARRAYS_FILE, WORDS_FILE, file_digest, verify_bank
from provcheck.bank.manifest import BankManifest
from provcheck.errors import BankError, OutputError
from tests.synthetic import PROBES, make_bank, make_blocks, make_measurement, make_reference, write_bank


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    """A bank of three with raw word attributions."""
    names = ["org/a", "org/b", "org/c"]
    parents = [(), ("org/a",), ()]
    models = [
        (make_reference(name, *above), make_measurement(name, make_blocks(n)))
        for n, (name, above) in enumerate(zip(names, parents, strict=True))
    ]
    return write_bank(tmp_path / "mine", models, words=True)


def flip_last_byte(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def edit_manifest(bank: Bank, change: Callable[[dict[str, object]], object], *, sign: bool = False) -> None:
    """Change manifest.json; `sign` gives it a digest that fits, as one would who builds a bank of his own."""
    path = bank.folder / "manifest.json"
    content = json.loads(path.read_text("utf-8"))
    change(content)
    if sign:
        content["digest"] = BankManifest.model_validate(content).computed_digest()
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8", newline="\n")


def replace_arrays(bank: Bank, arrays: dict[str, np.ndarray]) -> None:
    """Other arrays with a manifest that vouches for them."""
    save_file(arrays, bank.folder / ARRAYS_FILE)
    digest = file_digest(bank.folder / ARRAYS_FILE)
    edit_manifest(bank, lambda content: content["files"].update({ARRAYS_FILE: digest}), sign=True)  # type: ignore[attr-defined]


def test_what_is_written_is_read_again(bank: Bank) -> None:
    assert [reference.id for reference in bank.references] == ["org/a", "org/b", "org/c"]
    assert bank.references[1].parents == ("org/a",)
    assert (bank.manifest.probes, bank.manifest.probes_digest) == (PROBES.name, PROBES.digest)
    np.testing.assert_allclose(bank.contrast_blocks[2].astype(np.float32), make_blocks(2), rtol=1e-3, atol=1e-4)
    assert sorted(path.name for path in bank.folder.iterdir()) == [ARRAYS_FILE, "manifest.json", WORDS_FILE]
    assert verify_bank(str(bank.folder)).manifest == bank.manifest


def test_same_measurements_make_the_same_bank(tmp_path: Path) -> None:
    first, second = (make_bank(tmp_path / place / "mine") for place in ("one", "two"))
    assert first.manifest == second.manifest
    assert file_digest(first.folder / ARRAYS_FILE) == file_digest(second.folder / ARRAYS_FILE)


def test_one_changed_byte_of_the_arrays_is_refused(bank: Bank) -> None:
    flip_last_byte(bank.folder / ARRAYS_FILE)
    with pytest.raises(BankError, match=r"bank\.safetensors of bank 'mine' was changed"):
        load_bank(str(bank.folder))


def test_one_changed_byte_of_the_words_is_found_by_verify(bank: Bank) -> None:
    flip_last_byte(bank.folder / WORDS_FILE)
    load_bank(str(bank.folder))
    with pytest.raises(BankError, match=r"words\.safetensors of bank 'mine' was changed"):
        verify_bank(str(bank.folder))


def test_a_bank_without_its_words_is_whole(bank: Bank) -> None:
    (bank.folder / WORDS_FILE).unlink()
    verify_bank(str(bank.folder))


def test_changed_parents_are_refused(bank: Bank) -> None:
    edit_manifest(bank, lambda content: content["references"][1].update(parents=[]))  # type: ignore[index]
    with pytest.raises(BankError, match="the manifest of bank 'mine' was changed"):
        load_bank(str(bank.folder))


def test_numbers_changed_together_with_every_digest_but_their_own(bank: Bank) -> None:
    arrays = load_file(bank.folder / ARRAYS_FILE)
    arrays["loglik"][1, 0] += 1
    replace_arrays(bank, arrays)
    load_bank(str(bank.folder))
    with pytest.raises(BankError, match="the numbers of 'org/b' in bank 'mine' were changed"):
        verify_bank(str(bank.folder))


def test_a_missing_file_is_named(bank: Bank) -> None:
    (bank.folder / ARRAYS_FILE).unlink()
    with pytest.raises(BankError, match=r"lacks its file bank\.safetensors"):
        load_bank(str(bank.folder))


@pytest.mark.parametrize("version", [0, 1, 3, "2.0", None])
def test_an_unknown_schema_version_is_refused(bank: Bank, version: object) -> None:
    edit_manifest(bank, lambda content: content.update(schema_version=version))
    with pytest.raises(BankError, match="schema_version"):
        load_bank(str(bank.folder))


def test_fields_of_a_later_version_are_refused(bank: Bank) -> None:
    edit_manifest(bank, lambda content: content.update(judge="judge.pkl"))
    with pytest.raises(BankError, match="judge: Extra inputs"):
        load_bank(str(bank.folder))


@pytest.mark.parametrize("text", ["", "{", "[]", '{"name": "mine"}', "\x00"])
def test_a_broken_manifest_is_refused(bank: Bank, text: str) -> None:
    (bank.folder / "manifest.json").write_text(text, "utf-8")
    with pytest.raises(BankError, match="the manifest of bank 'mine' is broken"):
        load_bank(str(bank.folder))


@pytest.mark.parametrize("fault", ["rows", "lacking", "blocks", "flat", "whole numbers"])
def test_arrays_that_do_not_fit_are_refused(bank: Bank, fault: str) -> None:
    arrays = load_file(bank.folder / ARRAYS_FILE)
    match fault:
        case "rows":
            arrays["loglik"] = arrays["loglik"][:2]
        case "lacking":
            del arrays["paper_blocks"]
        case "blocks":
            arrays["paper_blocks"] = arrays["paper_blocks"][:, :3]
        case "flat":
            arrays["loglik"] = arrays["loglik"][:, 0]
        case "whole numbers":
            arrays["contrast_blocks"] = arrays["contrast_blocks"].astype(np.int32)
    replace_arrays(bank, {name: np.ascontiguousarray(array) for name, array in arrays.items()})
    with pytest.raises(BankError, match="arrays of bank 'mine'"):
        load_bank(str(bank.folder))


def test_arrays_that_are_no_safetensors(bank: Bank) -> None:
    (bank.folder / ARRAYS_FILE).write_bytes(b"\x80\x04pickle")
    digest = file_digest(bank.folder / ARRAYS_FILE)
    edit_manifest(bank, lambda content: content["files"].update({ARRAYS_FILE: digest}), sign=True)  # type: ignore[attr-defined]
    with pytest.raises(BankError, match="cannot be read"):
        load_bank(str(bank.folder))


def test_an_unknown_bank(tmp_path: Path) -> None:
    with pytest.raises(BankError, match="There is no bank"):
        load_bank(str(tmp_path))


def test_a_folder_that_is_no_bank_is_never_replaced(tmp_path: Path) -> None:
    out = tmp_path / "thesis"
    out.mkdir()
    (out / "chapter.txt").write_text("years of work", "utf-8")
    with pytest.raises(OutputError, match="exists and is not a bank"):
        make_bank(out)
    assert [path.name for path in tmp_path.rglob("*")] == ["thesis", "chapter.txt"]


def test_a_file_in_the_place_of_the_folder_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("notes", "utf-8")
    with pytest.raises(OutputError, match="mine"):
        make_bank(tmp_path / "mine")
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_bank_is_replaced_by_a_bank(bank: Bank) -> None:
    model = (make_reference("org/new"), make_measurement("org/new", make_blocks(9)))
    save_bank(bank.folder, "mine", PROBES, [model])
    assert [reference.id for reference in verify_bank(str(bank.folder)).references] == ["org/new"]
    assert not (bank.folder / WORDS_FILE).exists()
    assert [path.name for path in bank.folder.parent.iterdir()] == ["mine"]


def test_a_bank_of_thousands_is_loaded_fast(tmp_path: Path) -> None:
    blocks = make_blocks(0)[:, :8]
    models = [(make_reference(f"m{n}", *([f"m{n - 1}"] if n % 50 else [])), n) for n in range(3000)]
    write_bank(tmp_path / "big", [(ref, make_measurement(ref.id, blocks)) for ref, _ in models])
    started = time.perf_counter()
    loaded = load_bank(str(tmp_path / "big"))
    assert time.perf_counter() - started < 20, "a second or so is expected"
    assert len(loaded.kinship.line("m2999")) == 50


def test_no_pickle_anywhere() -> None:
    """Nothing that reads banks or measurements can unpickle, whatever the file holds."""
    package = Path(provcheck.__file__).parent
    for path in [*(package / "bank").glob("*.py"), package / "store.py", Path(data.__file__)]:
        tree = ast.parse(path.read_text("utf-8"))
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        roots = {name.partition(".")[0] for name in names}
        assert not roots & {"pickle", "cPickle", "dill", "joblib", "cloudpickle", "shelve", "marshal", "torch"}, path
        assert "allow_pickle" not in path.read_text("utf-8"), path
        assert "np.load" not in path.read_text("utf-8"), path
