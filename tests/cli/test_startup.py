"""Nothing heavy is imported before it is needed: help in 0.4 s, a list of the banks in 1 s, an audit again in 3 s."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from provcheck.cli import run
from tests.cli.conftest import World

RUNS = 5
AGAIN = 7.5
HEAVY = {
    "torch",
    "transformers",
    "tokenizers",
    "peft",
    "accelerate",
    "sklearn",
    "skbio",
    "scipy",
    "matplotlib",
    "plotly",
}

PROGRAM = shutil.which("provcheck", path=str(Path(sys.executable).parent)) or "provcheck is not installed"


def seconds(arguments: list[str]) -> float:
    """From start to end: wall time, or processor time where that is less because others share the machine."""
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(arguments, check=True, capture_output=True, timeout=120)
    wall, after = time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN)
    return min(wall, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)


def best(arguments: list[str]) -> float:
    """The fastest of a few runs; the others shared the machine."""
    return min(seconds(arguments) for _ in range(RUNS))


@pytest.mark.parametrize(
    ("arguments", "aim"),
    [
        ([PROGRAM, "--help"], 0.4),
        ([PROGRAM, "--version"], 0.4),
        ([PROGRAM, "audit", "--help"], 0.4),
        ([PROGRAM, "bank", "list"], 1.0),
        ([PROGRAM, "policy", "list"], 1.0),
        ([sys.executable, "-c", "import provcheck"], 0.4),
    ],
    ids=lambda value: " ".join(value[1:]) if isinstance(value, list) else None,
)
def test_commands_that_measure_nothing_are_fast(arguments: list[str], aim: float) -> None:
    took = best(arguments)
    print(f"{took:.2f} s; aim {aim} s")
    assert took < aim


@pytest.mark.parametrize(
    "arguments", [["--help"], ["audit", "--help"], ["bank", "list"], ["policy", "list"], ["report", "--help"], []]
)
def test_what_they_import(arguments: list[str]) -> None:
    """`[]`: importing the library."""
    loaded = imported_by(arguments)
    assert sorted(loaded & HEAVY) == []
    if "--help" in arguments or not arguments:
        assert sorted(loaded & {"numpy", "yaml", "jinja2", "huggingface_hub"}) == []


@pytest.mark.parametrize(("formats", "drawing"), [(["json"], set()), (["json", "html", "newick"], {"matplotlib"})])
def test_an_audit_whose_measurement_is_kept_loads_only_what_draws(
    formats: list[str], drawing: set[str], world: World, tmp_path: Path
) -> None:
    """Neither what measures nor what places: the tree and the map are kept like the measurement."""
    arguments = world.audit(world.models["seed-0"], "--out", tmp_path / "out")
    assert run([*arguments, "--format", "json"]) == 0
    loaded = imported_by([*arguments, *(word for name in formats for word in ("--format", name))])
    assert loaded & HEAVY == drawing
    assert drawing or not loaded & {"plotly", "jinja2"}


@pytest.mark.slow
def test_the_demo_again_takes_three_seconds(tmp_path: Path) -> None:
    """3 s where the libraries that it needs load in 0.4 s, more on a slower machine, less on a faster one."""
    arguments = [PROGRAM, "audit", "demo", "--out", str(tmp_path)]
    seconds(arguments)
    took, libraries = best(arguments), best([sys.executable, "-c", "import numpy, matplotlib.figure, pydantic, typer"])
    print(f"{took:.2f} s, {took / libraries:.1f} times as long as the libraries take to load; aim {AGAIN}")
    assert took < AGAIN * libraries


def imported_by(arguments: list[str]) -> set[str]:
    """All modules that are loaded after that command, or after importing the library."""
    code = (
        "import contextlib, io, json, sys\n"
        "import provcheck\n"
        "if sys.argv[1:]:\n"
        "    from provcheck.cli import run\n"
        "    with contextlib.redirect_stdout(io.StringIO()):\n"
        "        run(sys.argv[1:])\n"
        "print(json.dumps(sorted(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True, text=True)
    return set(json.loads(result.stdout))
