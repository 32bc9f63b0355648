"""`provcheck bank init` and `schema`, `bank add --create`, and parents that are nearly a known model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from provcheck.bank.manifest import read_build_manifest
from provcheck.cli import run
from tests.cli.conftest import World
from tests.targets.fake_hub import COMMITS, Repository, reachable


@pytest.fixture
def models(world: World, tmp_path: Path) -> Path:
    """Two models, the second with a card that declares the first; an adapter; and a folder that is no model."""
    folder = tmp_path / "models"
    for name in ("seed-0", "seed-1"):
        shutil.copytree(world.models[name], folder / name)
    card = "---\nbase_model: org/seed-0\nbase_model_relation: finetune\nlicense: mit\n---\n"
    (folder / "seed-1" / "README.md").write_text(card, "utf-8")
    (folder / "adapter").mkdir()
    (folder / "adapter" / "adapter_config.json").write_text('{"base_model_name_or_path": "/home/me/seed-0"}', "utf-8")
    (folder / "notes").mkdir()
    return folder


def drafted(tmp_path: Path, *names: str | Path) -> dict[str, Any]:
    file = tmp_path / "own" / "my-bank.yaml"
    file.parent.mkdir()
    assert run(["bank", "init", *map(str, names), "-o", str(file), "--offline"]) == 0
    found = yaml.safe_load(file.read_text("utf-8"))
    assert found["name"] == "my-bank" == read_build_manifest(file).name
    return {one.pop("id"): one for one in found["models"]}


def test_a_folder_of_models(models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert drafted(tmp_path, models) == {
        "adapter": {"path": "../models/adapter", "family": "llama", "parents": ["seed-0"], "mechanism": "lora"},
        "seed-0": {"path": "../models/seed-0", "family": "llama", "parents": [], "mechanism": "undocumented"},
        "seed-1": {
            "path": "../models/seed-1",
            "family": "llama",
            "parents": ["seed-0"],
            "mechanism": "fine-tune",
            "license": "mit",
        },
    }
    said = capsys.readouterr().out
    assert "3 models, 1 undocumented" in said and "provcheck bank build" in said


def test_it_builds(models: Path, tmp_path: Path, world: World) -> None:
    shutil.rmtree(models / "adapter")
    drafted(tmp_path, models / "seed-0", models / "seed-1")
    build = ["bank", "build", str(tmp_path / "own" / "my-bank.yaml"), "--out", str(tmp_path / "bank")]
    assert run([*build, "--probes", str(world.probes), "--signals", "weights"]) == 0


def test_models_of_one_name_are_told_apart(models: Path, tmp_path: Path) -> None:
    shutil.copytree(models / "seed-0", tmp_path / "others" / "seed-0")
    found = drafted(tmp_path, models / "seed-0", tmp_path / "others")
    assert set(found) == {"models/seed-0", "others/seed-0"}


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["empty"], "no model lies in 'empty', nor in the folders in it"),
        (["./nowhere"], "folder not found: ./nowhere"),
        (["org/absent"], "org/absent at main is not in the local Hub cache"),
        (["twice", "twice"], "no manifest can be made of these: Value error, the id"),
        (["broken"], "config.json is not valid JSON"),
    ],
)
def test_what_is_no_model_is_a_sentence(
    names: list[str],
    said: str,
    models: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    shutil.copytree(models / "seed-0", tmp_path / "twice")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{", "utf-8")
    code = run(["bank", "init", *names, "-o", "new.yaml", "--offline"])
    if names == ["broken"]:
        assert code == 0, "the family can be written by hand"
        return
    assert code == 4
    assert capsys.readouterr().err.startswith(f"error: {said}") and not (tmp_path / "new.yaml").exists()


def test_an_edited_manifest_stays(models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("edited", "utf-8")
    assert run(["bank", "init", str(models), "-o", str(file)]) == 4
    assert "exists already" in capsys.readouterr().err and file.read_text("utf-8") == "edited"


def test_the_schema_fits_manifests(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bank", "schema"]) == 0
    schema = json.loads(capsys.readouterr().out)
    check = jsonschema.Draft202012Validator(schema)
    models = [{"id": "a", "family": "b", "parents": ["c"], "mechanism": "lora", "path": "a"}]
    assert check.is_valid({"name": "mine", "models": models})
    assert not check.is_valid({"name": "mine", "models": [{"id": "a", "familly": "b"}]})
    assert not check.is_valid({"name": "mine", "models": []})


def add(bank: Path, world: World, *options: str) -> int:
    arguments = ["bank", "add", str(bank), str(world.models["seed-0"]), "--family", "x", "--signals", "weights"]
    return run([*arguments, "--probes", str(world.probes), *options])


def test_add_starts_a_bank_where_it_is_told_to(
    world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bank = tmp_path / "new"
    assert add(bank, world, "--id", "a") == 4
    assert "there is no bank in" in (said := capsys.readouterr().err) and "--create" in said
    assert add(bank, world, "--id", "a", "--create") == 0
    assert add(bank, world, "--id", "b", "--create") == 0, "a bank that is there grows"
    assert run(["bank", "verify", str(bank)]) == 0
    assert "new: manifest, files and all 2 references are unchanged" in capsys.readouterr().out
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_bytes(b"")
    assert add(tmp_path / "full", world, "--id", "a", "--create") == 4
    assert "exists and is not a bank" in capsys.readouterr().err


def test_a_mistyped_parent_is_an_error(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of a model of the bank at hand, or of one that ships; another id is somebody else's model."""
    bank = Path(shutil.copytree(world.bank, tmp_path / "bank"))
    lora = ("--id", "new", "--mechanism", "lora", "--parent")
    assert add(bank, world, *lora, "org/sed-1") == 4
    assert "'org/sed-1', a parent of 'new', is no known model; did you mean 'org/seed-1'?" in capsys.readouterr().err
    assert add(bank, world, *lora, "zoo/lama-tech-s1") == 4
    assert "did you mean 'zoo/llama-tech-s1'?" in capsys.readouterr().err
    assert add(bank, world, *lora, "org/seed-9") == 0


def test_a_mistyped_parent_in_a_manifest(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lines = f"  - {{id: org/base, path: {world.models['seed-0']}, family: a}}\n"
    lines += f"  - {{id: org/new, path: {world.models['seed-1']}, family: a, parents: [org/bsae], mechanism: lora}}\n"
    (tmp_path / "b.yaml").write_text(f"name: b\nmodels:\n{lines}", "utf-8")
    assert run(["bank", "build", str(tmp_path / "b.yaml"), "--out", str(tmp_path / "bank")]) == 4
    assert "did you mean 'org/base'?" in capsys.readouterr().err


def test_models_of_the_hub_are_pinned_and_their_weights_stay_there(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {path.name: path.read_bytes() for path in world.models["seed-0"].iterdir()}
    with reachable(monkeypatch, tmp_path / "hub") as hub:
        hub.repositories["acme/parent"] = Repository({COMMITS[0]: files})
        assert run(["bank", "init", "acme/parent", "-o", str(tmp_path / "b.yaml")]) == 0
    (model,) = read_build_manifest(tmp_path / "b.yaml").models
    assert (model.id, model.path, model.revision, model.family) == ("acme/parent", None, COMMITS[0], "llama")
    assert "config.json" in hub.downloaded and "model.safetensors" not in hub.downloaded
