"""Runs: the same weights every time, whatever was there before; killed runs continue; failures stay small."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from reference_embeddings.recipe.__main__ import app
from reference_embeddings.recipe.manifest import manifest_of
from reference_embeddings.recipe.plan import Recipe, select
from reference_embeddings.recipe.runner import Order, make, run

ROOT, CHILD = "gpt2-speech-small-s1", "gpt2-speech-small-s1-sft-long"
SAME_INIT = "gpt2-tech-small-same-init"
SLOW_TRAINING = """
import sys, time
from pathlib import Path
from reference_embeddings.recipe import folder
from reference_embeddings.recipe.runner import Order, make
def stuck(*_):
    print("half written", flush=True)
    time.sleep(60)
folder.model_card = stuck
make(sys.argv[1], Order(*map(Path, sys.argv[2:4]), "mini", Path(sys.argv[4])))
"""


def test_the_same_name_gives_the_same_weights(order: Order, tmp_path: Path) -> None:
    one, other = replace(order, out=tmp_path / "one"), replace(order, out=tmp_path / "other")
    for place in (one, other):
        make(ROOT, place)
        make(CHILD, place)
    assert _digest(one.out / CHILD) == _digest(other.out / CHILD)
    assert _digest(one.out / CHILD) != _digest(one.out / ROOT)


def test_a_killed_model_leaves_nothing_and_is_made_again(order: Order, tmp_path: Path) -> None:
    place = replace(order, out=tmp_path)
    arguments = [str(part) for part in (ROOT, order.corpora, tmp_path, order.recipe)]
    command = [sys.executable, "-c", SLOW_TRAINING, *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=os.environ | {"OMP_NUM_THREADS": "1"}) as process:
        assert process.stdout and process.stdout.readline()
        process.kill()
    assert (tmp_path / f".{ROOT}.tmp" / "model.safetensors").exists() and not (tmp_path / ROOT).exists()
    make(ROOT, place)
    assert (tmp_path / ROOT / "README.md").exists() and not (tmp_path / f".{ROOT}.tmp").exists()


def test_a_run_makes_what_is_missing_and_a_failure_takes_only_its_descendants(
    order: Order, recipe: Recipe, tmp_path: Path
) -> None:
    place = replace(order, out=tmp_path)
    make(ROOT, place)
    before = _digest(tmp_path / ROOT), time.time()
    members = select(recipe.members(), [CHILD, "bloom-speech-small-s1-4bit"])
    (tmp_path / "bloom-speech-small-s1").write_text("a file where the folder should be", encoding="utf-8")
    log: list[str] = []
    failed = run(members, place, jobs=1, observe=log.append)
    assert failed == ["bloom-speech-small-s1", "bloom-speech-small-s1-4bit"]
    assert (tmp_path / CHILD / "config.json").exists()
    assert _digest(tmp_path / ROOT) == before[0] and (tmp_path / ROOT / "config.json").stat().st_mtime < before[1]
    assert log[0] == "4 models, 1 of them finished, 3 to make"


def test_the_manifest_lists_what_is_there(order: Order, recipe: Recipe, tmp_path: Path) -> None:
    place = replace(order, out=tmp_path)
    make(ROOT, place)
    assert manifest_of(recipe, tmp_path, "demo")["models"] == [
        {
            "id": f"zoo/{ROOT}",
            "path": str(tmp_path / ROOT),
            "family": "gpt2-speech-bpe-1024",
            "parents": [],
            "mechanism": "from-scratch",
            "license": "apache-2.0",
            "split": "calibration",
        }
    ]


def test_the_manifest_names_a_shared_initialisation(order: Order, recipe: Recipe, tmp_path: Path) -> None:
    make(SAME_INIT, replace(order, out=tmp_path))
    (entry,) = manifest_of(recipe, tmp_path)["models"]
    assert entry["initialisation"] == f"zoo/{ROOT}" and entry["parents"] == []
    assert f"init: {ROOT}\n" in (tmp_path / SAME_INIT / "README.md").read_text(encoding="utf-8")


def test_the_demo_bank_has_no_subjects(order: Order, recipe: Recipe, tmp_path: Path) -> None:
    for m in recipe.members().values():
        (tmp_path / m.name).mkdir()
        (tmp_path / m.name / "config.json").touch()
    bank = {entry["id"] for entry in manifest_of(recipe, tmp_path, "demo", without="subject")["models"]}
    assert "zoo/llama-tech-s1" in bank and "zoo/llama-tech-s2" not in bank
    assert {entry["split"] for entry in manifest_of(recipe, tmp_path)["models"]} == {"calibration", "held-out"}


def test_list_prints_the_demo_set() -> None:
    found = CliRunner().invoke(app, ["list", "--set", "demo"])
    assert found.exit_code == 0
    assert {line.split()[0] for line in found.stdout.splitlines()} >= {"llama-tech-s1", "llama-tech-s2"}


@pytest.mark.parametrize("extra", [["no-such-model"], ["--scale", "huge"]])
def test_a_wrong_name_is_a_usage_error(extra: list[str], order: Order, tmp_path: Path) -> None:
    command = ["train", "--corpora", str(order.corpora), "--out", str(tmp_path), *extra]
    assert CliRunner().invoke(app, command).exit_code == 2


def _digest(folder: Path) -> str:
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
