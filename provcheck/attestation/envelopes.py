"""Statements of a report in DSSE envelopes, one a line of `report.intoto.jsonl`; signed, and checked again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from provcheck.attestation.keys import read_private, read_public
from provcheck.attestation.statements import LINEAGE, RESULT, file_of_report, lineage, result, subject
from provcheck.errors import UsageError
from provcheck.io.text import reason
from provcheck.io.untrusted import parse_json, read_bounded
from provcheck.types import Report

if TYPE_CHECKING:
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import Key

SUFFIX = ".intoto.jsonl"
STATEMENT = "https://in-toto.io/Statement/v1"
PAYLOAD_TYPE = "application/vnd.in-toto+json"
UNKNOWN = "is no envelope as provcheck writes it, or was changed"
MAX_BYTES = 4_000_000
"""Limit for a file of envelopes; one of a report on the shipped bank has about 15 kB."""


class NotAsWritten(ValueError):
    """A line is no envelope as `seal` writes them, or not by this key: what is wrong, behind the name of the line."""


def attestation_file(report: Path) -> Path:
    """The file of envelopes of a report, next to it: `report.intoto.jsonl` for `report.json`."""
    return report.with_name(report.name.removesuffix(".json") + SUFFIX)


def attest(report: Report, content: bytes, key: Path, passphrase: str | None = None) -> str:
    """The signed statements of a report whose file has these bytes, one envelope a line. Raises UsageError."""
    pairs = ((LINEAGE, lineage(report, content)), (RESULT, result(report)))
    return seal([_statement(report, kind, predicate) for kind, predicate in pairs], key, passphrase)


def seal(statements: Iterable[bytes], key: Path, passphrase: str | None = None) -> str:
    """Statements, each in a signed envelope on a line of its own. Raises UsageError where the key cannot be used."""
    signer = read_private(key, passphrase)
    from securesystemslib.dsse import Envelope

    lines = []
    for statement in statements:
        envelope = Envelope(statement, PAYLOAD_TYPE, {})
        envelope.sign(signer)
        lines.append(_line(envelope))
    return "".join(f"{line}\n" for line in lines)


def opened(line: bytes, key: Key, key_name: str) -> dict[str, Any]:
    """The statement on a line, signed by the owner of the key. Raises NotAsWritten."""
    from securesystemslib.exceptions import VerificationError

    envelope = _read(line)
    try:
        envelope.verify([key], 1)
    except VerificationError:
        raise NotAsWritten(f"was not signed with the key of {key_name}, or was changed") from None
    return _parsed(envelope)


def fault_of(report: Report, content: bytes, file: Path, public_key: Path) -> str | None:
    """Why the file does not hold this report's statements, signed by the owner of the key (PEM); None if it does.

    Raises UsageError when key or file cannot be read.
    """
    key = read_public(public_key)
    kinds = []
    for number, line in enumerate(_lines(file), 1):
        try:
            statement = opened(line, key, public_key.name)
        except NotAsWritten as fault:
            return f"line {number} of {file.name} {fault}"
        if statement.get("subject") != subject(report):
            return f"line {number} of {file.name} speaks of other model files than the report"
        kinds.append(statement.get("predicateType"))
        if kinds[-1] == LINEAGE and statement["predicate"].get("report") != file_of_report(content):
            return f"line {number} of {file.name} speaks of another report"
    return None if LINEAGE in kinds else f"{file.name} has no statement about lineage"


def _statement(report: Report, kind: str, predicate: dict[str, Any]) -> bytes:
    statement = {"_type": STATEMENT, "subject": subject(report), "predicateType": kind, "predicate": predicate}
    return json.dumps(statement).encode()


def _line(envelope: Envelope) -> str:
    return json.dumps(envelope.to_dict())


def _lines(file: Path) -> Iterator[bytes]:
    try:
        yield from read_bounded(file, MAX_BYTES).splitlines(keepends=True)
    except OSError as error:
        raise UsageError(f"the attestation {file} cannot be read: {reason(error)}") from None


def _read(line: bytes) -> Envelope:
    """The envelope on a line. Every byte of the line counts: it must be what would be written again."""
    from securesystemslib.dsse import Envelope
    from securesystemslib.exceptions import Error

    try:
        envelope = Envelope.from_dict(parse_json(line))
        known = f"{_line(envelope)}\n".encode() == line and envelope.payload_type == PAYLOAD_TYPE
    except (Error, ValueError, KeyError, TypeError, AttributeError):
        known = False
    if not known:
        raise NotAsWritten(UNKNOWN)
    return envelope


def _parsed(envelope: Envelope) -> dict[str, Any]:
    """The statement in an envelope whose signature was checked; its signer may still have written anything."""
    statement = parse_json(envelope.payload)
    if not isinstance(statement, dict) or not isinstance(statement.get("predicate"), dict):
        raise NotAsWritten(UNKNOWN)
    return statement
