"""Lays out what mkdocs reads: the pages as they lie in the repository, the written reference, and the navigation.

`python -m provcheck.guide.site.gather DIR` writes DIR/mkdocs.yml and DIR/pages. Pages keep their paths, so the links
between them hold in a checkout as on the site.
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import yaml

from provcheck.guide.site.api_page import api_page
from provcheck.guide.site.check_page import check_page
from provcheck.guide.site.command_page import command_page
from provcheck.guide.site.field_page import field_page
from provcheck.guide.site.navigation import navigation, pages_of
from provcheck.io import data

HERE = Path(__file__).parent

WRITTEN: dict[str, Callable[[], str]] = {
    "reference/options.md": command_page,
    "reference/fields.md": field_page,
    "reference/checks.md": check_page,
    "reference/python.md": api_page,
}

LINK = re.compile(r"\]\(([^)#\s:]+)")
"""What a page links to, other than an address or a place on itself."""


def gather(folder: Path) -> None:
    """Write the folder anew."""
    root, pages = data.root(), folder / "pages"
    shutil.rmtree(folder, ignore_errors=True)
    for page in pages_of(root):
        _copy(root, page, pages)
        for file in linked_files(root, page):
            _copy(root, file, pages)
    for page, write in WRITTEN.items():
        _path(pages, page).write_text(write(), "utf-8")
    shutil.copy(HERE / "style.css", _path(pages, "style.css"))
    configuration = {"INHERIT": str(HERE / "mkdocs.yml"), "docs_dir": "pages", "site_dir": "html"}
    (folder / "mkdocs.yml").write_text(yaml.safe_dump({**configuration, "nav": navigation(root)}), "utf-8")


def linked_files(root: Path, page: str) -> list[str]:
    """The files, other than pages, that a page links to: a policy, a report."""
    targets = ((root / page).parent / link for link in LINK.findall((root / page).read_text("utf-8")))
    found = (path.resolve() for path in targets if path.suffix != ".md" and path.is_file())
    return [path.relative_to(root).as_posix() for path in found]


def _copy(root: Path, file: str, pages: Path) -> None:
    shutil.copy(root / file, _path(pages, file))


def _path(folder: Path, file: str) -> Path:
    (folder / file).parent.mkdir(parents=True, exist_ok=True)
    return folder / file


if __name__ == "__main__":
    gather(Path(sys.argv[1]))
