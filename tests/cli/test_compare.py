"""`provcheck compare`: two models head to head."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from provcheck.cli import run
from provcheck.probes import load_probes
from provcheck.signals import read_record
from provcheck.signals.able.values import able_of
from provcheck.signals.likelihood.values import likelihood_of
from provcheck.types import Changes, Comparison, Mechanism, MergeKind, Mixture, PairReport, Relation
from tests.cli.conftest import World
from tests.tiny import save_probes, tiny_probes


def test_two_models(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    first, second = world.models["seed-0"], world.models["seed-1"]
    assert run(["compare", str(first), str(second), "--probes", str(world.probes)]) == 0
    said = capsys.readouterr().out
    assert "seed-0 against seed-1" in said
    assert "weight files" in said and "different" in said
    rows = {line[:24].strip(): line[24:] for line in said.splitlines() if line.startswith("  ")}
    assert list(rows) == [
        "weight files",
        "ABLE contrast",
        "ABLE paper",
        "KL bits/byte",
        "KL band",
        "anchored match",
        "coordinate match",
        "intrinsic match",
        "exact p-value",
    ]
    assert re.search(r"^ *[\d.]+ \([\d.]+ to [\d.]+\)$", rows["ABLE contrast"])
    assert " ± " in rows["KL bits/byte"]
    assert float(rows["anchored match"]) < 0.2
    assert "== verdict: unrelated ==" in said
    assert "The weights of seed-0 show no relation to seed-1." in said
    assert "Named from the weights of these two: unclear." in said


def test_json_is_a_comparison_and_nothing_else(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(world.models["seed-0"])
    assert run(["compare", model, model, "--json", "--probes", str(world.probes)]) == 0
    comparison = read_record(Comparison, json.loads(capsys.readouterr().out))
    assert comparison.same_weights
    able, likelihood = able_of(comparison), likelihood_of(comparison)
    assert able is not None and able.contrast.cosine_distance < 1e-6
    assert likelihood is not None and likelihood.bits_per_byte == pytest.approx(0)
    assert comparison.relation == "identical"


def test_measurement_files_and_models_mix(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    probes = ["--probes", str(world.probes)]
    file = str(tmp_path / "m.safetensors")
    run(["measure", str(world.models["seed-0"]), "-o", file, *probes])
    said = []
    for first in (file, str(world.models["seed-0"])):
        capsys.readouterr()
        assert run(["compare", first, str(world.models["seed-1"]), "--json", *probes]) == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]


def test_measurements_of_another_probe_set_are_refused(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, model = str(tmp_path / "m.safetensors"), str(world.models["seed-0"])
    others = save_probes(tmp_path / "others", tiny_probes(texts=31))
    run(["measure", model, "-o", file, "--probes", str(others)])
    capsys.readouterr()
    digests = [load_probes(str(folder)).digest[:12] for folder in (others, world.probes)]
    for arguments in ([file, model], [model, file]):
        assert run(["compare", *arguments, "--probes", str(world.probes)]) == 4
        said = capsys.readouterr().err
        assert "the subject cannot be compared with 'seed-0'" in said and "--probes" in said
        assert all(digest in said for digest in digests)
        assert "others" in said and "tiny" in said and len(said.splitlines()) <= 2
    assert run(["compare", file, file, "--probes", str(world.probes)]) == 0, "files know what they were measured on"


def test_the_report_of_a_comparison(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """JSON and a page; a copy under another name is a copy."""
    copied = shutil.copytree(world.models["seed-0"], tmp_path / "copied")
    models = [str(copied), str(world.models["seed-0"])]
    assert run(["compare", *models, "--signals", "weights", "--out", str(tmp_path / "out")]) == 0
    assert "copy (a copy: the weights are the same)" in capsys.readouterr().out
    found = read_record(PairReport, json.loads((tmp_path / "out" / "comparison.json").read_text("utf-8")))
    assert found.digest == found.computed_digest()
    assert found.verdict.relation is Relation.IDENTICAL
    changes = found.opponents[0].changes
    assert isinstance(changes, Changes) and changes.mechanism is Mechanism.COPY and changes.equal == 1
    page = (tmp_path / "out" / "comparison.html").read_text("utf-8")
    assert 'data-verdict="identical"' in page and 'data-mechanism="copy"' in page


def test_candidate_parents(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    names = [str(world.models[f"seed-{seed}"]) for seed in range(3)]
    assert run(["compare", *names, "--signals", "weights"]) == 0
    said = capsys.readouterr().out
    assert "seed-0 against seed-1" in said and "seed-0 against seed-2" in said
    assert "It is no merge of these models." in said


def test_the_kind_of_a_merge(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parents = [world.models["seed-0"], world.models["seed-1"]]
    one, two = (load_file(folder / "model.safetensors") for folder in parents)
    merged = shutil.copytree(parents[0], tmp_path / "merged")
    mean = {key: 0.25 * one[key] + 0.75 * two[key] for key in one}
    save_file(mean, merged / "model.safetensors", metadata={"format": "pt"})
    names = [str(folder) for folder in (merged, *parents)]
    assert run(["compare", *names, "--signals", "weights", "--out", str(tmp_path / "out")]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "Kind of merge: linear (a weighted mean). - Weights: seed-0 0.250, seed-1 0.750." in said
    found = read_record(PairReport, json.loads((tmp_path / "out" / "comparison.json").read_text("utf-8")))
    assert isinstance(found.mixture, Mixture) and found.mixture.merge is not None
    assert found.mixture.merge.left == (MergeKind.LINEAR,)
    page = (tmp_path / "out" / "comparison.html").read_text("utf-8")
    assert "Kind of merge: linear" in page and "arc: SLERP" in page


def test_formats_of_a_comparison(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = [str(world.models["seed-0"]), str(world.models["seed-1"]), "--signals", "weights", "--out", str(tmp_path)]
    assert run(["compare", *models, "--format", "junit"]) == 4
    assert "a comparison has no format 'junit'" in capsys.readouterr().err
    assert run(["compare", *models, "--format", "html"]) == 0
    assert [path.name for path in tmp_path.iterdir()] == ["comparison.html"]


def test_weights_that_are_not_at_hand_are_said_to_be(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = str(tmp_path / "m.safetensors")
    run(["measure", str(world.models["seed-0"]), "-o", file, "--signals", "weights"])
    assert run(["compare", file, str(world.models["seed-1"]), "--signals", "weights"]) == 0
    said = capsys.readouterr().out
    assert "What was changed could not be read: 'seed-0': a saved measurement holds only" in said
