"""`--signals`: only these kinds of evidence, and what only reads files starts neither torch nor transformers."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from provcheck import signals
from provcheck.cli import run
from provcheck.rendering import FORMATS
from provcheck.report_file import read_report
from provcheck.types import NotMeasured, Outcome
from tests.cli.conftest import World
from tests.cli.test_startup import HEAVY

LINE = {"norms": "tests.examples.norms:EmbeddingNorms"}
LEFT_OUT = "--signals norms did not ask for it"
PROGRAM = f"""\
import json, sys, time
before = time.process_time()
from provcheck import signals
signals.TABLE.update({LINE!r})
from provcheck.cli import run
code = run(sys.argv[1:])
print(json.dumps([code, time.process_time() - before, sorted(sys.modules)]))
"""


@pytest.fixture(scope="module")
def bank(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bank of one signal, which needs weights only."""
    folder = tmp_path_factory.mktemp("norms") / "bank"
    manifest = world.bank.parent / "bank.yaml"
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(signals.TABLE, *next(iter(LINE.items())))
        build = ["bank", "build", str(manifest), "--out", str(folder), "--probes", str(world.probes)]
        assert run([*build, "--signals", "norms"]) == 0
    return folder


@pytest.fixture
def with_norms(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(signals.TABLE, *next(iter(LINE.items())))


def arguments(world: World, bank: Path, out: Path, *options: str) -> list[str]:
    given = ["--bank", str(bank), "--probes", str(world.probes), "--out", str(out), "--no-cache"]
    return ["audit", str(world.models["seed-0"]), *given, "--signals", "norms", *options]


def test_a_bank_holds_only_these(bank: Path) -> None:
    assert {path.name for path in bank.iterdir()} == {"manifest.json", "norms.safetensors"}
    references = json.loads((bank / "manifest.json").read_text("utf-8"))["references"]
    assert all(list(one["signals"]) == ["norms"] for one in references)


@pytest.mark.parametrize(("form", "light"), [("json", HEAVY), ("all", HEAVY - {"matplotlib"})])
def test_a_verdict_from_the_weights_alone_takes_less_than_three_seconds(
    form: str, light: set[str], world: World, bank: Path, tmp_path: Path
) -> None:
    """Processor time, since others share the machine; imports included. Only pictures need a library for them.

    In this process, which alone knows the signal of this test.
    """
    given = arguments(world, bank, tmp_path, "--format", form, "--no-isolate")
    command = [sys.executable, "-c", PROGRAM, *given]
    ran = subprocess.run(command, capture_output=True, text=True, check=True)
    code, took, modules = json.loads(ran.stdout.splitlines()[-1])
    print(f"{took:.2f} s with --format {form}; aim 3 s")
    assert code == 0 and took < 3
    assert sorted(set(modules) & light) == []


@pytest.mark.usefixtures("with_norms")
def test_what_was_left_out_is_said_everywhere_and_never_passed(
    world: World, bank: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments(world, bank, tmp_path, "--format", "all")) == 0
    said = capsys.readouterr().out
    assert "-- the model is not run" in said.splitlines()[1]
    report = read_report(tmp_path / "report.json")
    found = {**report.comparisons[0].signals, **report.measurement.signals}
    assert {name for name, one in found.items() if one == NotMeasured(not_measured=LEFT_OUT)} == set(found) - {"norms"}
    coverage = next(check for check in report.checks if check.id == "coverage-at-least")
    assert coverage.outcome is Outcome.INCONCLUSIVE and coverage.message.count(LEFT_OUT) == len(found) - 1
    assert "gives distances for a tree" in (report.lineage.reason or "") and report.map.reason
    assert (report.measurement.device, report.measurement.dtype) == ("none", "as stored")
    assert report.tool.command.endswith(" --signals norms")
    for name in ("html", "markdown", "junit", "sarif", "cyclonedx"):
        text = (tmp_path / FORMATS[name].file_name).read_text("utf-8")
        assert LEFT_OUT in text and "--signals norms" in text, name


@pytest.mark.usefixtures("with_norms")
def test_the_report_repeats_without_running_the_model(
    world: World, bank: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(arguments(world, bank, tmp_path)) == 0
    capsys.readouterr()
    again = ["--bank", str(bank), "--probes", str(world.probes)]
    assert run(["report", "verify", str(tmp_path / "report.json"), str(world.models["seed-0"]), *again]) == 0
    said = capsys.readouterr().out
    assert "bit for bit the same, measured on no device (the model was not run)" in said


@pytest.mark.usefixtures("with_norms")
def test_every_command_that_measures_takes_it(
    world: World, bank: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one, two = str(world.models["seed-0"]), str(world.models["seed-1"])
    probes = ["--probes", str(world.probes), "--signals", "norms"]
    file = tmp_path / "m.safetensors"
    assert run(["measure", one, "-o", str(file), *probes]) == 0
    assert "512 of 512 rows, no device (the model was not run)" in capsys.readouterr().out
    assert run(["compare", one, two, *probes]) == 0
    assert LEFT_OUT in capsys.readouterr().out
    for command in ("tree", "map"):
        assert run([command, one, "--bank", str(bank), *probes]) == 4
        assert f"there is no {command}: no signal that was measured gives distances" in capsys.readouterr().err
    assert run(["bank", "add", str(bank), str(file), "--id", "org/new", "--family", "f", "--signals", "norms"]) == 0
    assert run(["bank", "remove", str(bank), "org/new"]) == 0


@pytest.mark.parametrize("command", ["audit", "compare x", "measure", "tree", "map", "bank build"])
@pytest.mark.parametrize("asked", ["smell", ""])
def test_a_signal_that_there_is_not(command: str, asked: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*command.split(), "absent", "--signals", asked]) == 4
    said = capsys.readouterr().err
    assert said.startswith(("error: there is no signal 'smell'", "error: no signal is named"))
    assert "hint: the signals are able, likelihood" in said
