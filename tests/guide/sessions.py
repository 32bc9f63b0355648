"""The sessions of the pages: run in a folder with models, and compared, or recorded anew.

`python -m tests.guide.sessions [PAGE ...]` runs them and writes what they print into the pages; without a name, all.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from provcheck.io import data
from tests.guide.pages import BLOCKS, PAGES, ROOT, Block, blocks_of, text_of
from tests.tiny import save_tiny

SHIPPED = ("llama-tech-s1-4bit", "llama-tech-s2")
RANDOM = ("llama", "mistral", "qwen2", "qwen3", "gemma", "gpt2", "gpt_neox", "opt", "bloom")
BIN = Path(sys.executable).parent


@dataclass(frozen=True)
class Step:
    """One command of a session, and what the page says that it prints."""

    command: str
    shown: str


def steps_of(block: Block) -> list[Step]:
    """The commands of a block, each with its output."""
    parts = re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]
    return [Step(command, shown) for command, _, shown in (part.partition("\n") for part in parts)]


def lay_out(folder: Path, page: str) -> None:
    """What a page is about: a supplier's model, eleven folders of models, and the files that the page shows."""
    shutil.copytree(data.demo_folder(), folder / "supplied")
    for name in SHIPPED:
        shutil.copytree(data.demo_subjects()[name], folder / "models" / name)
    for kind in RANDOM:
        save_tiny(folder / "models" / f"tiny-{kind}", kind)
    for shared in ("reference_embeddings", "reports"):
        (folder / shared).symlink_to(ROOT / shared)
    for block in blocks_of(page):
        if block.file:
            (folder / block.file).parent.mkdir(parents=True, exist_ok=True)
            (folder / block.file).write_text(block.text, "utf-8")


def environment(folder: Path) -> dict[str, str]:
    """This package and its programs first, a cache of the folder's own, and a terminal of the usual width."""
    kept = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "PYTEST_ADDOPTS"}}
    path = f"{BIN}{os.pathsep}{kept['PATH']}"
    return kept | {"PYTHONPATH": str(ROOT), "PATH": path, "PROVCHECK_CACHE": str(folder / ".cache")}


def printed(command: str, folder: Path) -> str:
    """What a command prints, with its exit code where that is not 0."""
    ran = subprocess.run(
        ["sh", "-c", command], cwd=folder, env=environment(folder), capture_output=True, text=True, check=False
    )
    said = (ran.stdout or ran.stderr * bool(ran.returncode)).rstrip()
    return "\n".join(filter(None, [said, f"(exit code {ran.returncode})" * bool(ran.returncode)]))


def sessions_of(page: str) -> list[Block]:
    """The blocks of a page that are sessions."""
    return [block for block in BLOCKS if block.page == page and block.language == "console"]


def recorded(page: str, folder: Path) -> str:
    """The page, with what its commands print now. Shortened output, with a line `...`, stays as it is."""
    lay_out(folder, page)
    text = text_of(page)
    for block in sessions_of(page):
        text = text.replace(f"\n{block.text}```", "\n" + "".join(_again(block, folder)) + "```", 1)
    return text


def _again(block: Block, folder: Path) -> Iterator[str]:
    for step in steps_of(block):
        print(f"{block}: {step.command}", file=sys.stderr)
        now = printed(step.command, folder)
        shortened = "..." in step.shown.splitlines()
        yield f"$ {step.command}\n{step.shown if shortened else now + chr(10) * bool(now)}"


def main(pages: list[str]) -> None:
    """Record the pages anew."""
    for page in pages or [page for page in PAGES if sessions_of(page)]:
        with tempfile.TemporaryDirectory() as folder:
            (ROOT / page).write_text(recorded(page, Path(folder)), "utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
