"""No output of any command takes the place of a file of the model that is read."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from provcheck.cli import run
from provcheck.rendering import FORMATS
from tests.cli.conftest import World

OVERWRITTEN = "and would be overwritten"


@pytest.fixture
def model(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model of one's own in the current folder; it is refused before it is measured."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("provcheck.measuring.measure", lambda *_args, **_options: pytest.fail("it was measured"))
    return shutil.copytree(world.models["seed-0"], tmp_path / "model")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def refused(folder: Path, arguments: list[str], capsys: pytest.CaptureFixture[str], said: str = OVERWRITTEN) -> None:
    before = contents(folder)
    assert run(arguments) == 4
    assert said in capsys.readouterr().err
    assert contents(folder) == before


@pytest.mark.parametrize("name", ["model.safetensors", "config.json", "tokenizer.json", "tokenizer_config.json"])
def test_measure(name: str, model: Path, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    refused(model, ["measure", "model", "-o", f"model/{name}", "--probes", str(world.probes)], capsys)


def test_measure_under_another_name(model: Path, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """A link, and a way around."""
    Path("link.safetensors").symlink_to(model / "model.safetensors")
    os.link(model / "model.safetensors", "second.safetensors")
    for output in ("link.safetensors", "second.safetensors", str(model / ".." / "model" / "model.safetensors")):
        refused(model, ["measure", "model", "-o", output, "--probes", str(world.probes)], capsys)


def test_the_default_name_in_the_models_own_folder(
    model: Path, world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The folder is called `model`, so the measurement would be model.safetensors."""
    monkeypatch.chdir(model)
    refused(model, ["measure", ".", "--probes", str(world.probes)], capsys)


@pytest.mark.parametrize("command", ["map", "tree"])
def test_a_picture(command: str, model: Path, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--bank", str(world.bank), "--probes", str(world.probes), "--format", "svg"]
    refused(model, [command, "model", "-o", "model/config.json", *options], capsys)


def test_a_picture_over_a_measurement(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(tmp_path / "m.safetensors")
    assert run(["measure", str(world.models["seed-0"]), "-o", file, "--probes", str(world.probes)]) == 0
    refused(tmp_path, ["map", file, "-o", file, "--bank", str(world.bank), "--format", "svg"], capsys)


@pytest.mark.parametrize("name", [one.file_name for one in FORMATS.values()])
def test_a_report(name: str, model: Path, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    Path("out").mkdir()
    (Path("out") / name).symlink_to(model / "config.json")
    refused(model, world.audit("model", "--out", "out", "--format", "all"), capsys)


def test_a_report_over_a_reference(model: Path, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """It is read like the model."""
    Path("out").mkdir()
    (Path("out") / "report.json").symlink_to(model / "config.json")
    refused(model, world.audit(world.models["seed-1"], "--reference", "model", "--out", "out"), capsys)


def test_the_base_of_an_adapter(model: Path, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    base = AutoModelForCausalLM.from_pretrained(model)
    get_peft_model(base, LoraConfig(task_type="CAUSAL_LM", target_modules=["q_proj"])).save_pretrained("adapter")
    config = Path("adapter/adapter_config.json")
    config.write_text(json.dumps(json.loads(config.read_text("utf-8")) | {"base_model_name_or_path": "../model"}))
    for output in ("model/model.safetensors", "adapter/adapter_model.safetensors"):
        refused(model, ["measure", "adapter", "-o", output, "--probes", str(world.probes)], capsys)
    assert Path("adapter/adapter_model.safetensors").exists()


def test_a_bank_around_its_models(model: Path, world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """A new bank takes the place of the whole old one."""
    bank = shutil.copytree(world.bank, "bank")
    inside = shutil.move(model, Path(bank) / "model")
    Path("bank.yaml").write_text("name: b\nmodels: [{id: o/m, path: bank/model, family: m, license: mit}]\n", "utf-8")
    arguments = ["bank", "build", "bank.yaml", "--out", "bank", "--probes", str(world.probes)]
    refused(Path(inside), arguments, capsys, "would be removed")


def test_a_new_file_beside_the_weights_is_fine(world: World, tmp_path: Path) -> None:
    model = shutil.copytree(world.models["seed-0"], tmp_path / "model")
    arguments = ["measure", str(model), "-o", str(model / "measured.safetensors"), "--probes", str(world.probes)]
    assert [run(arguments), run(arguments)] == [0, 0], "and is replaced"
