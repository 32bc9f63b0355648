"""The benchmarks run; their figures depend on the machine and are not tested."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from provcheck.io import data
from tests.benchmarks.__main__ import app


def run(*arguments: str) -> list[str]:
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0
    return result.output.splitlines()


def test_the_loop_prints_times_ratio_and_aim() -> None:
    lines = run("loop", "--every", "120", "--rounds", "1", "--threads", "1")
    assert lines[0] == "random llama, 1,119,616 parameters, float32, 1 threads"
    assert lines[1] == "every 120th probe: 20 options, 5 texts; fastest of 1 rounds"
    for stage, line in zip(("attributions", r"\.\.\. backward\(\)", "log-likelihood"), lines[4:], strict=True):
        times = r"loop +\d+\.\d\ds  provcheck +\d+\.\d\ds +\d+\.\dx \(\d+\.\dx by CPU time\)"
        assert re.fullmatch(rf"{stage} +{times}  aim 6x: (not )?reached", line)


def test_a_model_may_be_named() -> None:
    folder = data.demo_folder()
    assert run("loop", "--model", str(folder), "--every", "240", "--rounds", "1")[0].startswith(
        f"{folder.name}, 553,824"
    )


def test_the_device_prints_rate_shares_and_seconds() -> None:
    lines = run("device", "--device", "cpu", "--shape", "tiny", "--every", "120")
    assert lines[0] == "random llama tiny on cpu, float32, 69,792 weights without the input embedding"
    assert re.fullmatch(r"product of two matrices of 1024 x 1024: [\d.]+ TFLOP/s", lines[1])
    assert re.match(r"attributions +[\d,]+ tokens in [\d.]+s, [\d,]+ tokens/s, 4N FLOPs a token: \d+% of", lines[2])
    assert re.match(r"log-likelihood +[\d,]+ tokens in [\d.]+s, [\d,]+ tokens/s, 2N FLOPs a token: \d+% of", lines[3])
    assert re.fullmatch(r"every 120th probe in [\d.]+s after loading, aim 60s for all: (not )?reached", lines[4])


@pytest.mark.slow
def test_precision_prints_a_table() -> None:
    lines = run("precision", str(data.demo_folder()), "--every", "16")
    rows = [line.split(" | ") for line in lines if line.startswith(f"| {data.demo_folder().name}")]
    assert len(rows) >= 8
    assert rows[0][1:2] + rows[0][-2:] == ["again", "yes", "reached |"]
    assert all("reached" in row[-1] for row in rows)


@pytest.mark.slow
def test_the_self_check_prints_a_table_and_keeps_a_history(tmp_path: Path) -> None:
    history = tmp_path / "history.jsonl"
    history.write_text("{}\n")
    lines = run("--history", str(history), "--every", "120", "--references", "200")
    assert lines[:2] == ["| what | value | beside |", "|---|---|---|"]
    first, last = history.read_text("utf-8").splitlines()
    kept = json.loads(last)
    assert first == "{}"
    assert [one["what"] for one in kept["figures"]] == [line.split(" | ")[0].removeprefix("| ") for line in lines[2:]]
    assert all(one["value"] > 0 for one in kept["figures"])
    faster = {one["what"]: one["ratio"] for one in kept["figures"] if one["ratio"]}
    assert faster["audit of the demo, measured before"] < 1


def test_the_commands_of_the_page_are_understood() -> None:
    """provcheck/guide/speed.md; its figures were made on machines that are named there."""
    page = (data.root() / "provcheck" / "guide" / "speed.md").read_text("utf-8")
    commands = re.findall(r"^\$ python -m tests.benchmarks (\w+) (.*)$", page, re.MULTILINE)
    assert [name for name, _ in commands] == ["loop", "device"]
    known = {one.name: one for one in app.registered_commands}
    for name, options in commands:
        assert name in known
        helped = CliRunner().invoke(app, [name, "--help"], env={"COLUMNS": "200"}).output
        assert [word for word in options.split() if word.startswith("--") and word not in helped] == []


@pytest.mark.slow
def test_a_work_folder_keeps_how_a_model_is_served(tmp_path: Path) -> None:
    """Unchanged in each way, by a tiny model under a name of the zoo; a second run measures nothing again."""
    from provcheck.serving.noise_limits import UNCHANGED
    from tests.benchmarks.serving_noise import cases, keep_all
    from tests.tiny import save_tiny

    save_tiny(tmp_path / "zoo" / "llama-tech-s1", seed=1)
    for _ in range(2):
        keep_all(tmp_path / "zoo", [], tmp_path / "no corpora", tmp_path / "work")
    (kept,) = (tmp_path / "work").iterdir()
    found = {case.variant: case for case in cases(tmp_path / "work")}
    assert kept.name == "llama-tech-s1.npz" and len(found) == 7
    assert {case.kind for case in found.values()} == {UNCHANGED}
    assert found["bfloat16"].ratio == 1 and found["float32, one at a time"].ratio < 0.01
