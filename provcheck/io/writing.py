"""Files and folders written whole or not at all. Raises OutputError."""

from __future__ import annotations

import contextlib
import json
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

from provcheck.errors import OutputError
from provcheck.io.text import clean, reason


def json_text(value: Any) -> str:
    """A JSON value in the layout of all our JSON files: indented, in plain ASCII. NaN raises ValueError."""
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def write_whole(path: Path, content: bytes) -> None:
    """Write one file."""
    if not path.name:
        raise OutputError(f"cannot write {path}: it is a folder", "name a file")
    temporary = path.with_name(f".{path.name}.{uuid4().hex[:16]}.tmp")  # a process id is not unique in containers
    try:
        with _folder(path.parent), _removed(temporary):
            temporary.write_bytes(content)
            temporary.replace(path)
    except OSError as error:
        raise OutputError(f"cannot write {path}: {reason(error)}", "choose another place with --out or -o") from error


def write_texts(folder: Path, texts: Mapping[str, str]) -> list[Path]:
    """Put texts into files of a folder, all or none: they are staged in it before the first one gets its name."""
    try:
        with _folder(folder), TemporaryDirectory(prefix=".provcheck-", dir=folder) as stage:
            for name, text in texts.items():
                (Path(stage) / name).write_text(text, encoding="utf-8", newline="\n")
            return _publish(Path(stage), [folder / name for name in texts])
    except OSError as error:
        raise _unwritable(folder, error) from error


def replace_folder(
    folder: Path, files: Mapping[str, bytes], keep: Iterable[Path], check: Callable[[Path], None]
) -> None:
    """Write a folder in place of another; `keep` are copied into it, `check` raises where it must not be replaced.

    If it is killed at the worst moment, the old and the new folder are both in `.FOLDER.*` next to it.
    """
    try:
        with _folder(folder.parent), TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
            made = Path(temporary) / "new"
            made.mkdir()
            for name, content in files.items():
                (made / name).write_bytes(content)
            for path in keep:
                _copy(path, made / path.name)
            check(folder)
            _put_in_place(made, folder, Path(temporary) / "old")
    except OSError as error:
        raise OutputError(f"cannot write the bank {folder}: {reason(error)}") from None


def put_folder(made: Path, folder: Path) -> None:
    """Give a folder, complete and on the same disk, the place of another, which is removed.

    If it is killed at the worst moment, the old one is in `.FOLDER.*` next to it, and the new one where it was.
    """
    try:
        with TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
            _put_in_place(made, folder, Path(temporary) / "old")
    except OSError as error:
        raise OutputError(f"cannot write the bank {folder}: {reason(error)}") from None


def check_folder_writable(folder: Path) -> None:
    """Find out before the long work whether files can be written there; folders made for it are removed again."""
    try:
        missing = _missing(folder)
    except (OSError, ValueError) as error:  # a name too long, or one that no folder can have
        raise _unwritable(folder, error) from error
    try:
        write_texts(folder, {})
    finally:
        _remove_empty(missing)


def check_file_writable(path: Path) -> None:
    """Find out before the long work whether a file of that name can be written."""
    try:
        is_folder = stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        is_folder = False
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from error
    if is_folder:
        raise OutputError(f"cannot write {path}: it is a folder", "name a file with -o")
    check_folder_writable(path.parent)


def would_replace(output: Path, path: Path) -> bool:
    """Whether a file or whole folder written as `output` would take the place of `path`; links are followed."""
    try:
        return output.samefile(path) or (output.is_dir() and path.resolve().is_relative_to(output.resolve()))
    except (OSError, ValueError):  # one of them does not exist, or cannot
        return False


@contextlib.contextmanager
def _folder(folder: Path) -> Iterator[None]:
    """Inside there is that folder; after an error, what was made for it and is still empty is removed again."""
    missing = _missing(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        _remove_empty(missing)
        raise


@contextlib.contextmanager
def _removed(file: Path) -> Iterator[None]:
    """Afterwards there is no such file."""
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            file.unlink(missing_ok=True)


def _missing(folder: Path) -> list[Path]:
    """The folder and those above it that do not exist, the lowest first."""
    return [one for one in (folder, *folder.parents) if not one.exists()]


def _remove_empty(folders: Iterable[Path]) -> None:
    for one in folders:
        with contextlib.suppress(OSError):
            one.rmdir()


def _unwritable(folder: Path, error: Exception) -> OutputError:
    message = f"Cannot write the report into {clean(str(folder))}: {reason(error)}."
    return OutputError(message, "Choose another folder with --out.")


def _publish(stage: Path, targets: list[Path]) -> list[Path]:
    """Rename the staged files; what cannot be replaced is found before the first one moves."""
    for target in targets:
        if target.is_dir():
            raise IsADirectoryError(21, f"{target.name} is a folder")
    for target in targets:
        (stage / target.name).replace(target)
    return targets


def _copy(path: Path, target: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.copytree(path, target, symlinks=True)
    else:
        shutil.copy2(path, target, follow_symlinks=False)


def _put_in_place(made: Path, folder: Path, aside: Path) -> None:
    if folder.exists():
        folder.rename(aside)
    try:
        made.rename(folder)
    except OSError:
        if aside.exists():
            aside.rename(folder)
        raise
