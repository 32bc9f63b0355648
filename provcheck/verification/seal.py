"""The report file itself: its digest and its signature."""

from __future__ import annotations

from pathlib import Path

from provcheck.signing import is_signed_by, signature_file
from provcheck.types import Check
from provcheck.verification.lines import failed, passed, skipped


def check_seal(fault: str | None) -> Check:
    """Whether the file is as it was written; `fault` says why it is not."""
    return failed("report", fault) if fault else passed("report", "every byte is as it was written")


def check_signature(report: Path, content: bytes, public_key: Path | None) -> Check:
    """Whether the owner of the key signed these bytes. Raises UsageError when key or signature cannot be read."""
    signature = signature_file(report)
    if public_key is None:
        there = f"{signature.name} was not checked: name its key with --public-key"
        return skipped("signature", there if signature.exists() else "the report is not signed")
    if not signature.exists():
        return failed("signature", f"there is no {signature.name} beside the report")
    if is_signed_by(content, signature, public_key):
        return passed("signature", f"{signature.name} was made with the key of {public_key.name}")
    return failed("signature", f"{signature.name} is no signature of this file with the key of {public_key.name}")
