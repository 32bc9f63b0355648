"""Small files that would fill the memory or never end are refused in a sentence, soon and in little memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def blown(home: Path, which: str) -> list[dict[str, str | float]]:
    """What became of each bomb, in a process with 3 GB of address space."""
    command = [sys.executable, "-m", "tests.hostile.bombs", str(home), which]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    result = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert result.returncode == 0, result.stderr[-2000:]
    return [json.loads(line) for line in result.stdout.splitlines()]


def check(bombs: list[dict[str, str | float]], seconds: float) -> None:
    assert bombs
    assert [bomb for bomb in bombs if not str(bomb["outcome"]).startswith("ProvcheckError: ")] == []
    assert [bomb for bomb in bombs if float(bomb["seconds"]) > seconds] == []


def test_bombs(tmp_path: Path) -> None:
    check(blown(tmp_path, "fast"), seconds=30)


@pytest.mark.slow
def test_the_worst_that_is_read(tmp_path: Path) -> None:
    """Files of the largest size that is not refused outright."""
    check(blown(tmp_path, "slow"), seconds=60)
