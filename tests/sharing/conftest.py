"""A small bank, a second version of it, and two pairs of keys."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from provcheck.bank import load_bank
from provcheck.bank.saving import add_file
from tests.attestation.conftest import write_keys
from tests.synthetic import make_bank, roots


@pytest.fixture
def bank(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A bank in the current folder, beside key.pem, key.pub.pem, other.pem and other.pub.pem."""
    monkeypatch.chdir(tmp_path)
    for name in ("key", "other"):
        write_keys(name, ed25519.Ed25519PrivateKey.generate())
    make_bank(tmp_path / "bank", roots(4))
    return tmp_path / "bank"


def later(bank: Path) -> Path:
    """The bank as it may be a month later, in a folder of its own."""
    changed = shutil.copytree(bank, bank.with_name(f"{bank.name}-later"))
    add_file(load_bank(str(changed)), "notes.json", b"{}")
    return changed


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
