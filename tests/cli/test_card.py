"""`provcheck card`: what a card may say of its base."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from safetensors.torch import load_file, save_file

from provcheck.cli import run
from tests.cli.conftest import World


@pytest.fixture
def here(world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two parents, a merge of them, and a stranger."""
    monkeypatch.chdir(tmp_path)
    for seed in range(3):
        shutil.copytree(world.models[f"seed-{seed}"], f"seed-{seed}")
    one, two = (load_file(f"seed-{seed}/model.safetensors") for seed in (0, 1))
    shutil.copytree("seed-0", "merged")
    mean = {key: 0.4 * one[key] + 0.6 * two[key] for key in one}
    save_file(mean, "merged/model.safetensors", metadata={"format": "pt"})
    return tmp_path


def declare(model: str, text: str) -> None:
    Path(model, "README.md").write_text(f"---\n{text}\n---\n", "utf-8")


def card(capsys: pytest.CaptureFixture[str], *names: str) -> tuple[dict[str, Any], str]:
    """What the YAML says, and all of it with its comments."""
    capsys.readouterr()
    assert run(["card", *names, "--signals", "weights"]) == 0
    said = capsys.readouterr().out
    return yaml.safe_load(said) or {}, said


@pytest.mark.usefixtures("here")
def test_a_merge_by_the_bases_of_its_card(capsys: pytest.CaptureFixture[str]) -> None:
    """They lie beside it, under the last part of their names."""
    declare("merged", "base_model: [org/seed-0, org/seed-1]\nbase_model_relation: finetune")
    found, said = card(capsys, "merged")
    assert found == {"base_model": ["org/seed-0", "org/seed-1"], "base_model_relation": "merge"}
    assert "# The card declares base_model_relation finetune: the evidence says merge" in said


@pytest.mark.usefixtures("here")
def test_a_base_that_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    declare("seed-0", "base_model: org/seed-2")
    found, said = card(capsys, "seed-0")
    assert not found
    assert "# The card declares org/seed-2: the evidence says unrelated" in said
    found, said = card(capsys, "seed-0", "seed-1")
    assert not found
    assert "# The card declares org/seed-2, which was not compared" in said


@pytest.mark.usefixtures("here")
def test_a_copy_has_no_relation_of_the_hub(capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree("seed-0", "copied")
    found, said = card(capsys, "copied", "seed-0")
    assert found == {"base_model": "seed-0"}
    assert "# no base_model_relation: the Hub has no word for this: a copy" in said
    assert "# seed-0: the weights do not tell which of the two came first" in said


@pytest.mark.usefixtures("here")
def test_what_was_made_from_the_model_is_not_its_base(capsys: pytest.CaptureFixture[str]) -> None:
    """One whose numbers are the model's, rounded, was made from it."""
    rounded = {key: value.bfloat16() for key, value in load_file("seed-0/model.safetensors").items()}
    shutil.copytree("seed-0", "rounded")
    save_file(rounded, "rounded/model.safetensors", metadata={"format": "pt"})
    assert card(capsys, "rounded", "seed-0")[0] == {"base_model": "seed-0"}
    found, said = card(capsys, "seed-0", "rounded")
    assert not found
    assert "# Not supported: rounded: it was made from this model, or from what this model was made from" in said


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("name", ["'#: x'", "a/b # c", '"y\\nbase_model: evil"'])
def test_a_strange_name_stays_one_value(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A card may declare anything; what is printed is still the evidence, in YAML."""
    declare("seed-0", f"base_model: {name}")
    found, _ = card(capsys, "seed-0", "seed-0")
    assert found == {"base_model": "seed-0"}
    assert run(["card", "seed-0", "--signals", "weights"]) == 4
    assert "error: " in capsys.readouterr().err


@pytest.mark.usefixtures("here")
def test_without_a_base_there_is_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["card", "seed-0"]) == 4
    assert "the card of seed-0 declares no base, and none is named\nhint: name it" in capsys.readouterr().err


@pytest.mark.usefixtures("here")
def test_the_table_of_facts(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["card", "merged", "seed-0", "--facts", "--signals", "weights"]) == 0
    rows = dict(line.strip("| ").split(" | ", 1) for line in capsys.readouterr().out.splitlines())
    assert rows["base"].startswith("seed-0: LlamaForCausalLM")
    assert len(rows["sha256 of the comparison"]) == len(rows["sha256 over its weight files"]) == 64
    assert "provcheck compare merged seed-0" in rows["by"]
