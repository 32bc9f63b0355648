"""Signatures: made and checked by `provcheck report`, and by OpenSSL, which shares no code with it."""

from __future__ import annotations

import base64
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from provcheck.cli import run
from provcheck.cli.reports import PASSPHRASE_VARIABLE
from provcheck.errors import UsageError
from provcheck.rendering.json_report import JsonReport
from provcheck.signing import is_signed_by, sign
from tests.cli.conftest import tree
from tests.rendering.factory import make_report

OPENSSL = shutil.which("openssl") or ""


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A report beside a pair of keys."""
    monkeypatch.chdir(tmp_path)
    write_keys(tmp_path)
    path = tmp_path / "report.json"
    path.write_text(JsonReport().render(make_report()), "utf-8", newline="\n")
    return path


def write_keys(folder: Path, name: str = "key", password: bytes = b"") -> None:
    key = Ed25519PrivateKey.generate()
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    (folder / f"{name}.pem").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (folder / f"{name}.pub.pem").write_bytes(public)


def verified(capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, str]:
    """Exit code, and the line about the signature."""
    capsys.readouterr()
    code = run(["report", "verify", "report.json", *options])
    said = capsys.readouterr()
    return code, next((line for line in said.out.splitlines() if line.startswith("signature ")), said.err)


def test_what_was_signed_is_verified(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["report", "sign", "report.json", "--key", "key.pem"]) == 0
    assert capsys.readouterr().out == "signature: report.json.sig\n"
    assert report.with_name("report.json.sig").read_text("ascii").count("\n") == 1
    _, line = verified(capsys, "--public-key", "key.pub.pem")
    assert line == "signature PASSED  report.json.sig was made with the key of key.pub.pem"


@pytest.mark.parametrize("place", [0, 500, -1])
def test_a_changed_byte_breaks_the_signature(place: int, report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Even one that changes nothing that the report says: the last one is a line break."""
    content = bytearray(report.read_bytes())
    run(["report", "sign", "report.json", "--key", "key.pem"])
    content[place] ^= 1 if content[place] != 10 else 10 ^ 32
    assert not is_signed_by(bytes(content), Path("report.json.sig"), Path("key.pub.pem"))


def test_another_key_a_missing_signature_and_no_key(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert verified(capsys)[1] == "signature SKIPPED  the report is not signed"
    code, line = verified(capsys, "--public-key", "key.pub.pem")
    assert (code, line) == (1, "signature FAILED  there is no report.json.sig beside the report")
    run(["report", "sign", "report.json", "--key", "key.pem"])
    assert "name its key with --public-key" in verified(capsys)[1]
    write_keys(report.parent, "other")
    code, line = verified(capsys, "--public-key", "other.pub.pem")
    assert (code, line.split()[1]) == (1, "FAILED")


def test_a_changed_report_is_not_signed(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report.write_text(report.read_text("utf-8").replace("derived", "unrelated"), "utf-8")
    assert run(["report", "sign", "report.json", "--key", "key.pem"]) == 4
    assert "was changed after it was written" in capsys.readouterr().err
    assert not Path("report.json.sig").exists()


def test_a_passphrase_comes_from_the_environment(
    report: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_keys(report.parent, "locked", b"open sesame")
    arguments = ["report", "sign", "report.json", "--key", "locked.pem"]
    assert run(arguments) == 4
    assert f"the key locked.pem is encrypted\nhint: set {PASSPHRASE_VARIABLE}" in capsys.readouterr().err
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "wrong")
    assert run(arguments) == 4
    assert "locked.pem cannot be read with this passphrase" in capsys.readouterr().err
    monkeypatch.setenv(PASSPHRASE_VARIABLE, "open sesame")
    assert run(arguments) == 0
    assert verified(capsys, "--public-key", "locked.pub.pem")[1].startswith("signature PASSED")
    assert run(["report", "sign", "report.json", "--key", "key.pem"]) == 0, "a key that needs none ignores it"


BAD_KEYS = {
    "absent": (None, "the key bad.pem cannot be read: No such file"),
    "no PEM": (b"key", "bad.pem is no private key in PEM"),
    "too large": (b"k" * 70_000, "the key bad.pem cannot be read: it is larger"),
    "another curve": (
        generate_private_key(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()),
        "bad.pem is not an Ed25519 key",
    ),
}


def test_a_signature_does_not_overwrite_the_key(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = Path("key.pem").rename("report.json.sig")
    before = key.read_bytes()
    assert run(["report", "sign", "report.json", "--key", str(key)]) == 4
    assert "would be overwritten" in capsys.readouterr().err and key.read_bytes() == before


@pytest.mark.usefixtures("report")
@pytest.mark.parametrize("kind", BAD_KEYS)
def test_a_bad_key(kind: str, capsys: pytest.CaptureFixture[str]) -> None:
    content, sentence = BAD_KEYS[kind]
    if content is not None:
        Path("bad.pem").write_bytes(content)
    assert run(["report", "sign", "report.json", "--key", "bad.pem"]) == 4
    said = capsys.readouterr().err
    assert sentence in said
    assert "openssl genpkey" in said or "cannot be read" in said
    assert "report.json.sig" not in tree(Path())


@pytest.mark.usefixtures("report")
@pytest.mark.parametrize("text", [b"", b"AAAA\n", b"not base64 at all\n", b"A" * 88, b"A" * 90_000])
def test_a_bad_signature_file(text: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    Path("report.json.sig").write_bytes(text)
    code, said = verified(capsys, "--public-key", "key.pub.pem")
    assert code == 4
    assert "report.json.sig" in said


@pytest.mark.usefixtures("report")
def test_a_private_key_is_no_public_key(capsys: pytest.CaptureFixture[str]) -> None:
    run(["report", "sign", "report.json", "--key", "key.pem"])
    code, said = verified(capsys, "--public-key", "key.pem")
    assert code == 4
    assert "key.pem is no public key in PEM" in said and "openssl pkey" in said


def test_every_byte_of_a_signature_file_counts(report: Path) -> None:
    content, file = report.read_bytes(), Path("report.json.sig")
    line = sign(content, Path("key.pem")).encode()
    for place in range(len(line)):
        for bit in (1, 32):
            changed = bytearray(line)
            changed[place] ^= bit
            file.write_bytes(changed)
            try:
                assert not is_signed_by(content, file, Path("key.pub.pem"))
            except UsageError as error:
                assert "report.json.sig" in error.message


def test_without_cryptography_there_is_a_sentence(report: Path) -> None:
    """The extra is optional: nothing else needs it."""
    code = "import sys; sys.modules['cryptography'] = None; import provcheck.cli as c; sys.exit(c.run(sys.argv[1:]))"
    ran = subprocess.run(
        [sys.executable, "-c", code, "report", "sign", "report.json", "--key", "key.pem"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 4
    assert ran.stderr == (
        "error: signatures need the package cryptography\nhint: install it with `pip install 'provcheck[sign]'`\n"
    )


@pytest.mark.skipif(not OPENSSL, reason="openssl is not installed")
def test_openssl_verifies_what_was_signed_and_makes_keys_that_sign(
    report: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The commands of the README and of `provcheck.signing`."""
    openssl("genpkey", "-algorithm", "ed25519", "-out", "made.pem")
    openssl("pkey", "-in", "made.pem", "-pubout", "-out", "made.pub.pem")
    assert run(["report", "sign", "report.json", "--key", "made.pem"]) == 0
    assert verified(capsys, "--public-key", "made.pub.pem")[1].startswith("signature PASSED")
    Path("report.sig.bin").write_bytes(base64.b64decode(Path("report.json.sig").read_bytes()))
    check = ("pkeyutl", "-verify", "-rawin", "-in", "report.json", "-sigfile", "report.sig.bin")
    assert openssl(*check, "-pubin", "-inkey", "made.pub.pem") == 0
    report.write_bytes(report.read_bytes() + b" ")
    assert openssl(*check, "-pubin", "-inkey", "made.pub.pem") != 0


@pytest.mark.skipif(not OPENSSL, reason="openssl is not installed")
def test_what_openssl_signed_is_verified(report: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert openssl("pkeyutl", "-sign", "-rawin", "-in", "report.json", "-inkey", "key.pem", "-out", "sig.bin") == 0
    Path("report.json.sig").write_bytes(base64.b64encode(Path("sig.bin").read_bytes()) + b"\n")
    assert verified(capsys, "--public-key", "key.pub.pem")[1].startswith("signature PASSED")


def openssl(*arguments: str) -> int:
    return subprocess.run([OPENSSL, *arguments], capture_output=True, check=False).returncode
