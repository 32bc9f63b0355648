"""The scripts of the guide run as they are, and say what the program finds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import provcheck

GUIDE = Path(provcheck.__file__).parent / "guide"
SCRIPTS = sorted(path.stem for path in GUIDE.glob("[!_]*.py"))

EXPECTED = {
    "audit_one_model": (
        "llama-tech-s1-sft-short: derived zoo/llama-tech-s1",
        "claimed-base-supported: passed",
        "exit code ",
    ),
    "compare_two_models": ("distance 0.02", "llama-tech-s1-sft-short and llama-tech-s1-4bit: derived", "again 0.02"),
    "explore_a_bank": ("zoo-v2: 175 references", "wrote tree.png and map.pdf"),
}
WRITTEN = {
    "audit_one_model": {"audit"},
    "compare_two_models": {"tuned.safetensors"},
    "explore_a_bank": {"tree.png", "map.pdf"},
}


def test_every_script_is_tried_and_named_in_its_readme() -> None:
    assert set(SCRIPTS) == set(EXPECTED)
    readme = (GUIDE / "README.md").read_text("utf-8")
    assert all(f"`{name}.py`" in readme for name in SCRIPTS)


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_runs(script: str, tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, GUIDE / f"{script}.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    assert [line for line in EXPECTED[script] if line not in ran.stdout] == []
    assert {path.name for path in tmp_path.iterdir()} == WRITTEN[script]
