"""`provcheck bank push` and `provcheck bank pull`."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from provcheck.bank import load_bank
from provcheck.cli import run
from tests.attestation.conftest import write_keys
from tests.sharing.conftest import later


def test_there_and_back(bank: Path, capsys: pytest.CaptureFixture[str]) -> None:
    digest = load_bank(str(bank)).manifest.digest
    assert run(["bank", "push", "bank", "share", "--key", "key.pem"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("share: release 1 of bank 'bank', 3 files, ")
    assert said.endswith(f" MB, signed\ndigest {digest}\n")
    assert run(["bank", "pull", "share", "--out", "here", "--key", "key.pub.pem"]) == 0
    said = capsys.readouterr().out
    assert "here: release 1 of bank 'bank', 3 files, " in said and "MB, signed with the key of key.pub.pem\n" in said
    assert run(["bank", "pull", "share", "--out", "here", "--key", "key.pub.pem"]) == 0
    assert capsys.readouterr().out.endswith(f"digest {digest}; it was here already\n")
    assert run(["bank", "verify", "./here"]) == 0


def test_without_a_key_it_says_what_was_not_checked(bank: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bank", "push", "bank", "share"]) == 0
    assert "signed" not in capsys.readouterr().out
    assert run(["bank", "pull", "share", "--out", "here"]) == 0
    assert "from whoever can write there: --key checks a signature" in capsys.readouterr().out
    assert run(["bank", "pull", "share", "--out", "other", "--key", "key.pub.pem"]) == 4
    assert capsys.readouterr().err.startswith("error: release 1 of bank 'bank' in share is not signed\n")


def test_an_encrypted_key(bank: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    write_keys("locked", ed25519.Ed25519PrivateKey.generate(), b"open sesame")
    assert run(["bank", "push", "bank", "share", "--key", "locked.pem"]) == 4
    assert "the key locked.pem is encrypted" in capsys.readouterr().err
    assert not Path("share").exists()
    monkeypatch.setenv("PROVCHECK_KEY_PASSPHRASE", "open sesame")
    assert run(["bank", "push", "bank", "share", "--key", "locked.pem"]) == 0
    assert run(["bank", "pull", "share", "--out", "here", "--key", "locked.pub.pem"]) == 0


def test_an_earlier_release_by_its_digest(bank: Path, capsys: pytest.CaptureFixture[str]) -> None:
    digest = load_bank(str(bank)).manifest.digest
    for folder in (bank, later(bank)):
        assert run(["bank", "push", str(folder), "share"]) == 0
    assert run(["bank", "pull", "share", "--out", "here", "--version", digest]) == 0
    assert load_bank("here").manifest.digest == digest
    capsys.readouterr()
    for wrong, said in (("abc", "--version takes the digest of a bank"), ("0" * 64, "share has no release 0000")):
        assert run(["bank", "pull", "share", "--out", "here", "--version", wrong]) == 4
        assert said in capsys.readouterr().err


def test_a_place_to_read_from_only(bank: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bank", "push", "bank", "http://example.org/banks"]) == 4
    assert "http://example.org/banks is not https" in capsys.readouterr().err
