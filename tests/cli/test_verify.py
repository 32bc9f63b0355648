"""`provcheck report verify` on models that are really measured: again, changed, in another dtype, and from the Hub."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from safetensors.numpy import load_file, save_file

from provcheck.cli import run
from provcheck.io import data
from provcheck.report_file import read_report
from provcheck.targets import DEMO, find_target
from provcheck.types import Report
from tests.cli.conftest import World
from tests.targets.fake_hub import COMMITS, FakeHub, Repository, reachable


@pytest.fixture(scope="module")
def report(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of seed-1, against the bank that has it."""
    out = tmp_path_factory.mktemp("audited")
    assert run(world.audit(world.models["seed-1"], "--out", out, "--format", "json", "-q")) == 0
    return out / "report.json"


@pytest.fixture
def model(world: World, tmp_path: Path) -> Path:
    """A copy of seed-1 under another name."""
    return Path(shutil.copytree(world.models["seed-1"], tmp_path / "copy"))


def verify(world: World, report: Path, *arguments: str | Path) -> int:
    given = [str(argument) for argument in arguments]
    return run(["report", "verify", str(report), *given, "--bank", str(world.bank), "--probes", str(world.probes)])


def edit_json(path: Path) -> None:
    content = json.loads(path.read_text("utf-8"))
    path.write_text(json.dumps(content, indent=7), "utf-8")


def move_weights(path: Path) -> None:
    tensors = {name: (1.1 * array).astype(array.dtype) for name, array in load_file(path).items()}
    save_file(tensors, path, metadata={"format": "pt"})


def test_a_model_repeats_bit_for_bit_and_is_measured_anew(
    world: World, report: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The cache holds the measurement of the audit, which must not be used."""
    run(world.audit(model, "--out", model.parent / "cached", "-q"))
    capsys.readouterr()
    assert verify(world, report, model) == 0
    said = capsys.readouterr().out
    assert "attributions (" in said and "from the cache" not in said
    assert "measurement PASSED  bit for bit the same, measured on cpu float32" in said
    assert "the numbers repeat bit for bit, and so does the verdict; not verified: attestation, run ==" in said


CHANGES: dict[str, tuple[Callable[[Path], Any], str, str]] = {
    "config.json": (edit_json, "model-files", "PASSED"),
    "tokenizer.json": (edit_json, "model-files", "PASSED"),
    "tokenizer_config.json": (Path.unlink, "model-files", "PASSED"),
    "README.md": (lambda path: path.write_text("---\nlicense: mit\n---\n"), "model-files", "PASSED"),
    "model.safetensors": (move_weights, "weights", "SKIPPED"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_changed_files_of_the_model_are_named(
    name: str, world: World, report: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil, failed, measured = CHANGES[name]
    spoil(model / name)
    assert verify(world, report, model) == 1
    said = capsys.readouterr().out
    assert f"{failed} FAILED  {name} " in said
    assert f"measurement {measured}" in said


def test_another_dtype_repeats_within_the_tolerances_or_says_what_moved(
    world: World, report: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = verify(world, report, model, "--dtype", "bfloat16")
    said = capsys.readouterr().out
    assert "measurement SKIPPED  not bit for bit (on cpu float32 then, on cpu bfloat16 now)" in said
    assert code == (1 if "distances FAILED" in said else 0)
    assert "verdict PASSED  identical (org/seed-1)" in said


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    with reachable(monkeypatch, tmp_path / "hub") as fake:
        yield fake


def test_a_model_of_the_hub_is_fetched_at_the_commit_of_the_report(
    hub: FakeHub, world: World, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The branch has moved on since."""
    files = {path.name: path.read_bytes() for path in model.iterdir()}
    moved = {**files, "README.md": b"changed"}
    hub.repositories["org/tiny"] = Repository({COMMITS[0]: files, COMMITS[1]: moved}, {"main": COMMITS[0]})
    assert run(world.audit("org/tiny", "--out", tmp_path / "out", "-q")) == 0
    hub.repositories["org/tiny"].branches["main"] = COMMITS[1]
    report = tmp_path / "out" / "report.json"
    assert (read_report(report).subject.source, read_report(report).subject.revision) == ("hub", COMMITS[0])
    assert verify(world, report) == 0
    shutil.rmtree(tmp_path / "hub")
    hub.repositories.clear()
    capsys.readouterr()
    assert verify(world, report) == 5
    said = capsys.readouterr().out
    assert "weights SKIPPED  " in said and "give the model, or a measurement file, as MODEL" in said
    assert verify(world, report, model) == 0, "a folder with the same files will do"


def test_the_demo_is_named_as_such() -> None:
    assert find_target(DEMO).subject.source == "demo"


def test_a_model_that_the_user_names_must_be_there(
    world: World, report: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(world, report, "./nowhere") == 4
    assert "error: folder not found: ./nowhere" in capsys.readouterr().err


def test_digests_cover_the_files_beside_the_weights(world: World, report: Path, model: Path, tmp_path: Path) -> None:
    """A card that changes is another input, though no number depends on it."""

    def digests(name: str) -> Report:
        run(world.audit(model, "--out", tmp_path / name, "-q"))
        return read_report(tmp_path / name / "report.json")

    first = read_report(report)
    same = digests("same")
    assert {file.name for file in same.subject.files} >= {"config.json", "tokenizer.json", "tokenizer_config.json"}
    assert same.digests == first.digests
    found = {same.digests.model_files}
    for name in ("config.json", "tokenizer.json"):
        edit_json(model / name)
        again = digests(name)
        assert again.digests.model_copy(update={"model_files": same.digests.model_files}) == same.digests
        found.add(again.digests.model_files)
    assert len(found) == 3


@pytest.mark.slow
def test_the_demo_repeats_without_naming_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", "demo", "--out", str(tmp_path), "-q"]) == 0
    assert run(["report", "verify", str(tmp_path / "report.json")]) == 0
    assert "the numbers repeat bit for bit" in capsys.readouterr().out


@pytest.mark.slow
def test_the_example_report_repeats(capsys: pytest.CaptureFixture[str]) -> None:
    example = data.root() / "reports" / "example" / "report.json"
    assert run(["report", "verify", str(example)]) == 0
    assert "so does the verdict" in capsys.readouterr().out
