"""A report beside two pairs of keys."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from provcheck.rendering.json_report import JsonReport
from tests.rendering.factory import make_report

Private = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@pytest.fixture
def report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A report.json in the current folder, beside key.pem and key.pub.pem."""
    monkeypatch.chdir(tmp_path)
    write_keys("key", ed25519.Ed25519PrivateKey.generate())
    path = Path("report.json")
    path.write_text(JsonReport().render(make_report()), "utf-8", newline="\n")
    return path


def write_keys(name: str, key: Private, password: bytes = b"") -> None:
    Path(f"{name}.pem").write_bytes(private_pem(key, password))
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    Path(f"{name}.pub.pem").write_bytes(public)


def private_pem(key: Private, password: bytes = b"") -> bytes:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)
