"""One release of a bank, and its signature.

current.json                           which release is the current one
versions/DIGEST/release.json           DIGEST is that of the bank
versions/DIGEST/release.intoto.jsonl   the same, signed; where the release was made with a key
versions/DIGEST/manifest.json ...      the files of the bank, as they are
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from provcheck.attestation.envelopes import STATEMENT, NotAsWritten, opened, seal
from provcheck.attestation.keys import read_public
from provcheck.bank.manifest import FileName, Sha256
from provcheck.bank.saving import MANIFEST_FILE
from provcheck.errors import BankError
from provcheck.io.safetensors import MAX_ARRAYS_BYTES
from provcheck.io.untrusted import first_fault, parse_json
from provcheck.types import Record

RELEASE_FILE, ENVELOPE_FILE, CURRENT_FILE = "release.json", "release.intoto.jsonl", "current.json"
MAX_RELEASE_BYTES = 200_000
MAX_FILES = 100
"""A bank has two files a signal and a few more."""

PREDICATE = "urn:provcheck:bank-release:v1"
ENVELOPE_HINT = "ask whoever publishes the bank; without --key its origin is not checked"


class SharedFile(Record):
    """Size and digest of one file of a release."""

    bytes: Annotated[int, Field(ge=0, le=MAX_ARRAYS_BYTES)]
    sha256: Sha256


class Current(Record):
    """`current.json`."""

    schema_version: Literal[1] = 1
    version: Sha256 = Field(description="digest of the bank")


class Release(Record):
    """`release.json`: everything that a pull will fetch, before it fetches any of it."""

    schema_version: Literal[1] = 1
    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", description="of the bank")
    number: int = Field(ge=1, le=2**31, description="1 for the first release of a place; each later one has one more")
    bank: Sha256 = Field(description="digest of the bank")
    previous: Sha256 | None = Field(description="digest of the bank of the release before")
    files: dict[FileName, SharedFile] = Field(max_length=MAX_FILES)

    @model_validator(mode="after")
    def _check(self) -> Self:
        if MANIFEST_FILE not in self.files:
            raise ValueError(f"the release has no {MANIFEST_FILE}")
        taken = {RELEASE_FILE, ENVELOPE_FILE}
        if wrong := [name for name in self.files if name in taken or name.endswith(".spans")]:
            raise ValueError(f"no file of a bank may be called {wrong[0]}")
        return self

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.bytes for file in self.files.values())

    @property
    def place(self) -> str:
        """Its folder in the place."""
        return f"versions/{self.bank}"

    @property
    def called(self) -> str:
        """Name and number, for a sentence."""
        return f"release {self.number} of bank '{self.name}'"

    def rendered(self) -> bytes:
        """The content of release.json."""
        return rendered(self)


def rendered(record: Release | Current) -> bytes:
    """The content of a file with this record."""
    return (record.model_dump_json(indent=1) + "\n").encode()


def parse_release(content: bytes, where: str) -> Release:
    """The release in a file. Raises BankError."""
    try:
        return Release.model_validate(parse_json(content))
    except ValueError as error:
        raise BankError(f"the release {where} is broken: {first_fault(error)}") from None


def parse_current(content: bytes, where: str) -> Current:
    """Which release is the current one. Raises BankError."""
    try:
        return Current.model_validate(parse_json(content))
    except ValueError as error:
        raise BankError(f"{CURRENT_FILE} of {where} is broken: {first_fault(error)}") from None


def sign(release: Release, key: Path, passphrase: str | None = None) -> str:
    """The content of `release.intoto.jsonl`. Raises UsageError where the key cannot be used."""
    return seal([json.dumps(_statement(release)).encode()], key, passphrase)


def check_signature(release: Release, envelope: bytes, public_key: Path) -> None:
    """Raise BankError where this is not the release's statement, signed by the owner of the key (PEM)."""
    try:
        statement = opened(envelope, read_public(public_key), public_key.name)
    except NotAsWritten as fault:
        raise BankError(f"the signature of {release.called} {fault}", ENVELOPE_HINT) from None
    if statement != _statement(release):
        raise BankError(f"the signature of {release.called} speaks of another release", ENVELOPE_HINT)


def _statement(release: Release) -> dict[str, Any]:
    """An in-toto Statement (v1) about the files of the bank."""
    return {
        "_type": STATEMENT,
        "subject": [{"name": name, "digest": {"sha256": one.sha256}} for name, one in sorted(release.files.items())],
        "predicateType": PREDICATE,
        "predicate": release.model_dump(mode="json"),
    }


def check_release(release: Release) -> Release:
    """The release, if a pull would take it. Raises BankError."""
    return parse_release(release.rendered(), f"of bank '{release.name}'")
