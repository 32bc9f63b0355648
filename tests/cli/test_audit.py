"""`provcheck audit` from end to end on tiny models: who is related, what is written, and the exit code."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from provcheck.cli import run
from provcheck.rendering import FORMATS
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
    assert "2 passed, 1 inconclusive in" in said.out


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


EVERY_FORMAT = sorted(FORMATS)


@pytest.mark.parametrize("formats", [["json"], EVERY_FORMAT], ids=["json", "every format"])
@pytest.mark.parametrize(
    ("checks", "code"),
    [
        ("[{kind: safetensors-only}]", 0),
        ("[{kind: not-related-to, licenses: [mit]}]", 1),
        ("[{kind: not-related-to, severity: warning}]", 0),
        ("[]", 5),
    ],
)
def test_the_exit_code_is_the_same_for_every_format(
    checks: str, code: int, formats: list[str], world: World, tmp_path: Path, measured: Path
) -> None:
    policy = write_policy(tmp_path, checks)
    options = [word for name in formats for word in ("--format", name)]
    assert run(world.audit(measured, "--policy", policy, "--out", tmp_path / "out", *options)) == code
    assert tree(tmp_path / "out") == {FORMATS[name].file_name for name in formats}
    assert report_of(tmp_path / "out")["exit_code"] == code


@pytest.mark.parametrize("name", EVERY_FORMAT)
def test_the_exit_code_is_the_same_for_each_format(name: str, world: World, tmp_path: Path, measured: Path) -> None:
    policy = write_policy(tmp_path, "[{kind: not-related-to}]")
    out = tmp_path / "out"
    assert run(world.audit(measured, "--policy", policy, "--out", out, "--format", name)) == 1
    assert run(world.audit(measured, "--out", out, "--format", name)) == 0
    assert run(world.audit(measured, "--out", out, "--format", name, "-k", "nothing")) == 5
    assert run(world.audit(tmp_path / "absent", "--out", out, "--format", name)) == 4


@pytest.mark.parametrize(("on_inconclusive", "code"), [("fail", 1), ("pass", 0), ("warn", 0)])
def test_inconclusive(
    on_inconclusive: str,
    code: int,
    world: World,
    tmp_path: Path,
    measured: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A bank of two models documents too few strangers to judge anything but equal files.

    By weights the shipped judge could: it needs no probes.
    """
    bank = tmp_path / "small"
    manifest = tmp_path / "small.yaml"
    known = "mechanism: from-scratch"
    models = "".join(
        f"  - {{id: org/{n}, path: {world.models[n]}, family: {n}, {known}}}\n" for n in ("seed-1", "seed-2")
    )
    manifest.write_text(f"name: small\nmodels:\n{models}", "utf-8")
    signals = ["--signals", "able,likelihood"]
    assert run(["bank", "build", str(manifest), "--out", str(bank), "--probes", str(world.probes), *signals]) == 0
    policy = write_policy(tmp_path, "[{kind: not-related-to}]", on_inconclusive)
    out, options = tmp_path / "out", ["--policy", str(policy), *signals]
    assert run(["audit", str(measured), "--bank", str(bank), *options, "--out", str(out)]) == code
    report = report_of(out)
    assert report["checks"][0]["outcome"] == "inconclusive"
    assert report["verdict"]["relation"] == "inconclusive"
    assert ("warning: not settled" in capsys.readouterr().out) == (on_inconclusive == "warn")
    assert "only 1 pairs of independent models" in report["verdict"]["reasons"][0]


def test_a_measurement_gives_the_same_report_as_the_model(world: World, tmp_path: Path, measured: Path) -> None:
    run(world.audit(world.models["seed-0"], "--out", tmp_path / "model"))
    run(world.audit(measured, "--out", tmp_path / "file"))
    one, other = report_of(tmp_path / "model"), report_of(tmp_path / "file")
    for part in ("subject", "comparisons", "verdict", "lineage", "bank", "summary"):
        assert one[part] == other[part], part


@pytest.mark.parametrize(("base", "code"), [("org/seed-0", 0), ("org/seed-1", 1), ("org/absent", 4)])
def test_a_claimed_base(base: str, code: int, world: World, tmp_path: Path, measured: Path) -> None:
    assert run(world.audit(measured, "--claimed-base", base, "--offline", "--out", tmp_path / "out")) == code


def test_a_second_audit_replaces_the_first(world: World, tmp_path: Path, measured: Path) -> None:
    for _ in range(2):
        assert run(world.audit(measured, "--out", tmp_path / "out")) == 0
    assert tree(tmp_path / "out") == {"report.json", "report.html", "tree.nwk"}


FAILING = (
    "[{kind: not-related-to, id: no-mit, licenses: [mit]}, {kind: safetensors-only}, {kind: probe-set, probes: x}]"
)


def test_k_chooses_checks_and_the_report_says_which_were_left_out(
    world: World, tmp_path: Path, measured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy, out = write_policy(tmp_path, FAILING), tmp_path / "out"
    assert run(world.audit(measured, "--policy", policy, "--out", out, "-k", "SAFE or nothing")) == 0
    report, said = report_of(out), capsys.readouterr().out
    assert [check["id"] for check in report["checks"]] == ["safetensors-only"]
    assert report["policy"]["deselected"] == ["no-mit", "probe-set"]
    assert report["tool"]["command"].endswith("-k 'SAFE or nothing'")
    assert "policy mine: collected 3 checks / 2 deselected / 1 selected" in said
    assert re.fullmatch(r"== 1 passed, 2 deselected in \d+\.\ds ==", said.splitlines()[-1])


def test_x_leaves_out_what_comes_after_the_first_failure(
    world: World, tmp_path: Path, measured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy, out = write_policy(tmp_path, FAILING), tmp_path / "out"
    assert run(world.audit(measured, "--policy", policy, "--out", out, "-x")) == 1
    report = report_of(out)
    assert [(check["id"], check["outcome"]) for check in report["checks"]] == [("no-mit", "failed")]
    assert report["policy"]["not_run"] == ["safetensors-only", "probe-set"]
    assert report["tool"]["command"].endswith(" -x")
    assert "!! stopping after the first failure, 2 checks not run !!" in capsys.readouterr().out


def test_without_a_check_nothing_is_measured(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(world.audit(tmp_path / "absent", "--out", tmp_path / "out", "-k", "nothing")) == 5
    assert capsys.readouterr().out == "== no checks ran, 3 deselected ==\n"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["-k", "a and"], "error: -k: column 6: expected a word"),
        (["-r", "fx"], "error: -r: unknown character 'x'"),
        (["--durations", "-1"], "error: Invalid value for '--durations'"),
    ],
)
def test_an_option_that_makes_no_sense(
    options: list[str], message: str, world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(world.audit(tmp_path / "absent", "--out", tmp_path / "out", *options)) == 4
    assert capsys.readouterr().err.startswith(message)


def test_a_fault_in_the_policy_has_its_line(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = write_policy(tmp_path, "\n  - kind: safetensors-only\n  - kind: nothing")
    assert run(world.audit(tmp_path / "absent", "--policy", policy, "--out", tmp_path / "out")) == 4
    assert "mine.yaml, line 5, column 11: checks[1].kind: there is no kind 'nothing'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "code", "ids"),
    [
        ([], 0, ["coverage-at-least", "safetensors-only", "claimed-base-supported"]),
        (["-k", "not base"], 0, ["coverage-at-least", "safetensors-only"]),
        (["-k", "nothing"], 5, []),
    ],
)
def test_collect_only_lists_and_needs_no_model(
    options: list[str], code: int, ids: list[str], world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    audit = world.audit("no/such-model", "--bank", "no-bank", "--out", tmp_path / "out", "--collect-only", *options)
    assert run([*audit, "-q"]) == code
    assert capsys.readouterr().out.split() == ids
    assert run(audit) == code
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[1:-1]] == ids
    assert lines[-1].startswith(f"== {len(ids) or 'no'} checks collected")
    assert not (tmp_path / "out").exists()


def test_quiet_and_verbose(world: World, tmp_path: Path, measured: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = []
    for options in (["-qq"], ["-q"], ["-q", "-v"], ["-v"], ["-v", "--verbose"]):
        run(world.audit(measured, "--out", tmp_path / "out", "--format", "json", *options))
        said.append(capsys.readouterr().out.splitlines())
    assert len(said[0]) <= len(said[1]) < len(said[2]) <= len(said[3]) <= len(said[4])
    assert "safetensors-only PASSED" in said[2]
    assert "safetensors-only PASSED  the weights are safetensors files" in said[3]


def test_quiet_is_the_verdict_and_the_last_line(
    world: World, tmp_path: Path, measured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run(world.audit(measured, "--out", tmp_path / "out", "-q", "--claimed-base", "org/seed-0"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("The weights of seed-0 are the weights of org/seed-0")
    assert [line.split()[0] for line in lines[1:]] == ["How", "report:", "=="]


def test_every_outcome_can_be_summed_up(
    world: World, tmp_path: Path, measured: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    policy = write_policy(tmp_path, FAILING)
    run(world.audit(measured, "--policy", policy, "--out", tmp_path / "out", "-rA", "--durations", "1"))
    said = capsys.readouterr().out
    summary = said.split("== short check summary ==\n")[1].splitlines()
    assert [line.split()[:2] for line in summary if " - " in line] == [
        ["FAILED", "no-mit"],
        ["FAILED", "probe-set"],
        ["PASSED", "safetensors-only"],
    ]
    assert "== failures ==\n-- no-mit --\nThe model is related to no reference with the licenses mit.\n" in said
    assert "== slowest 1 durations ==" in said


@pytest.fixture(scope="session")
def measured(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A measurement file of seed-0."""
    path = tmp_path_factory.mktemp("measured") / "seed-0.safetensors"
    assert run(["measure", str(world.models["seed-0"]), "-o", str(path), "--probes", str(world.probes)]) == 0
    return path
