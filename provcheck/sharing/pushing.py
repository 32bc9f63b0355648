"""A bank becomes the next release of a place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from provcheck.bank import Bank
from provcheck.bank.folder import RAW, verify_bank
from provcheck.bank.saving import MANIFEST_FILE
from provcheck.errors import BankError, UsageError
from provcheck.io.digests import file_digest
from provcheck.sharing.releases import (
    CURRENT_FILE,
    ENVELOPE_FILE,
    RELEASE_FILE,
    Current,
    Release,
    SharedFile,
    check_release,
    rendered,
)
from provcheck.sharing.remotes import Remote, current_version, release_of

Sign = Callable[[Release], str]
"""What makes the content of a release's envelope."""


@dataclass(frozen=True)
class Pushed:
    """The release as it is there now. `known`: it was the current one before."""

    release: Release
    known: bool
    signed: bool


def push_bank(name: str, remote: Remote, sign: Sign | None = None, *, raw: bool = False) -> Pushed:
    """Check every digest of a bank and publish it; `raw`: with its files for research.

    A push that was cut off is taken up again by the next one. Raises BankError, UsageError or OutputError.
    """
    bank = verify_bank(name)
    current = current_version(remote)
    last = release_of(remote, current) if current else None
    if current and last is None:
        raise BankError(f"{remote.address} lacks the release that its {CURRENT_FILE} names")
    release = _next_release(bank, last, remote, raw=raw)
    files: dict[str, Path | bytes] = {one: bank.folder / one for one in release.files}
    files[RELEASE_FILE] = release.rendered()
    if sign:
        files[ENVELOPE_FILE] = sign(release).encode()
    remote.publish(release, files, rendered(Current(version=release.bank)))
    return Pushed(release, known=release == last, signed=sign is not None)


def _next_release(bank: Bank, last: Release | None, remote: Remote, *, raw: bool) -> Release:
    """The release to publish: the last one again, if it is of this very bank."""
    manifest = bank.manifest
    if last and last.name != manifest.name:
        raise UsageError(
            f"{remote.address} holds releases of bank '{last.name}', not of '{manifest.name}'", "push to another place"
        )
    if last and last.bank == manifest.digest:
        return last
    earlier = release_of(remote, manifest.digest)
    if last and earlier and earlier.number <= last.number:
        raise UsageError(
            f"this bank is {earlier.called} in {remote.address}, which has a later one",
            "whoever pulled the later one would refuse to go back",
        )
    release = Release.model_construct(
        name=manifest.name,
        number=last.number + 1 if last else 1,
        bank=manifest.digest,
        previous=last.bank if last else None,
        files={name: _shared(bank.folder / name) for name in _names(bank, raw=raw)},
    )
    return check_release(release)


def _names(bank: Bank, *, raw: bool) -> list[str]:
    """The manifest and the files that it lists; those for research only where they are here and asked for."""
    listed = sorted(bank.manifest.files)
    return [MANIFEST_FILE, *(one for one in listed if not _is_raw(one) or (raw and (bank.folder / one).exists()))]


def _is_raw(name: str) -> bool:
    return Path(name).stem.endswith(RAW)


def _shared(path: Path) -> SharedFile:
    return SharedFile(bytes=path.stat().st_size, sha256=file_digest(path))
