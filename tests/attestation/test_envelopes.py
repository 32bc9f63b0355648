"""Attestations: made and checked by `provcheck report`, and by OpenSSL, which shares no code with it."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519

from provcheck.attestation import LINEAGE, RESULT, fault_of
from provcheck.cli import run
from provcheck.cli.reports import PASSPHRASE_VARIABLE
from provcheck.report_file import open_report
from tests.attestation.conftest import Private, private_pem, write_keys

OPENSSL = shutil.which("openssl") or ""
ATTESTED = Path("report.intoto.jsonl")
KEYS: dict[str, Private] = {
    "P-256": ec.generate_private_key(ec.SECP256R1()),
    "Ed25519": ed25519.Ed25519PrivateKey.generate(),
}

pytestmark = pytest.mark.usefixtures("report")


def attested(key: str = "key.pem") -> int:
    return run(["report", "attest", "report.json", "--key", key])


def verified(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    """Exit code, and the line about the attestation."""
    capsys.readouterr()
    code = run(["report", "verify", "report.json", *options])
    said = capsys.readouterr()
    return code, next((line for line in said.out.splitlines() if line.startswith("attestation ")), said.err)


def fault(key: str = "key.pub.pem") -> str | None:
    opened = open_report(Path("report.json"))
    return fault_of(opened.report, opened.content, ATTESTED, Path(key))


def payloads() -> list[dict[str, Any]]:
    return [json.loads(base64.b64decode(json.loads(line)["payload"])) for line in ATTESTED.read_text().splitlines()]


@pytest.mark.parametrize("kind", KEYS)
def test_what_was_attested_is_verified(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_keys("own", KEYS[kind])
    assert attested("own.pem") == 0
    assert capsys.readouterr().out == "attestation: report.intoto.jsonl\n"
    assert [one["predicateType"] for one in payloads()] == [LINEAGE, RESULT]
    line = verified(capsys, "--public-key", "own.pub.pem")[1]
    assert line == "attestation PASSED  report.intoto.jsonl was signed with the key of own.pub.pem"


def test_every_byte_counts() -> None:
    """One changed bit anywhere in the file, and in the report."""
    attested()
    content = ATTESTED.read_bytes()
    assert fault() is None
    for place in [*range(0, len(content), 97), len(content) - 1]:
        changed = bytearray(content)
        changed[place] ^= 1
        ATTESTED.write_bytes(changed)
        assert fault(), place
    ATTESTED.write_bytes(content)


def test_a_swapped_subject_another_report_and_half_a_file() -> None:
    """Nothing that the key signed vouches for another model, another report, or without the lineage."""
    attested()
    opened = open_report(Path("report.json"))
    victim = opened.report.subject
    weights = (victim.weights[0].model_copy(update={"sha256": "f" * 64}),)
    other = opened.report.model_copy(update={"subject": victim.model_copy(update={"weights": weights})})
    assert "other model files" in (fault_of(other, opened.content, ATTESTED, Path("key.pub.pem")) or "")
    assert "another report" in (fault_of(opened.report, opened.content + b" ", ATTESTED, Path("key.pub.pem")) or "")
    lines = ATTESTED.read_bytes().splitlines(keepends=True)
    ATTESTED.write_bytes(lines[1])
    assert fault() == "report.intoto.jsonl has no statement about lineage"
    ATTESTED.write_bytes(lines[0])
    assert fault() is None


def test_another_key_a_missing_file_and_no_key(capsys: pytest.CaptureFixture[str]) -> None:
    assert verified(capsys)[1] == "attestation SKIPPED  nobody attested the report"
    code, line = verified(capsys, "--public-key", "key.pub.pem")
    assert (code, line) == (1, "attestation FAILED  there is no report.intoto.jsonl beside the report")
    attested()
    assert "name its key with --public-key" in verified(capsys)[1]
    write_keys("other", KEYS["P-256"])
    code, line = verified(capsys, "--public-key", "other.pub.pem")
    assert code == 1 and "was not signed with the key of other.pub.pem" in line


def test_a_changed_report_is_not_attested(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report.write_text(report.read_text("utf-8").replace("derived", "unrelated"), "utf-8")
    assert attested() == 4
    assert "was changed after it was written" in capsys.readouterr().err
    assert not ATTESTED.exists()


def test_a_passphrase_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_keys("locked", KEYS["P-256"], b"open sesame")
    assert attested("locked.pem") == 4
    assert f"the key locked.pem is encrypted\nhint: set {PASSPHRASE_VARIABLE}" in capsys.readouterr().err
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "wrong")
    assert attested("locked.pem") == 4
    assert "locked.pem cannot be read with this passphrase" in capsys.readouterr().err
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "open sesame")
    assert attested("locked.pem") == 0
    assert fault("locked.pub.pem") is None
    assert attested() == 0, "a key that needs none ignores it"


BAD_KEYS = {
    "absent": (None, "the key bad.pem cannot be read: No such file"),
    "no PEM": (b"key", "bad.pem is no private key in PEM"),
    "too large": (b"k" * 70_000, "the key bad.pem cannot be read: it is larger"),
    "another curve": (
        private_pem(ec.generate_private_key(ec.SECP384R1())),
        "bad.pem is neither an ECDSA key on P-256 nor an Ed25519 key",
    ),
}


@pytest.mark.parametrize("kind", BAD_KEYS)
def test_a_bad_key(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    content, sentence = BAD_KEYS[kind]
    if content is not None:
        Path("bad.pem").write_bytes(content)
    assert attested("bad.pem") == 4
    said = capsys.readouterr().err
    assert sentence in said
    assert "openssl genpkey" in said or "cannot be read" in said
    assert not ATTESTED.exists()


def test_a_private_key_is_no_public_key(capsys: pytest.CaptureFixture[str]) -> None:
    attested()
    code, said = verified(capsys, "--public-key", "key.pem")
    assert code == 4
    assert "key.pem is no public key in PEM" in said and "openssl pkey" in said


def test_an_attestation_does_not_overwrite_the_key(capsys: pytest.CaptureFixture[str]) -> None:
    key = Path("key.pem").rename(ATTESTED)
    before = key.read_bytes()
    assert attested(str(key)) == 4
    assert "would be overwritten" in capsys.readouterr().err and key.read_bytes() == before


@pytest.mark.parametrize(
    "text", [b"", b"[]\n", b"{}\n", b'{"payload": 1, "payloadType": 2, "signatures": 3}\n', b"\xff\n", b"[" * 90_000]
)
def test_what_is_no_attestation(text: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    ATTESTED.write_bytes(text)
    code, line = verified(capsys, "--public-key", "key.pub.pem")
    assert code == 1
    assert line.startswith("attestation FAILED") and "report.intoto.jsonl" in line


def test_the_predicate_is_printed_for_others_to_sign(capsys: pytest.CaptureFixture[str]) -> None:
    attested()
    capsys.readouterr()
    assert run(["report", "attest", "report.json", "--predicate"]) == 0
    assert json.loads(capsys.readouterr().out) == payloads()[0]["predicate"]
    assert run(["report", "attest", "report.json"]) == 4
    assert "hint: name it with --key" in capsys.readouterr().err


@pytest.mark.parametrize("package", ["cryptography", "securesystemslib"])
def test_without_the_extra_there_is_a_sentence(package: str) -> None:
    code = f"import sys; sys.modules['{package}'] = None; import provcheck.cli as c; sys.exit(c.run(sys.argv[1:]))"
    ran = subprocess.run(
        [sys.executable, "-c", code, "report", "attest", "report.json", "--key", "key.pem"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 4
    assert ran.stderr == (
        f"error: attestations need the package {package}\nhint: install it with `pip install 'provcheck[sign]'`\n"
    )


@pytest.mark.skipif(not OPENSSL, reason="openssl is not installed")
@pytest.mark.parametrize("kind", KEYS)
def test_openssl_verifies_it(kind: str) -> None:
    """A second implementation: the bytes that DSSE signs, put together here, and OpenSSL."""
    write_keys("own", KEYS[kind])
    attested("own.pem")
    how = ("-rawin", "-in", "signed") if kind == "Ed25519" else ("-rawin", "-digest", "sha256", "-in", "signed")
    check = ("pkeyutl", "-verify", *how, "-sigfile", "sig", "-pubin", "-inkey", "own.pub.pem")
    for line in ATTESTED.read_text().splitlines():
        envelope = json.loads(line)
        kind_of, payload = envelope["payloadType"].encode(), base64.b64decode(envelope["payload"])
        signed = b" ".join((b"DSSEv1", b"%d" % len(kind_of), kind_of, b"%d" % len(payload), payload))
        Path("sig").write_bytes(base64.b64decode(envelope["signatures"][0]["sig"]))
        Path("signed").write_bytes(signed)
        assert openssl(*check) == 0
        Path("signed").write_bytes(signed.replace(b"derived", b"Derived") + b" ")
        assert openssl(*check) != 0


def openssl(*arguments: str) -> int:
    return subprocess.run([OPENSSL, *arguments], capture_output=True, check=False).returncode
