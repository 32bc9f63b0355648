"""The files of a head-to-head comparison: the same writers as an audit's, for its own record."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from provcheck.errors import UsageError
from provcheck.io.spelling import did_you_mean
from provcheck.io.writing import check_folder_writable, json_text, write_texts
from provcheck.rendering.pair_page import pair_page
from provcheck.types import PairReport

Render = Callable[[PairReport], str]

FORMATS: dict[str, tuple[str, Render]] = {
    "json": ("comparison.json", lambda report: json_text(report.model_dump(mode="json"))),
    "html": ("comparison.html", pair_page),
}
"""By the name of the format: file, and what makes its text."""


def check_pair_formats(out_dir: Path, names: Iterable[str]) -> list[Path]:
    """Find out before the long work whether the files can be written. Raises OutputError or UsageError."""
    found = [out_dir / FORMATS[_known(name)][0] for name in names]
    check_folder_writable(out_dir)
    return found


def write_pair(report: PairReport, out_dir: Path, names: Iterable[str]) -> list[Path]:
    """Write each format, whole or not at all; return the paths. Raises OutputError."""
    return write_texts(out_dir, {file: render(report) for file, render in (FORMATS[name] for name in names)})


def _known(name: str) -> str:
    if name not in FORMATS:
        raise UsageError(
            f"a comparison has no format {name!r}{did_you_mean(name, FORMATS)}", f"its formats: {', '.join(FORMATS)}"
        )
    return name
