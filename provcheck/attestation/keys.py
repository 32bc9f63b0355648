"""Keys in PEM: ECDSA on P-256, which cosign and most services use, and Ed25519."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from provcheck.errors import UsageError
from provcheck.io.text import reason
from provcheck.io.untrusted import read_bounded

if TYPE_CHECKING:
    from securesystemslib.signer import CryptoSigner, Key

MAX_BYTES = 65_536
"""Limit for a key file; real ones have a few hundred bytes."""

KEY_HINT = (
    "make one with `openssl genpkey -algorithm ed25519 -out KEY.pem`, or with `openssl genpkey -algorithm EC "
    "-pkeyopt ec_paramgen_curve:P-256 -out KEY.pem`"
)
PUBLIC_HINT = "write it with `openssl pkey -in KEY.pem -pubout -out PUB.pem`"


class PassphraseNeeded(UsageError):
    """The private key is encrypted, and no passphrase was given."""


def read_private(path: Path, passphrase: str | None) -> CryptoSigner:
    """What signs with the private key (PEM, PKCS#8). Raises UsageError; a passphrase that is not needed is ignored."""
    content = _read(path)
    require_extra()
    from cryptography.hazmat.primitives.serialization import load_pem_private_key
    from securesystemslib.signer import CryptoSigner

    try:
        key = load_pem_private_key(content, passphrase.encode() if passphrase else None)
    except TypeError:  # an encrypted key without a passphrase, or a plain key with one
        if passphrase:
            return read_private(path, None)
        raise PassphraseNeeded(f"the key {path.name} is encrypted", "set PROVCHECK_KEY_PASSPHRASE") from None
    except ValueError:
        fault = "cannot be read with this passphrase" if passphrase else "is no private key in PEM"
        raise UsageError(f"{path.name} {fault}", KEY_HINT) from None
    _check_kind(path, key.public_key())
    return CryptoSigner(key)


def read_public(path: Path) -> Key:
    """The public key (PEM) that a signature is checked with. Raises UsageError."""
    content = _read(path)
    require_extra()
    from cryptography.hazmat.primitives.serialization import load_pem_public_key
    from securesystemslib.signer import SSlibKey

    try:
        key = load_pem_public_key(content)
    except ValueError:
        raise UsageError(f"{path.name} is no public key in PEM", PUBLIC_HINT) from None
    _check_kind(path, key)
    return SSlibKey.from_crypto(key)


def require_extra() -> None:
    """Raises UsageError where the packages that sign are not installed."""
    try:
        import cryptography  # noqa: F401
        import securesystemslib  # noqa: F401
    except ImportError as error:
        raise UsageError(
            f"attestations need the package {error.name}", "install it with `pip install 'provcheck[sign]'`"
        ) from None


def _check_kind(path: Path, public: Any) -> None:
    from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    on_p256 = isinstance(public, EllipticCurvePublicKey) and isinstance(public.curve, SECP256R1)
    if not on_p256 and not isinstance(public, Ed25519PublicKey):
        raise UsageError(f"{path.name} is neither an ECDSA key on P-256 nor an Ed25519 key", KEY_HINT)


def _read(path: Path) -> bytes:
    try:
        return read_bounded(path, MAX_BYTES)
    except OSError as error:
        raise UsageError(f"the key {path} cannot be read: {reason(error)}") from None
