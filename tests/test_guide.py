"""The scripts of the guide run as they are, and say what the program finds."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import provcheck
from provcheck.io import data
from tests.tiny import save_tiny

GUIDE = Path(provcheck.__file__).parent / "guide"
TASKS = (GUIDE / "three_tasks.md").read_text("utf-8")
NUMBER = re.compile(r"[0-9a-f]{64}|\d[\d,]*\.?\d*(?:e-\d+)?")
SHIPPED = ("llama-tech-s1-4bit", "llama-tech-s2")
RANDOM = ("llama", "mistral", "qwen2", "qwen3", "gemma", "gpt2", "gpt_neox", "opt", "bloom")
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


def lay_out(folder: Path) -> None:
    """What the tasks are done with: a supplier's model, eleven folders of models, and a policy."""
    shutil.copytree(data.demo_folder(), folder / "supplied")
    for name in SHIPPED:
        shutil.copytree(data.demo_subjects()[name], folder / "models" / name)
    for kind in RANDOM:
        save_tiny(folder / "models" / f"tiny-{kind}", kind)
    (folder / "gate.yaml").write_text(TASKS.split("```yaml\n")[1].split("```")[0], "utf-8")


@pytest.mark.slow
def test_the_three_tasks_print_what_the_page_shows(tmp_path: Path) -> None:
    """Line by line, numbers apart; on another machine those may differ in their last digits."""
    lay_out(tmp_path)
    assert_prints(TASKS, tmp_path, sessions=8)


def assert_prints(page: str, folder: Path, *, sessions: int) -> None:
    """Every command of a page, in that folder, prints what the page shows; numbers apart."""
    found = re.findall(r"^```\n\$ provcheck (.*?)\n(.*?)```", page, re.MULTILINE | re.DOTALL)
    assert len(found) == sessions
    for command, shown in found:
        ran = subprocess.run(
            [sys.executable, "-c", "import provcheck.cli; provcheck.cli.main()", *shlex.split(command)],
            cwd=folder,
            env=os.environ | {"PROVCHECK_CACHE": str(folder / "cache")},
            capture_output=True,
            text=True,
            check=False,
        )
        printed = ran.stdout.rstrip() + (f"\n(exit code {ran.returncode})" if ran.returncode else "")
        assert _words(printed) == _words(shown), ran.stderr


def _words(text: str) -> list[list[str]]:
    """Without the progress of a stage, which a slow machine tells more than once."""
    lines = [line for line in text.strip().splitlines() if not line.startswith(("attributions", "log-likelihood"))]
    return [NUMBER.sub("#", line).split() for line in lines]


@pytest.mark.slow
def test_sharing_a_bank_prints_what_the_page_shows(tmp_path: Path) -> None:
    """With the keys that the page makes."""
    page = (GUIDE / "share_a_bank.md").read_text("utf-8")
    keys = page.split("```\n")[1]
    subprocess.run(keys, cwd=tmp_path, shell=True, check=True)  # noqa: S602
    assert_prints(page, tmp_path, sessions=3)
