"""`provcheck audit` from end to end on tiny models: who is related, what is written, and the exit code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from provcheck.cli import run
from tests.cli.conftest import World, tree
from tests.tiny import save_tiny


def report_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "report.json").read_text("utf-8"))
    return found


def write_policy(folder: Path, checks: str, on_inconclusive: str = "warn") -> Path:
    path = folder / "mine.yaml"
    path.write_text(f"name: mine\non_inconclusive: {on_inconclusive}\nchecks: {checks}\n", "utf-8")
    return path


def with_noise(model: Path, folder: Path, size: float) -> Path:
    """A copy of the model with every weight moved a little, as fine-tuning does."""
    shutil.copytree(model, folder)
    stream = np.random.default_rng(0)
    tensors = {
        name: (array * (1 + size * stream.standard_normal(array.shape))).astype(array.dtype)
        for name, array in load_file(folder / "model.safetensors").items()
    }
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def test_a_copy_is_identical(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = shutil.copytree(world.models["seed-2"], tmp_path / "renamed")
    assert run(world.audit(model, "--out", tmp_path / "out")) == 0
    report = report_of(tmp_path / "out")
    assert report["subject"]["id"] == "renamed"
    assert (report["verdict"]["relation"], report["verdict"]["reference"]) == ("identical", "org/seed-2")
    assert report["comparisons"][0]["same_weights"]
    assert tree(tmp_path / "out") == {"report.json", "report.html", "tree.nwk"}
    said = capsys.readouterr()
    assert said.err == ""
    assert said.out.startswith("== provcheck audit starts ==")
    assert "== verdict: identical ==" in said.out
    assert "2 passed, 1 skipped in" in said.out


def test_weights_moved_a_little_are_related(world: World, tmp_path: Path) -> None:
    model = with_noise(world.models["seed-1"], tmp_path / "tuned", 0.03)
    run(world.audit(model, "--out", tmp_path / "out"))
    verdict = report_of(tmp_path / "out")["verdict"]
    assert verdict["relation"] in ("identical", "derived")
    assert verdict["reference"] == "org/seed-1"


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_another_seed_of_the_same_config_and_tokenizer_is_never_related(
    seed: int, world: World, tmp_path: Path
) -> None:
    run(world.audit(save_tiny(tmp_path / "seed", seed=seed), "--out", tmp_path / "out"))
    report = report_of(tmp_path / "out")
    assert report["verdict"]["relation"] in ("unrelated", "same-recipe", "inconclusive")
    assert not [c["reference"] for c in report["comparisons"] if c["relation"] in ("identical", "derived")]


def test_a_report_names_no_path_of_this_machine(world: World, tmp_path: Path) -> None:
    run(world.audit(world.models["seed-0"], "--out", tmp_path / "out"))
    for path in (tmp_path / "out").iterdir():
        text = path.read_text("utf-8")
        assert str(world.probes.parent) not in text and str(tmp_path) not in text, path.name
    assert report_of(tmp_path / "out")["tool"]["command"].startswith("provcheck audit seed-0 --bank bank")


@pytest.mark.parametrize("formats", [["json"], ["html"], ["json", "html"]])
@pytest.mark.parametrize(
    ("checks", "on_inconclusive", "code"),
    [
        ("[{kind: safetensors-only}]", "warn", 0),
        ("[{kind: not-related-to, licenses: [mit]}]", "warn", 1),
        ("[{kind: not-related-to, severity: warning}]", "warn", 0),
        ("[]", "warn", 5),
    ],
)
def test_the_exit_code_is_the_same_for_every_format(
    checks: str, on_inconclusive: str, code: int, formats: list[str], world: World, tmp_path: Path, measured: Path
) -> None:
    policy = write_policy(tmp_path, checks, on_inconclusive)
    options = [word for name in formats for word in ("--format", name)]
    assert run(world.audit(measured, "--policy", policy, "--out", tmp_path / "out", *options)) == code
    assert tree(tmp_path / "out") == {"tree.nwk", *(f"report.{name}" for name in formats)}
    if "json" in formats:
        assert report_of(tmp_path / "out")["exit_code"] == code


@pytest.mark.parametrize(("on_inconclusive", "code"), [("fail", 1), ("pass", 0), ("warn", 0)])
def test_inconclusive(on_inconclusive: str, code: int, world: World, tmp_path: Path, measured: Path) -> None:
    """A bank of two models documents too few strangers to judge anything but equal files."""
    bank = tmp_path / "small"
    manifest = tmp_path / "small.yaml"
    models = "".join(f"  - {{id: org/{n}, path: {world.models[n]}, family: {n}}}\n" for n in ("seed-1", "seed-2"))
    manifest.write_text(f"name: small\nmodels:\n{models}", "utf-8")
    assert run(["bank", "build", str(manifest), "--out", str(bank), "--probes", str(world.probes)]) == 0
    policy = write_policy(tmp_path, "[{kind: not-related-to}]", on_inconclusive)
    out = tmp_path / "out"
    assert run(["audit", str(measured), "--bank", str(bank), "--policy", str(policy), "--out", str(out)]) == code
    report = report_of(out)
    assert report["checks"][0]["outcome"] == "inconclusive"
    assert report["verdict"]["relation"] == "inconclusive"
    assert "only 1 pairs of independent models" in report["verdict"]["reasons"][0]


def test_a_measurement_gives_the_same_report_as_the_model(world: World, tmp_path: Path, measured: Path) -> None:
    run(world.audit(world.models["seed-0"], "--out", tmp_path / "model"))
    run(world.audit(measured, "--out", tmp_path / "file"))
    one, other = report_of(tmp_path / "model"), report_of(tmp_path / "file")
    for part in ("subject", "comparisons", "verdict", "lineage", "bank", "summary"):
        assert one[part] == other[part], part


@pytest.mark.parametrize(("base", "code"), [("org/seed-0", 0), ("org/seed-1", 1), ("org/absent", 0)])
def test_a_claimed_base(base: str, code: int, world: World, tmp_path: Path, measured: Path) -> None:
    assert run(world.audit(measured, "--claimed-base", base, "--out", tmp_path / "out")) == code


def test_a_second_audit_replaces_the_first(world: World, tmp_path: Path, measured: Path) -> None:
    for _ in range(2):
        assert run(world.audit(measured, "--out", tmp_path / "out")) == 0
    assert tree(tmp_path / "out") == {"report.json", "report.html", "tree.nwk"}


def test_quiet_and_verbose(world: World, tmp_path: Path, measured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = []
    for option in (["-q"], [], ["-v"]):
        run(world.audit(measured, "--out", tmp_path / "out", *option))
        said.append(len(capsys.readouterr().out.splitlines()))
    assert said[0] < said[1] <= said[2]


@pytest.fixture(scope="session")
def measured(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A measurement file of seed-0."""
    path = tmp_path_factory.mktemp("measured") / "seed-0.safetensors"
    assert run(["measure", str(world.models["seed-0"]), "-o", str(path), "--probes", str(world.probes)]) == 0
    return path
