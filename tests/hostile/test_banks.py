"""Banks from strangers: a bank is loaded, or refused in a sentence, whatever lies in its folder."""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provcheck.bank import Bank, load_bank
from provcheck.bank.folder import verify_bank
from provcheck.bank.manifest import BankManifest
from provcheck.errors import BankError
from provcheck.io.digests import file_digest
from tests.hostile.strategies import FEW, changed, damaged, dump, value_or_error
from tests.synthetic import make_blocks, make_measurement, make_reference, write_bank

MANIFEST = "manifest.json"
ARRAYS_FILES = ("able.safetensors", "likelihood.safetensors")


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    """A bank of four, one of them a child; tests must not change it."""
    parents = {"org/a": (), "org/b": ("org/a",), "org/c": (), "org/d": ()}
    models = [
        (make_reference(id, *above), make_measurement(id, make_blocks(n)))
        for n, (id, above) in enumerate(parents.items())
    ]
    return write_bank(tmp_path_factory.mktemp("banks") / "whole", models)


@pytest.fixture
def copied(whole: Bank, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole.folder, tmp_path / "bank"))


def sign(folder: Path, content: Any, *more: str) -> None:
    """Write a manifest whose digests fit what lies there, as far as it can have any, laid out as provcheck does."""
    written = b""
    try:
        content["files"] = {name: file_digest(folder / name) for name in (*ARRAYS_FILES, *more)}
        content["digest"] = BankManifest.model_validate_json(dump(content)).computed_digest()
        written = BankManifest.model_validate_json(dump(content)).rendered()
    except (ValueError, TypeError):
        pass
    (folder / MANIFEST).write_bytes(written or dump(content))


def use(folder: Path) -> None:
    """Everything that reads a bank."""
    bank = value_or_error(lambda: verify_bank(str(folder)))
    if isinstance(bank, Bank):
        [bank.ancestry.relation(bank.references[0].id, reference.id) for reference in bank.references]


@FEW
@given(data=st.data())
def test_any_manifest(whole: Bank, copied: Path, data: st.DataObject) -> None:
    content = data.draw(changed(json.loads((whole.folder / MANIFEST).read_text("utf-8"))))
    if isinstance(content, dict) and data.draw(st.booleans()):
        content["digest"] = "0" * 64
    sign(copied, content)
    use(copied)


@FEW
@given(data=st.data())
def test_any_bytes_in_the_manifest(whole: Bank, copied: Path, data: st.DataObject) -> None:
    (copied / MANIFEST).write_bytes(data.draw(damaged((whole.folder / MANIFEST).read_bytes())))
    use(copied)


@pytest.mark.parametrize("name", ARRAYS_FILES)
@FEW
@given(data=st.data())
def test_any_bytes_in_the_arrays(whole: Bank, copied: Path, name: str, data: st.DataObject) -> None:
    """Near the header, where they are understood; the digest in the manifest fits."""
    content = (whole.folder / name).read_bytes()
    (copied / name).write_bytes(data.draw(damaged(content[:400])) + content[400:])
    sign(copied, json.loads((whole.folder / MANIFEST).read_text("utf-8")))
    use(copied)


@pytest.mark.parametrize("name", ARRAYS_FILES)
@FEW
@given(data=st.data())
def test_any_header_of_the_arrays(whole: Bank, copied: Path, name: str, data: st.DataObject) -> None:
    content = (whole.folder / name).read_bytes()
    end = 8 + int.from_bytes(content[:8], "little")
    header = dump(data.draw(changed(json.loads(content[8:end]))))
    (copied / name).write_bytes(len(header).to_bytes(8, "little") + header + content[end:])
    sign(copied, json.loads((whole.folder / MANIFEST).read_text("utf-8")))
    use(copied)


@pytest.mark.parametrize("name", [MANIFEST, *ARRAYS_FILES])
def test_a_bank_does_not_lead_out_of_its_folder(copied: Path, tmp_path: Path, name: str) -> None:
    """Even to the very bytes that it should hold: what lies elsewhere is not the bank's to show."""
    (copied / name).rename(tmp_path / "elsewhere")
    (copied / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(BankError, match=r"lies outside of its folder|lacks its file"):
        load_bank(str(copied))


@pytest.mark.parametrize("name", ["../secret", "/etc/hostname", "a/b", "", ".hidden", "a\nb", "x" * 300])
def test_a_bank_names_only_files_of_its_folder(copied: Path, name: str) -> None:
    content = json.loads((copied / MANIFEST).read_text("utf-8"))
    content["files"][name] = "0" * 64
    (copied / MANIFEST).write_bytes(dump(content))
    with pytest.raises(BankError, match=r"manifest of bank 'bank' is broken: files"):
        load_bank(str(copied))


def test_a_line_of_thousands_of_parents_is_refused_at_once(copied: Path) -> None:
    content = json.loads((copied / MANIFEST).read_text("utf-8"))
    first = content["references"][0]
    chain = [{**first, "id": f"m{n}", "parents": [f"m{n + 1}"]} for n in range(5000)]
    (copied / MANIFEST).write_bytes(dump({**content, "references": chain}))
    started = time.perf_counter()
    with pytest.raises(BankError, match="a line of more than 200 generations"):
        load_bank(str(copied))
    assert time.perf_counter() - started < 5
