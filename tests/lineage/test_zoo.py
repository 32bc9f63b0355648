"""The shipped bank on the tree: what its documentation says of it is what the command prints."""

from __future__ import annotations

from pathlib import Path

import pytest

from provcheck.cli import run
from provcheck.io import data

FOLDER = data.banks()["zoo-v2"]
LINEAGE = (FOLDER / "lineage.md").read_text("utf-8")


@pytest.mark.slow
def test_lineage_md_is_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bank", "lineage", "zoo-v2"]) == 0
    assert capsys.readouterr().out == LINEAGE


def test_the_readme_shows_the_rows_of_lineage_md() -> None:
    readme = (Path(data.root()) / "reference_embeddings" / "README.md").read_text("utf-8")
    section = readme.split("## Whether the tree finds the parent")[1].split("\n## ")[0]
    shown = [line for line in section.splitlines() if line.startswith(("| tree", "| plain distance", "| chance"))]
    assert len(shown) == 3
    rows = [line for line in LINEAGE.splitlines() if line.startswith("| others, without its descendants")]
    assert shown == ["|" + row.split("|", 2)[2] for row in rows]
