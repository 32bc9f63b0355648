"""The pages of the site and their code blocks, as the tests of the guide read them.

A block's language says how it is tested:

console        `$ command` and what it prints: run beside models, and compared (slow); a line `...` stands for any lines
sh             commands that are not run here: every provcheck command in them must be understood
python         run as it is (slow); a `text` block right after it is what it prints
yaml           a policy, a manifest of a bank, a workflow or a pre-commit config: checked as such
toml, json     settings of provcheck or of pytest; an object
title="NAME"   the block is a file of that name, which the commands of the page find in their folder

A block without a language is `console` where it starts with `$ `, else `sh`. A page whose blocks have a test of their
own says so in a comment, `<!-- tested by tests/... -->`, and that test names the page.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from provcheck.guide.site.navigation import pages_of
from provcheck.io import data

ROOT = data.root()
FENCE = re.compile(r"^```([\w-]*)(?:[^\S\n]+title=\"([^\"]+)\")?[^\S\n]*\n(.*?)^```[^\S\n]*$", re.MULTILINE | re.DOTALL)
TESTED = re.compile(r"<!-- tested by (tests/\S+) -->")


@dataclass(frozen=True)
class Block:
    """A fenced block: its page, the line where it starts, its language, its name as a file, and what it holds."""

    page: str
    line: int
    language: str
    file: str | None
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def text_of(page: str) -> str:
    """A page, by its path in the repository."""
    return (ROOT / page).read_text("utf-8")


def blocks_of(page: str) -> list[Block]:
    """All fenced blocks of a page, in order."""
    text = text_of(page)
    return [
        Block(page, text[: found.start()].count("\n") + 1, _language(found[1], found[3]), found[2], found[3])
        for found in FENCE.finditer(text)
    ]


def _language(name: str, text: str) -> str:
    return name or ("console" if text.startswith("$ ") else "sh")


def own_test(page: str) -> Path | None:
    """The test that a page names for its blocks."""
    found = TESTED.search(text_of(page))
    return ROOT / found[1] if found else None


PAGES = pages_of(ROOT)
BLOCKS = [block for page in PAGES if own_test(page) is None for block in blocks_of(page)]
"""Those that the tests of the guide are about."""


def section_block(page: str, heading: str, language: str) -> str:
    """The first block of that language below a heading."""
    text = text_of(page)
    below = text[text.index(f"{heading}\n") :]
    start = text[: -len(below)].count("\n") + 1
    return next(one.text for one in blocks_of(page) if one.line > start and one.language == language)
