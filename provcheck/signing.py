"""Detached signatures of report files: Ed25519 over the exact bytes, base64 on one line of `report.json.sig`.

Any tool can check them; with OpenSSL 3:

    base64 -d report.json.sig > report.sig.bin
    openssl pkeyutl -verify -rawin -in report.json -sigfile report.sig.bin -pubin -inkey PUB.pem

Needs `cryptography`, which is not installed by default: `pip install 'provcheck[sign]'`.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path
from typing import TYPE_CHECKING

from provcheck.errors import UsageError
from provcheck.io.text import reason
from provcheck.io.untrusted import read_bounded

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

SUFFIX = ".sig"
MAX_BYTES = 65_536
"""Limit for a key or signature file; real ones have a few hundred."""

KEY_HINT = "make one with `openssl genpkey -algorithm ed25519 -out KEY.pem`"
PUBLIC_HINT = "write it with `openssl pkey -in KEY.pem -pubout -out PUB.pem`"


class PassphraseNeeded(UsageError):
    """The private key is encrypted, and no passphrase was given."""


def signature_file(report: Path) -> Path:
    """The signature file of a report, next to it."""
    return report.with_name(report.name + SUFFIX)


def sign(content: bytes, key: Path, passphrase: str | None = None) -> str:
    """The signature of `content` with the private key (PEM, PKCS#8), as one line. Raises UsageError."""
    return base64.b64encode(_private_key(key, passphrase).sign(content)).decode() + "\n"


def is_signed_by(content: bytes, signature: Path, public_key: Path) -> bool:
    """Whether the signature file holds a signature of `content` by the owner of the public key (PEM).

    Raises UsageError when a file cannot be read, or holds no signature or key.
    """
    key = _public_key(public_key)
    from cryptography.exceptions import InvalidSignature

    try:
        key.verify(_signature(signature), content)
    except InvalidSignature:
        return False
    return True


def _signature(path: Path) -> bytes:
    """The 64 bytes of a signature. Accepts only a line as `sign` writes it, so that every byte of the file counts."""
    text = _read(path, "signature")
    try:
        raw = base64.b64decode(text, validate=False)
    except binascii.Error:
        raw = b""
    if len(raw) != 64 or base64.b64encode(raw) + b"\n" != text:
        raise UsageError(f"{path.name} is no signature: one line of base64 with 64 bytes is expected")
    return raw


def _private_key(path: Path, passphrase: str | None) -> Ed25519PrivateKey:
    content = _read(path, "key")
    _require_cryptography()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(content, passphrase.encode() if passphrase else None)
    except TypeError:  # an encrypted key without a passphrase, or a plain key with one
        if passphrase:
            return _private_key(path, None)
        raise PassphraseNeeded(f"the key {path.name} is encrypted", "set PROVCHECK_KEY_PASSPHRASE") from None
    except ValueError:
        fault = "cannot be read with this passphrase" if passphrase else "is no private key in PEM"
        raise UsageError(f"{path.name} {fault}", KEY_HINT) from None
    if not isinstance(key, Ed25519PrivateKey):
        raise UsageError(f"{path.name} is not an Ed25519 key", KEY_HINT)
    return key


def _public_key(path: Path) -> Ed25519PublicKey:
    content = _read(path, "key")
    _require_cryptography()
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    try:
        key = load_pem_public_key(content)
    except ValueError:
        raise UsageError(f"{path.name} is no public key in PEM", PUBLIC_HINT) from None
    if not isinstance(key, Ed25519PublicKey):
        raise UsageError(f"{path.name} is not an Ed25519 key", KEY_HINT)
    return key


def _read(path: Path, what: str) -> bytes:
    try:
        return read_bounded(path, MAX_BYTES)
    except OSError as error:
        raise UsageError(f"the {what} {path} cannot be read: {reason(error)}") from None


def _require_cryptography() -> None:
    try:
        import cryptography  # noqa: F401
    except ImportError:
        raise UsageError(
            "signatures need the package cryptography", "install it with `pip install 'provcheck[sign]'`"
        ) from None
