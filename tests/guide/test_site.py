"""The site: every page has its place, every link its target, and the reference says what the program has."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import typer

import provcheck
from provcheck.cli.app import app
from provcheck.guide.site.gather import gather
from provcheck.guide.site.navigation import GUIDE, HOW_TO, navigation, pages_of
from provcheck.io import data
from provcheck.policy.checks import KINDS

ROOT = data.root()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what was gathered, and built beside it."""
    folder = tmp_path_factory.mktemp("docs") / "site"
    gather(folder)
    built = build(folder)
    assert built.returncode == 0, built.stderr
    return folder


def build(folder: Path) -> subprocess.CompletedProcess[str]:
    """As `make docs` does."""
    command = [sys.executable, "-m", "mkdocs", "build", "--config-file", str(folder / "mkdocs.yml")]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_every_page_of_the_repository_is_on_the_site() -> None:
    tracked = subprocess.run(["git", "ls-files", "*.md"], cwd=ROOT, capture_output=True, text=True, check=False)
    if tracked.returncode:
        pytest.skip("not a checkout")
    cards = {page for page in tracked.stdout.split() if page.startswith("reference_embeddings/subjects/")}
    assert set(tracked.stdout.split()) - cards - set(pages_of(ROOT)) == set()


@pytest.mark.parametrize("fault", ["[a](nowhere.md)", "[a](README.md#nowhere)"])
def test_a_broken_link_stops_the_build(fault: str, site: Path, tmp_path: Path) -> None:
    shutil.copytree(site, tmp_path / "site")
    with (tmp_path / "site" / "pages" / GUIDE / "README.md").open("a", encoding="utf-8") as page:
        page.write(f"\n{fault}\n")
    built = build(tmp_path / "site")
    assert built.returncode == 1 and "nowhere" in built.stderr


def test_a_page_without_a_place_stops_the_build(site: Path, tmp_path: Path) -> None:
    shutil.copytree(site, tmp_path / "site")
    (tmp_path / "site" / "pages" / "lost.md").write_text("# Lost\n", "utf-8")
    built = build(tmp_path / "site")
    assert built.returncode == 1 and "lost.md" in built.stderr


def test_what_lies_in_the_guide_is_a_how_to(tmp_path: Path) -> None:
    """Without a line in the table."""
    shutil.copytree(ROOT / GUIDE, tmp_path / GUIDE)
    (tmp_path / GUIDE / "new_page.md").write_text("# A new page\n", "utf-8")
    (listed,) = (entry[HOW_TO] for entry in navigation(tmp_path) if HOW_TO in entry)
    assert isinstance(listed, list) and f"{GUIDE}/new_page.md" in listed


def test_the_reference_has_every_command_and_option(site: Path) -> None:
    page = (site / "pages" / "reference" / "options.md").read_text("utf-8")
    for name, options in commands(typer.main.get_command(app), "provcheck"):
        section = page.split(f"## {name}\n")[1].split("\n## ")[0]
        assert [option for option in options if option not in section] == [], name


def commands(command: object, name: str) -> list[tuple[str, list[str]]]:
    """Every command below this one, with its options."""
    options = [word for one in getattr(command, "params", []) for word in one.opts if word.startswith("-")]
    below = getattr(command, "commands", {}).items()
    return [(name, options), *(found for child, one in below for found in commands(one, f"{name} {child}"))]


def test_the_reference_has_every_field_check_and_name(site: Path) -> None:
    pages = {path.stem: path.read_text("utf-8") for path in (site / "pages" / "reference").iterdir()}
    schema = json.loads((ROOT / "reports" / "report.schema.json").read_text("utf-8"))
    fields = {field for one in [schema, *schema["$defs"].values()] for field in one.get("properties", {})}
    assert [field for field in fields if f"| `{field}` |" not in pages["fields"]] == []
    assert [kind for kind in KINDS if f"## {kind}\n" not in pages["checks"]] == []
    html = (site / "html" / "reference" / "python.html").read_text("utf-8")
    assert [name for name in provcheck.__all__[1:] if f".{name}" not in html] == []


def test_no_network_is_needed_to_read_it(site: Path) -> None:
    """Nothing is loaded from elsewhere: no font, no script, no picture."""
    for page in (site / "html").rglob("*.html"):
        text = page.read_text("utf-8")
        assert 'src="http' not in text and '<link rel="stylesheet" href="http' not in text, page
