"""Write a report's files whole or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from provcheck.errors import OutputError
from provcheck.reading import clean, reason
from provcheck.rendering import FORMATS, find_formats
from provcheck.types import Report


def write_files(
    report: Report, out_dir: Path, formats: Iterable[str], extra: Mapping[str, str] | None = None
) -> list[Path]:
    """Write the report in each format, and `extra` (file name to text), into `out_dir`; return the paths.

    Everything is rendered before the folder is touched, and staged inside it before the first file changes its name.
    """
    texts = {one.file_name: one.load().render(report) for one in find_formats(formats)}
    return write_texts(out_dir, {**texts, **(extra or {})})


def check_writable(out_dir: Path, formats: Iterable[str]) -> None:
    """Find out before the long work whether the report can be written; folders made for it are removed again.

    Raises OutputError or UsageError.
    """
    find_formats(formats)
    try:
        missing = [folder for folder in (out_dir, *out_dir.parents) if not folder.exists()]
    except (OSError, ValueError) as error:  # a name too long, or one that no folder can have
        raise _unwritable(out_dir, error) from error
    try:
        write_texts(out_dir, {})
    finally:
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()


def check_file(path: Path) -> None:
    """Find out before the long work whether a file of that name can be written. Raises OutputError."""
    try:
        folder = stat.S_ISDIR(path.stat().st_mode)
    except FileNotFoundError:
        folder = False
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from error
    if folder:
        raise OutputError(f"cannot write {path}: it is a folder", "name a file with -o")
    check_writable(path.parent, ())


def write_texts(out_dir: Path, texts: Mapping[str, str]) -> list[Path]:
    """Put the texts into files of `out_dir`, all or none."""
    try:
        out_dir.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=".provcheck-", dir=out_dir) as stage:
            for name, text in texts.items():
                (Path(stage) / name).write_text(text, encoding="utf-8", newline="\n")
            return _publish(Path(stage), [out_dir / name for name in texts])
    except OSError as error:
        raise _unwritable(out_dir, error) from error


def _unwritable(out_dir: Path, error: Exception) -> OutputError:
    message = f"Cannot write the report into {clean(str(out_dir))}: {reason(error)}."
    return OutputError(message, "Choose another folder with --out.")


def append_step_summary(report: Report) -> str:
    """Append the Markdown summary to the file that a GitHub job shows, when there is one.

    Returns a note when it cannot be written, and nothing otherwise; an audit never fails for it.
    """
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return ""
    text = FORMATS["markdown"].load().render(report)
    try:
        with Path(path).open("a", encoding="utf-8", newline="\n") as file:
            file.write(text + "\n")
    except OSError as error:
        return f"note: the job summary cannot be written: {error.strerror or error}"
    return ""


def _publish(stage: Path, targets: list[Path]) -> list[Path]:
    """Rename the staged files; what cannot be replaced is found before the first one moves."""
    for target in targets:
        if target.is_dir():
            raise IsADirectoryError(21, f"{target.name} is a folder")
    for target in targets:
        (stage / target.name).replace(target)
    return targets
