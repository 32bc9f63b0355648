"""Banks on disk: what is written is read again, and what was changed is refused."""

from __future__ import annotations

import ast
import json
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import provcheck
from provcheck.bank import Bank, load_bank, save_bank
from provcheck.bank.folder import verify_bank
from provcheck.bank.manifest import BankManifest
from provcheck.comparison import compare
from provcheck.errors import BankError, IncompatibleError, OutputError
from provcheck.io.digests import file_digest
from provcheck.types import Makeup, NotMeasured
from tests.synthetic import (
    PROBES,
    make_bank,
    make_blocks,
    make_measurement,
    make_reference,
    stacked,
    with_facts,
    without,
    write_bank,
)

ARRAYS_FILES = ("able.safetensors", "likelihood.safetensors")
RAW_FILE = "able-raw.safetensors"


@pytest.fixture
def bank(tmp_path: Path) -> Bank:
    """A bank of three with raw numbers."""
    names = ["org/a", "org/b", "org/c"]
    parents = [(), ("org/a",), ()]
    models = [
        (make_reference(name, *above), make_measurement(name, make_blocks(n)))
        for n, (name, above) in enumerate(zip(names, parents, strict=True))
    ]
    return write_bank(tmp_path / "mine", models, raw=True)


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


def vouch(bank: Bank, file: str) -> None:
    """Let the manifest say that the file is what it is now."""
    digest = file_digest(bank.folder / file)
    edit_manifest(bank, lambda content: content["files"].update({file: digest}), sign=True)  # type: ignore[attr-defined]


def replace_arrays(bank: Bank, file: str, arrays: dict[str, np.ndarray]) -> None:
    """Other arrays with a manifest that vouches for them."""
    save_file(arrays, bank.folder / file)
    vouch(bank, file)


def test_what_is_written_is_read_again(bank: Bank) -> None:
    assert [reference.id for reference in bank.references] == ["org/a", "org/b", "org/c"]
    assert bank.references[1].parents == ("org/a",)
    assert (bank.manifest.probes, bank.manifest.probes_digest) == (PROBES.name, PROBES.digest)
    contrast = stacked(bank, "able_contrast_blocks")
    np.testing.assert_allclose(contrast[2].astype(np.float32), make_blocks(2), rtol=1e-3, atol=1e-4)
    names = sorted(path.name for path in bank.folder.iterdir())
    assert names == sorted([*ARRAYS_FILES, "manifest.json", RAW_FILE])
    assert verify_bank(str(bank.folder)).manifest == bank.manifest


def test_a_shared_initialisation_is_kept(tmp_path: Path) -> None:
    shared = {"org/a": None, "org/b": "org/a"}
    models = [
        (make_reference(id, initialisation=first), make_measurement(id, make_blocks(n)))
        for n, (id, first) in enumerate(shared.items())
    ]
    bank = verify_bank(str(write_bank(tmp_path / "mine", models).folder))
    assert {reference.id: reference.initialisation for reference in bank.references} == shared
    assert (bank.folder / "manifest.json").read_text(encoding="utf-8").count('"initialisation"') == 1


def test_each_signal_states_how_it_was_measured(bank: Bank) -> None:
    manifest, mean_bytes = bank.manifest, np.mean([len(text.text.encode()) for text in PROBES.texts])
    assert {name: one.version for name, one in manifest.signals.items()} == {
        "able": "able/3",
        "likelihood": "likelihood/1",
    }
    assert {one.material for one in manifest.signals.values()} == {PROBES.digest}
    assert bank.stacks["likelihood"].context["mean_text_bytes"] == pytest.approx(mean_bytes)
    assert bank.stacks["able"].context == {"categories": dict.fromkeys(("c0", "c1", "c2", "c3"), 4)}
    assert [values["bits_per_byte"] for values in bank.stacks["likelihood"].values] == [1.0] * 3
    assert [bank.rows[id] for id in ("org/a", "org/c")] == [0, 2]


def test_same_measurements_make_the_same_bank(tmp_path: Path) -> None:
    first, second = (make_bank(tmp_path / place / "mine") for place in ("one", "two"))
    assert first.manifest == second.manifest
    for name in ARRAYS_FILES:
        assert file_digest(first.folder / name) == file_digest(second.folder / name)


@pytest.mark.parametrize("name", ARRAYS_FILES)
def test_one_changed_byte_of_the_arrays_is_refused(name: str, bank: Bank) -> None:
    flip_last_byte(bank.folder / name)
    with pytest.raises(BankError, match=rf"{name} of bank 'mine' was changed"):
        load_bank(str(bank.folder))


def test_one_changed_byte_of_the_raw_arrays_is_found_by_verify(bank: Bank) -> None:
    flip_last_byte(bank.folder / RAW_FILE)
    load_bank(str(bank.folder))
    with pytest.raises(BankError, match=r"able-raw\.safetensors of bank 'mine' was changed"):
        verify_bank(str(bank.folder))


def test_a_bank_without_its_raw_arrays_is_whole(bank: Bank) -> None:
    (bank.folder / RAW_FILE).unlink()
    verify_bank(str(bank.folder))


def test_changed_parents_are_refused(bank: Bank) -> None:
    edit_manifest(bank, lambda content: content["references"][1].update(parents=[]))  # type: ignore[index]
    with pytest.raises(BankError, match="the manifest of bank 'mine' was changed"):
        load_bank(str(bank.folder))


@pytest.mark.parametrize(
    ("file", "array"), [("likelihood.safetensors", "loglik"), ("able.safetensors", "able_paper_blocks")]
)
def test_numbers_changed_together_with_every_digest_but_their_own(file: str, array: str, bank: Bank) -> None:
    arrays = load_file(bank.folder / file)
    arrays[array][1, 0] += 1
    replace_arrays(bank, file, arrays)
    load_bank(str(bank.folder))
    with pytest.raises(BankError, match="the numbers of 'org/b' in bank 'mine' were changed"):
        verify_bank(str(bank.folder))


@pytest.mark.parametrize("name", ARRAYS_FILES)
def test_a_missing_file_is_named(name: str, bank: Bank) -> None:
    (bank.folder / name).unlink()
    with pytest.raises(BankError, match=f"lacks its file {name}"):
        load_bank(str(bank.folder))


@pytest.mark.parametrize("version", [0, 1, 2, 4, "3.0", None])
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


@pytest.mark.parametrize("fault", ["rows", "lacking", "blocks", "flat", "whole numbers", "NaN", "too few blocks"])
def test_arrays_that_do_not_fit_are_refused(bank: Bank, fault: str) -> None:
    file = "likelihood.safetensors" if fault in ("rows", "flat") else "able.safetensors"
    arrays = load_file(bank.folder / file)
    match fault:
        case "rows":
            arrays["loglik"] = arrays["loglik"][:2]
        case "lacking":
            del arrays["able_paper_blocks"]
        case "blocks":
            arrays["able_paper_blocks"] = arrays["able_paper_blocks"][:, :3]
        case "flat":
            arrays["loglik"] = arrays["loglik"][:, 0]
        case "whole numbers":
            arrays["able_contrast_blocks"] = arrays["able_contrast_blocks"].astype(np.int32)
        case "NaN":
            arrays["able_contrast_blocks"][0, 0, 0] = np.nan
        case "too few blocks":
            arrays = {name: array[:, :3] for name, array in arrays.items()}
    replace_arrays(bank, file, {name: np.ascontiguousarray(array) for name, array in arrays.items()})
    with pytest.raises(BankError, match=f"the arrays in {file} of bank 'mine' do not fit its manifest, or hold NaN"):
        load_bank(str(bank.folder))


@pytest.mark.parametrize("name", ARRAYS_FILES)
def test_arrays_that_are_no_safetensors(name: str, bank: Bank) -> None:
    (bank.folder / name).write_bytes(b"\x80\x04pickle")
    vouch(bank, name)
    with pytest.raises(BankError, match="cannot be read"):
        load_bank(str(bank.folder))


def test_an_entry_of_a_signal_without_its_row_does_not_fit(bank: Bank) -> None:
    """Or the numbers of one reference would be taken for those of the next."""

    def silence(content: dict[str, object]) -> None:
        content["references"][0]["signals"]["able"] = {"not_measured": "it is an endpoint"}  # type: ignore[index]

    edit_manifest(bank, silence, sign=True)
    with pytest.raises(BankError, match=r"the arrays in able\.safetensors of bank 'mine' do not fit"):
        load_bank(str(bank.folder))


def test_a_reference_that_lacks_a_signal(tmp_path: Path) -> None:
    models = [(make_reference(id), make_measurement(id, make_blocks(n))) for n, id in enumerate("abc")]
    models[1] = (models[1][0], without(models[1][1], "able"))
    bank = write_bank(tmp_path / "some", models, raw=True)
    assert verify_bank(str(bank.folder)).manifest == bank.manifest
    assert bank.references[1].signals["able"] == NotMeasured(not_measured="it is an endpoint")
    assert bank.rows_of("able").tolist() == [0, 2] and bank.rows_of("likelihood").tolist() == [0, 1, 2]
    assert stacked(bank, "able_contrast_blocks")[1].tobytes() == make_blocks(2).astype(np.float16).tobytes()
    assert set(load_file(bank.folder / RAW_FILE)) == {"a", "c"}
    part, measured = bank.part("able", [1, 2, 0])
    assert measured.tolist() == [1, 2], "which of those that were asked for"
    assert part.arrays["able_contrast_blocks"][0].tobytes() == make_blocks(2).astype(np.float16).tobytes()
    assert len(bank.part("able", [1])[0]) == 0


def test_a_bank_without_a_signal(tmp_path: Path) -> None:
    models = [(make_reference(id), without(make_measurement(id, make_blocks(n)), "able")) for n, id in enumerate("ab")]
    bank = write_bank(tmp_path / "texts-only", models, raw=True)
    assert sorted(path.name for path in bank.folder.iterdir()) == ["likelihood.safetensors", "manifest.json"]
    assert set(bank.stacks) == set(bank.manifest.signals) == {"likelihood"}
    assert verify_bank(str(bank.folder)).manifest == bank.manifest
    assert all(set(reference.signals) == {"likelihood"} for reference in bank.references)


def test_models_that_were_measured_in_different_ways_make_no_bank(tmp_path: Path) -> None:
    models = [(make_reference(id), make_measurement(id, make_blocks(n))) for n, id in enumerate("ab")]
    models[1] = (models[1][0], with_facts(models[1][1], "likelihood", version="likelihood/0"))
    with pytest.raises(BankError, match=r"'a' and 'b' were not measured in the same way \(likelihood\)"):
        save_bank(tmp_path / "bank", "bank", PROBES, models)
    assert not list(tmp_path.iterdir())


def test_numbers_that_no_bank_can_hold_are_not_written(tmp_path: Path) -> None:
    large = make_measurement("a", make_blocks(0) * np.float32(1e6))
    with pytest.raises(BankError, match="bank 'bank' cannot hold such numbers"):
        save_bank(tmp_path / "bank", "bank", PROBES, [(make_reference("a"), large)])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("signals", [("able",), ("able", "likelihood")])
def test_signals_of_another_version_are_passed_over(signals: tuple[str, ...], tmp_path: Path) -> None:
    models = [(make_reference(id), make_measurement(id, make_blocks(n))) for n, id in enumerate("ab")]
    for signal in signals:
        models = [(one, with_facts(found, signal, version=f"{signal}/99")) for one, found in models]
    bank = write_bank(tmp_path / "bank", models, raw=True)
    assert set(bank.stacks) == {"able", "likelihood"} - set(signals)
    assert verify_bank(str(bank.folder)).manifest == bank.manifest
    subject = make_measurement("me", make_blocks(5))
    if bank.stacks:
        found = compare(subject, bank)[0].signals["able"]
        assert found == NotMeasured(not_measured="it was measured with able/3, 'bank' with able/99")
    else:
        with pytest.raises(IncompatibleError, match="cannot be compared with 'bank': it was measured with able/3"):
            compare(subject, bank)
    alike = with_facts(subject, "able", version="able/99")
    if not bank.stacks:
        alike = with_facts(alike, "likelihood", version="likelihood/99")
        with pytest.raises(IncompatibleError, match="this version of provcheck cannot compare the signals"):
            compare(alike, bank)
    else:
        found = compare(alike, bank)[0].signals["able"]
        assert found == NotMeasured(not_measured="the bank's arrays are of another version of provcheck")


def test_a_signal_that_nobody_knows_is_passed_over(bank: Bank) -> None:
    def add_signal(content: dict[str, object]) -> None:
        content["signals"]["toy"] = {"version": "toy/1", "material": None, "context": {}}  # type: ignore[index]

    edit_manifest(bank, add_signal, sign=True)
    assert set(load_bank(str(bank.folder)).stacks) == {"able", "likelihood"}


def test_a_bank_without_any_signal_is_refused(bank: Bank) -> None:
    edit_manifest(bank, lambda content: content.update(signals={}))
    with pytest.raises(BankError, match="signals: Dictionary should have at least 1 item"):
        load_bank(str(bank.folder))


def make_loglik_of(id: str) -> np.ndarray:
    return make_measurement(id, make_blocks(0)).signals["likelihood"].arrays["loglik"]  # type: ignore[union-attr]


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
    assert not (bank.folder / RAW_FILE).exists()
    assert [path.name for path in bank.folder.parent.iterdir()] == ["mine"]


def test_a_bank_of_thousands_is_loaded_fast(tmp_path: Path) -> None:
    blocks = make_blocks(0)[:, :8]
    models = [(make_reference(f"m{n}", *([f"m{n - 1}"] if n % 50 else [])), n) for n in range(3000)]
    write_bank(tmp_path / "big", [(ref, make_measurement(ref.id, blocks)) for ref, _ in models])
    started = time.perf_counter()
    loaded = load_bank(str(tmp_path / "big"))
    assert time.perf_counter() - started < 20, "a second or so is expected"
    assert len(loaded.ancestry.line("m2999")) == 50


def test_no_pickle_anywhere() -> None:
    """Nothing that reads banks or measurements can unpickle, whatever the file holds."""
    package = Path(provcheck.__file__).parent
    for path in [*(package / "bank").glob("*.py"), *(package / "io").glob("*.py"), package / "store.py"]:
        tree = ast.parse(path.read_text("utf-8"))
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
        names |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        names |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        roots = {name.partition(".")[0] for name in names}
        assert not roots & {"pickle", "cPickle", "dill", "joblib", "cloudpickle", "shelve", "marshal", "torch"}, path
        assert "allow_pickle" not in path.read_text("utf-8"), path
        assert "np.load" not in path.read_text("utf-8"), path


def test_what_a_config_states_is_kept_and_left_out_where_it_is_not_known(tmp_path: Path) -> None:
    """So that banks from before keep their digests."""
    plain = make_measurement("org/plain", make_blocks(1))
    stated = make_measurement("org/stated", make_blocks(2))
    makeup = Makeup(stated={"rope_theta": 1e4, "rope_scaling": "default"})
    stated = replace(stated, subject=stated.subject.model_copy(update={"makeup": makeup}))
    bank = write_bank(tmp_path / "bank", [(make_reference(one.subject.id), one) for one in (plain, stated)])
    assert [one.settings for one in bank.references] == [{}, {"rope_theta": 1e4, "rope_scaling": "default"}]
    entries = json.loads((bank.folder / "manifest.json").read_text("utf-8"))["references"]
    assert ["settings" in one for one in entries] == [False, True]
