""".github/CONTRIBUTING.md word for word: each example is copied, its line added in a copy of the package, then run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import provcheck
from provcheck.probes import load_probes

ROOT = Path(provcheck.__file__).parent.parent
PAGE = (ROOT / ".github" / "CONTRIBUTING.md").read_text("utf-8")

STEP = re.compile(
    r"Copy `(?P<source>[^`]+)` to `(?P<target>[^`]+)`, and add a line to `(?P<table>\w+)` in\s+`(?P<file>[^`]+)`"
    r"[^\n]*:\n\n```python\n(?P<line>[^\n]+)\n```"
)
COMMAND = re.compile(r"```sh\nprovcheck ([^\n]+)\n```")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package, beside links to its data, after everything that the page says to do."""
    folder = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "provcheck", folder / "provcheck", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("reference_embeddings", "policies", "reports"):
        (folder / name).symlink_to(ROOT / name)
    steps = list(STEP.finditer(PAGE))
    assert len(steps) == 4
    for step in steps:
        (folder / step["target"]).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / step["source"], folder / step["target"])
        add_line(folder / step["file"], step["table"], step["line"])
    texts = load_probes().texts
    recording = {"model": "me/served", "nats": {text.text: -1.0 * len(text.text) for text in texts}}
    (folder / "recording.json").write_text(json.dumps(recording), "utf-8")
    policy = "name: small\nchecks: [{kind: parameters-at-most, parameters: 1000000}]\n"
    (folder / "small-models.yaml").write_text(policy, "utf-8")
    return folder


def add_line(file: Path, table: str, line: str) -> None:
    """At the start of the table, whose first kind that knows a name has it."""
    text = file.read_text("utf-8")
    opening = re.search(rf"^{table}\b[^\n]*{{$", text, re.MULTILINE)
    assert opening is not None
    file.write_text(f"{text[: opening.end()]}\n{line}{text[opening.end() :]}", "utf-8")


def run(checkout: Path, command: str) -> subprocess.CompletedProcess[str]:
    code = "import sys; from provcheck.cli import run; sys.exit(run(sys.argv[1:]))"
    environment = {**os.environ, "PYTHONPATH": str(checkout)}
    arguments = [sys.executable, "-c", code, *command.split()]
    return subprocess.run(arguments, cwd=checkout, env=environment, capture_output=True, text=True, check=False)


def commands() -> list[str]:
    found: list[str] = COMMAND.findall(PAGE)
    return found


@pytest.mark.slow
def test_every_command_of_the_page_runs(checkout: Path) -> None:
    assert len(commands()) == 4
    for command in commands():
        done = run(checkout, command)
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    assert (
        (checkout / "out-csv" / "checks.csv")
        .read_text("utf-8")
        .startswith("id,outcome,message\ncoverage-at-least,passed")
    )
    audited(checkout)


def audited(checkout: Path) -> None:
    """What a service cannot give is not measured, with the reason, from the comparison to the policy."""
    report = json.loads((checkout / "out-recorded" / "report.json").read_text("utf-8"))
    assert (report["verdict"]["relation"], report["subject"]["id"]) == ("inconclusive", "me/served")
    reason = "a service gives log-probabilities only"
    assert report["measurement"]["signals"]["able"] == {"not_measured": reason}
    for comparison in report["comparisons"]:
        assert comparison["signals"]["able"] == {"not_measured": reason}
        assert comparison["signals"]["likelihood"]["bits_per_byte"] > 0
    checks = {check["id"]: check for check in report["checks"]}
    assert {name: check["outcome"] for name, check in checks.items()} == {
        "coverage-at-least": "inconclusive",
        "safetensors-only": "inconclusive",
        "claimed-base-supported": "inconclusive",
    }
    assert reason in checks["coverage-at-least"]["message"] and report["exit_code"] == 0


def test_the_examples_fit_their_tables(checkout: Path) -> None:
    listed = run(checkout, "policy list")
    assert listed.returncode == 0 and "parameters-at-most" in listed.stdout
    assert "csv" in run(checkout, "audit --help").stdout
