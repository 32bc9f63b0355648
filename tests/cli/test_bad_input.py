"""Bad input gets a sentence, exit code 4, and nothing half-written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from provcheck.cli import run
from provcheck.probes import load_probes
from tests.cli.conftest import World, tree
from tests.tiny import save_probes, save_tiny, tiny_probes


def edit_config(model: Path, **changes: Any) -> None:
    path = model / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), "utf-8")


def edit_weights(model: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = model / "model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


def remove_tokenizer(model: Path) -> None:
    for path in model.glob("*token*"):
        path.unlink()


def without_offsets(model: Path) -> None:
    """A tokenizer that transformers has in Python only."""
    remove_tokenizer(model)
    (model / "vocab.json").write_text(json.dumps({"<unk>": 0, "a</w>": 1, "b</w>": 2}), "utf-8")
    (model / "merges.txt").write_text("#version: 0.2\na b\n\n", "utf-8")
    (model / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "CTRLTokenizer"}), "utf-8")


def truncate(model: Path) -> None:
    path = model / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def corrupt_header(model: Path) -> None:
    path = model / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[20:40] = b"\xff" * 20
    path.write_bytes(content)


def fill(value: float) -> Callable[[Path], None]:
    def spoil(model: Path) -> None:
        edit_weights(model, lambda tensors: tensors["model.norm.weight"].fill(value))

    return spoil


FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "folder missing": (shutil.rmtree, "folder not found: ./model"),
    "no config.json": (lambda m: (m / "config.json").unlink(), "model has no config.json"),
    "config.json is no JSON": (lambda m: (m / "config.json").write_text("{"), "config.json is not valid JSON"),
    "encoder": (
        lambda m: edit_config(m, model_type="bert", architectures=["BertForMaskedLM"]),
        "not a causal language model that can be measured: model_type bert",
    ),
    "seq2seq": (
        lambda m: edit_config(m, model_type="t5", architectures=["T5ForConditionalGeneration"]),
        "not a causal language model that can be measured: model_type t5",
    ),
    "truncated": (truncate, "model.safetensors: tensor"),
    "empty": (lambda m: (m / "model.safetensors").write_bytes(b""), "the file ends inside its header (0 bytes)"),
    "corrupt": (corrupt_header, "model.safetensors: its header is not valid JSON"),
    "no weights": (lambda m: (m / "model.safetensors").unlink(), "model has no weights"),
    "tensors of another shape": (lambda m: edit_config(m, intermediate_size=48), "do not fit its config.json"),
    "tensors missing": (lambda m: edit_config(m, num_hidden_layers=3), "do not fit its config.json"),
    "config of nonsense": (lambda m: edit_config(m, hidden_size="wide"), "'model' cannot be loaded"),
    "dropout of 2": (
        lambda m: edit_config(save_tiny(m, "opt"), dropout=2),
        "the model cannot be run: dropout probability has to be between 0 and 1, but got 2",
    ),
    "no tokenizer": (remove_tokenizer, "model has no tokenizer"),
    "no offsets": (without_offsets, "gives no character offsets"),
    "broken tokenizer": (
        lambda m: (m / "tokenizer.json").write_text('{"model": {"type": "BPE"}}'),
        "the tokenizer of 'model' cannot be loaded",
    ),
    "NaN": (fill(np.nan), "the model's outputs contain NaN or Inf"),
    "Inf": (fill(np.inf), "the model's outputs contain NaN or Inf"),
}


def refused(arguments: list[str], capsys: pytest.CaptureFixture[str], folder: Path) -> str:
    """What is said on stderr of bad input: one sentence, at most one hint, no paths of this machine."""
    before = tree(folder)
    assert run(arguments) == 4
    said = capsys.readouterr().err
    lines = said.strip().splitlines()
    assert lines[0].startswith("error: ")
    assert len(lines) == 1 or (len(lines) == 2 and lines[1].startswith("hint: ")), said
    assert "Traceback" not in said
    assert str(folder.parent) not in said, "a path that the user did not type"
    assert tree(folder) == before, "nothing is left behind"
    return said


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_model(fault: str, world: World, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil, sentence = FAULTS[fault]
    model = shutil.copytree(world.models["seed-0"], here / "model")
    spoil(model)
    assert sentence in refused(world.audit("./model", "--out", "deep/report"), capsys, here)


def test_weights_that_stop_to_fit_are_refused_by_measure_too(
    world: World, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    truncate(shutil.copytree(world.models["seed-0"], here / "model"))
    refused(["measure", "model", "-o", "new/folder/m.safetensors", "--probes", str(world.probes)], capsys, here)


def test_a_measurement_file_cut_off(world: World, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "m.safetensors").write_bytes(b"\x10\0\0\0\0\0\0\0{}")
    assert "m.safetensors" in refused(world.audit("m.safetensors"), capsys, here)


@pytest.mark.parametrize("out", ["file", "file/below"])
def test_an_output_folder_that_cannot_be_written(
    out: str, world: World, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "file").write_text("notes", "utf-8")
    said = refused(world.audit(world.models["seed-0"], "--out", out), capsys, here)
    assert f"Cannot write the report into {out}" in said


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--bank", "nowhere"], "There is no bank 'nowhere'"),
        (["--policy", "lax"], "There is no policy 'lax'"),
        (["--probes", "hard-ones"], "unknown probe set 'hard-ones'"),
        (["--format", "pdf"], "There is no report format 'pdf'"),
        (["--dtype", "int3"], "unknown dtype 'int3'"),
        (["--device", "abacus"], "device 'abacus' cannot be used"),
        (["--device", "cuda:99"], "device 'cuda:99' cannot be used"),
        (["--device", "meta"], "device 'meta' cannot be used"),
        (["--device", "hpu"], "device 'hpu' cannot be used"),
        (["--revision", "main"], "a folder has no revision"),
    ],
)
def test_a_bad_option(
    options: list[str], sentence: str, world: World, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert sentence in refused(world.audit(world.models["seed-0"], *options), capsys, here)


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["bank"],
        ["audit"],
        ["audit", "model", "--fast"],
        ["audit", "model", "--bank"],
        ["audit", "model", "other"],
        ["frobnicate"],
        ["bank", "frobnicate"],
        ["bank", "build", "bank.yaml"],
        ["compare", "one"],
        ["report", "none.json"],
        ["bank", "show", "nowhere"],
        ["bank", "verify", "nowhere"],
        ["bank", "build", "none.yaml", "--out", "bank"],
        ["measure", "./none", "-o", "x/y/z.safetensors"],
        ["compare", "./none", "./neither"],
    ],
)
def test_bad_arguments(arguments: list[str], here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused(arguments, capsys, here)


def test_a_bank_of_another_probe_set(world: World, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_probes(here / "others", tiny_probes(texts=35))
    arguments = ["audit", str(world.models["seed-0"]), "--bank", str(world.bank), "--probes", "others"]
    digests = [load_probes(str(folder)).digest[:12] for folder in (here / "others", world.probes)]
    said = refused(arguments, capsys, here)
    assert f"it is measured on probe set others ({digests[0]}), 'tiny-bank' on tiny ({digests[1]})" in said
    assert "or leave out what needs probes: --signals weights" in said
    assert run([*arguments, "--signals", "weights"]) == 0


def test_a_bank_that_was_changed(world: World, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bank = shutil.copytree(world.bank, here / "bank")
    (bank / "manifest.json").write_text((bank / "manifest.json").read_text().replace('"seed-1"', '"seed-2"'))
    arguments = ["audit", str(world.models["seed-0"]), "--bank", "bank", "--probes", str(world.probes)]
    assert "was changed after the bank was built" in refused(arguments, capsys, here)


def test_a_policy_with_a_fault(world: World, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "mine.yaml").write_text("name: mine\nchecks:\n  - kind: not-related-too\n", "utf-8")
    said = refused(world.audit(world.models["seed-0"], "--policy", "mine.yaml"), capsys, here)
    assert "mine.yaml, line 3, column 11: checks[0].kind" in said


def test_no_demo_in_this_installation(
    here: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, world: World
) -> None:
    from provcheck.io import data

    monkeypatch.setattr(data, "demo_subjects", dict)
    assert "carries no demo model" in refused(world.audit("demo"), capsys, here)
