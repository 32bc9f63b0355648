"""The files of a report: which formats, into which folder, and the summary of a GitHub job."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from provcheck.errors import UsageError
from provcheck.io.writing import check_folder_writable, write_texts
from provcheck.rendering import FORMATS, find_formats
from provcheck.types import Report


def write_files(report: Report, out_dir: Path, formats: Iterable[str]) -> list[Path]:
    """Write the report in each format into `out_dir`, whole or not at all; return the paths.

    Everything is rendered before the folder is touched. Raises OutputError or UsageError.
    """
    texts = {one.file_name: one.load().render(report) for one in find_formats(formats)}
    return write_texts(out_dir, {name: text for name, text in texts.items() if text is not None})


def check_writable(out_dir: Path, formats: Iterable[str]) -> list[Path]:
    """Find out before the long work whether the report can be written; return its files.

    Raises OutputError or UsageError.
    """
    found = find_formats(formats)
    check_folder_writable(out_dir)
    return [out_dir / one.file_name for one in found]


def check_one(formats: Iterable[str]) -> list[Path]:
    """Raise UsageError unless exactly one format is named, as standard output can hold; no file is written."""
    if len(find_formats(formats)) != 1:
        raise UsageError("standard output takes one format", "name it, as in --format json --out -")
    return []


def render_one(report: Report, formats: Iterable[str]) -> str:
    """The report in the one format. Raises UsageError where it holds nothing for that format."""
    (form,) = find_formats(formats)
    text = form.load().render(report)
    if text is None:
        raise UsageError(f"the report holds nothing for {form.file_name}", "choose another format")
    return text


def append_step_summary(report: Report) -> str:
    """Append the Markdown summary to the file that a GitHub job shows, when there is one.

    Returns a note when it cannot be written, and nothing otherwise; an audit never fails because of it.
    """
    path = os.environ.get("GITHUB_STEP_SUMMARY")
    if not path:
        return ""
    text = FORMATS["markdown"].load().render(report)
    try:
        with Path(path).open("a", encoding="utf-8", newline="\n") as file:
            file.write(f"{text}\n")
    except OSError as error:
        return f"note: the job summary cannot be written: {error.strerror or error}"
    return ""
