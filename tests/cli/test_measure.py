"""`provcheck measure`: only measure, and write the numbers to a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from provcheck.cli import run
from provcheck.probes import load_probes
from provcheck.store import load_measurement
from tests.cli.conftest import World, tree
from tests.tiny import save_probes, tiny_probes


def test_a_file_is_written(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "new" / "m.safetensors"
    assert run(["measure", str(world.models["seed-0"]), "-o", str(path), "--probes", str(world.probes)]) == 0
    assert f"{path}: 6 of 6 questions, 40 of 40 texts, 2 of 2 blocks, cpu float32" in capsys.readouterr().out
    measurement = load_measurement(path)
    assert (measurement.subject.id, measurement.facts.probes) == ("seed-0", "tiny")
    assert not any(sketch.raw for sketch in measurement.sketches.values())
    assert np.isfinite(measurement.sketches["likelihood"].arrays["loglik"]).all()


def test_the_default_name_is_that_of_the_model(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["measure", str(world.models["seed-0"]), "--probes", str(world.probes)]) == 0
    assert tree(tmp_path) == {"seed-0.safetensors"}


def test_raw_adds_the_word_attributions(world: World, tmp_path: Path) -> None:
    path = tmp_path / "m.safetensors"
    run(["measure", str(world.models["seed-0"]), "-o", str(path), "--raw", "--probes", str(world.probes)])
    words = load_measurement(path).sketches["able"].raw["able_words"]
    assert words.dtype == np.float32
    probes = tiny_probes(texts=40)
    assert len(words) == sum(len(q.question.split()) * len(q.options) for q in probes.questions)


def test_a_measurement_is_not_measured_again(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "m.safetensors"
    run(["measure", str(world.models["seed-0"]), "-o", str(path), "--probes", str(world.probes)])
    assert run(["measure", str(path)]) == 4
    assert "is a measurement already" in capsys.readouterr().err


def test_a_measurement_of_another_probe_set_is_no_subject_for_this_bank(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "m.safetensors"
    others = save_probes(tmp_path / "others", tiny_probes(texts=31))
    run(["measure", str(world.models["seed-0"]), "-o", str(path), "--probes", str(others)])
    capsys.readouterr()
    assert run(world.audit(path, "--out", tmp_path / "out")) == 4
    said = capsys.readouterr()
    digests = [load_probes(str(folder)).digest[:12] for folder in (others, world.probes)]
    assert f"it is measured on probe set others ({digests[0]}), 'tiny-bank' on tiny ({digests[1]})" in said.err
    assert "audit starts" not in said.out, "known before anything is done"
    assert not (tmp_path / "out").exists()
