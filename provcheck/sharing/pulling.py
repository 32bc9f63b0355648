"""A release of a place becomes a bank here. What was here stays until everything new is here and has been checked."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from provcheck.bank.folder import verify_bank
from provcheck.bank.manifest import read_bank_manifest
from provcheck.bank.saving import MANIFEST_FILE
from provcheck.errors import BankError, OutputError, UsageError
from provcheck.io.digests import file_digest
from provcheck.io.partial_file import PartialFile
from provcheck.io.text import reason
from provcheck.io.untrusted import read_bounded
from provcheck.io.writing import check_folder_writable, put_folder
from provcheck.observer import Observer, Silent
from provcheck.sharing.releases import (
    ENVELOPE_FILE,
    MAX_RELEASE_BYTES,
    RELEASE_FILE,
    Release,
    check_signature,
    parse_release,
)
from provcheck.sharing.remotes import Remote, current_version, release_of

AGAIN = "Try again; if that does not help, tell whoever publishes the bank. What was here stays as it was."
OTHER_FOLDER = "choose another folder with --out"


@dataclass(frozen=True)
class Pulled:
    """The release that is in `folder` now. `known`: it was there already; `signed`: the signature was checked."""

    release: Release
    folder: Path
    known: bool
    signed: bool


def pull_bank(
    remote: Remote,
    out: Path | None = None,
    *,
    key: Path | None = None,
    version: str | None = None,
    observe: Observer | None = None,
) -> Pulled:
    """Fetch the current release, or that of the bank with the digest `version`, into a folder, by default its name.

    `key`: the public key (PEM) that it must be signed with. Raises ProvcheckError; what was there stays then.
    """
    release, envelope = _find(remote, version, key)
    named = out or Path(release.name)
    folder = named.resolve()
    here = _check_replaceable(folder, release, signed=key is not None, chosen=version is not None)
    if here == release and _is_whole(folder):
        _put_papers(folder, release, envelope)
        return Pulled(release, named, known=True, signed=key is not None)
    stage = folder.with_name(f".{folder.name}.pull-{release.bank[:16]}")
    with _written(folder):
        _fetch_all(remote, release, stage, folder, observe or Silent())
        _check_stage(stage, release, remote)
        _put_papers(stage, release, envelope)
    put_folder(stage, folder)
    _remove_stages(folder)
    return Pulled(release, named, known=False, signed=key is not None)


def _find(remote: Remote, version: str | None, key: Path | None) -> tuple[Release, bytes | None]:
    """The release, with its envelope if it was checked."""
    asked = version or current_version(remote)
    if asked is None:
        raise BankError(f"nothing was pushed to {remote.address}, or you cannot see it", "check the address")
    release = release_of(remote, asked)
    if release is None:
        raise BankError(f"{remote.address} has no release {asked[:12]}", "--version takes the digest of a bank")
    if key is None:
        return release, None
    envelope = remote.read(f"{release.place}/{ENVELOPE_FILE}", MAX_RELEASE_BYTES)
    if envelope is None:
        raise BankError(f"{release.called} in {remote.address} is not signed", "without --key it is not asked for")
    check_signature(release, envelope, key)
    return release, envelope


def _check_replaceable(folder: Path, release: Release, *, signed: bool, chosen: bool) -> Release | None:
    """The release that is in the folder; None if the folder is empty or not there. Raises an error otherwise."""
    check_folder_writable(folder.parent)
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return None
    here = _release_here(folder)
    if here is None:
        raise UsageError(f"{folder} was not pulled from anywhere, and would be lost", OTHER_FOLDER)
    if here.name != release.name:
        raise UsageError(f"{folder} is bank '{here.name}', and would be replaced by '{release.name}'", OTHER_FOLDER)
    if not signed and (folder / ENVELOPE_FILE).exists():
        raise UsageError(f"the signature of {here.called} in {folder} was checked", "name the key again with --key")
    if not chosen and here != release and here.number >= release.number:
        what = "is older than" if here.number > release.number else "is another than"
        raise BankError(
            f"{release.called} {what} release {here.number} in {folder}, which stays",
            f"ask whoever publishes the bank; to take that one all the same: --version {release.bank}",
        )
    return here


def _release_here(folder: Path) -> Release | None:
    """Of a folder that is as it was pulled. Raises UsageError where the bank was changed since."""
    try:
        content = read_bounded(folder / RELEASE_FILE, MAX_RELEASE_BYTES)
    except OSError:
        return None
    here = parse_release(content, f"in {folder}")
    with suppress(BankError):  # of a damaged bank: to pull it again is the cure
        if read_bank_manifest(folder).digest != here.bank:
            raise UsageError(f"the bank in {folder} was changed after it was pulled, and would be lost", OTHER_FOLDER)
    return here


def _is_whole(folder: Path) -> bool:
    try:
        verify_bank(str(folder))
    except BankError:
        return False
    return True


@contextmanager
def _written(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OutputError(f"cannot write next to {folder}: {reason(error)}", OTHER_FOLDER) from None


def _fetch_all(remote: Remote, release: Release, stage: Path, folder: Path, observe: Observer) -> None:
    """Every file of the release, into the stage; those that lie in the folder already are copied."""
    stage.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(stage).free
    if release.size > free and not any(stage.iterdir()):
        raise OutputError(f"{release.called} has {release.size:,} bytes, and {free:,} are free", "free some space")
    observe.start(f"files of {release.called}", len(release.files))
    for name, file in release.files.items():
        target = stage / name
        if not _is(target, file.sha256, file.bytes):
            if _is(folder / name, file.sha256, file.bytes):
                shutil.copyfile(folder / name, target)
            else:
                _fetch(remote, f"{release.place}/{name}", target, file.bytes, file.sha256)
        observe.advance(1)
    observe.finish()


def _fetch(remote: Remote, name: str, target: Path, size: int, sha256: str) -> None:
    """One file. What arrived of it is kept, unless it turns out to be something else."""
    if size:
        remote.fetch(name, PartialFile(target, size))
    else:
        target.touch()
    journal = target.with_name(f"{target.name}.spans")
    whole = file_digest(target) == sha256
    journal.unlink(missing_ok=True)
    if not whole:
        target.unlink()
        raise BankError(f"{name} of {remote.address} is not what its release states: it was changed or damaged", AGAIN)


def _is(path: Path, sha256: str, size: int) -> bool:
    """Whether a plain file has that content, and is not still being fetched."""
    if path.is_symlink() or not path.is_file() or path.stat().st_size != size:
        return False
    return not path.with_name(f"{path.name}.spans").exists() and file_digest(path) == sha256


def _check_stage(stage: Path, release: Release, remote: Remote) -> None:
    """Every digest of the bank, and that it is the one that the release names, with no other file beside it."""
    for path in stage.iterdir():
        if path.name not in release.files:
            path.unlink()
    manifest = verify_bank(str(stage)).manifest
    listed = {name for name in release.files if name != MANIFEST_FILE} - set(manifest.files)
    if (manifest.digest, manifest.name) != (release.bank, release.name) or listed:
        raise BankError(f"{release.called} in {remote.address} holds another bank than it states", AGAIN)


def _put_papers(folder: Path, release: Release, envelope: bytes | None) -> None:
    """The release beside the bank, with its envelope if that was checked."""
    (folder / RELEASE_FILE).write_bytes(release.rendered())
    if envelope is not None:
        (folder / ENVELOPE_FILE).write_bytes(envelope)


def _remove_stages(folder: Path) -> None:
    """What pulls of other releases left unfinished."""
    for stage in folder.parent.glob(f".{folder.name}.pull-*"):
        with suppress(OSError):
            shutil.rmtree(stage)
