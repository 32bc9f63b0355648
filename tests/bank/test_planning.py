"""What a bank will take: formulas against models whose shapes are known, and the catalogues that ship."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig, MistralConfig

from provcheck.bank.manifest import BuildEntry, read_build_manifest
from provcheck.bank.planning import (
    Shape,
    hours,
    memory_bytes,
    plan,
    probe_tokens,
    stated_parameters,
    table,
    typical_shape,
    weights_bytes,
)
from provcheck.cli import run
from provcheck.io import data
from provcheck.probes import load_probes
from tests.synthetic import make_probes

SHAPES = {
    "llama-2-7b": (Shape(32, 4096, 11008, 32_000, 32, 32), LlamaConfig, 6_738_415_616),
    "llama-3-8b": (Shape(32, 4096, 14336, 128_256, 32, 8), LlamaConfig, 8_030_261_248),
    "mistral-7b": (Shape(32, 4096, 14336, 32_000, 32, 8), MistralConfig, 7_241_732_096),
    "llama-3.2-1b": (Shape(16, 2048, 8192, 128_256, 32, 8, tied=True), LlamaConfig, 1_235_814_400),
    "llama-2-70b": (Shape(80, 8192, 28672, 32_000, 64, 8), LlamaConfig, 68_976_648_192),
}


@pytest.mark.parametrize("name", SHAPES)
def test_parameters_are_those_of_the_model_without_its_weights(name: str) -> None:
    shape, kind, published = SHAPES[name]
    config = kind(
        num_hidden_layers=shape.blocks,
        hidden_size=shape.width,
        intermediate_size=shape.inner,
        vocab_size=shape.vocabulary,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_heads,
        tie_word_embeddings=shape.tied,
    )
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    assert sum(one.numel() for one in model.parameters()) == shape.parameters == published


@pytest.mark.parametrize("name", SHAPES)
def test_the_size_in_a_name_is_near_enough(name: str) -> None:
    """Within a fifth: which GPU, not which byte."""
    shape, _, published = SHAPES[name]
    stated = stated_parameters(f"org/{name}")
    assert stated and abs(stated / published - 1) < 0.2
    blocks, width = typical_shape(published)
    assert blocks * width == pytest.approx(shape.blocks * shape.width, rel=0.35)
    assert weights_bytes(published) == 2 * published


@pytest.mark.parametrize(
    ("id", "parameters"),
    [
        ("01-ai/Yi-1.5-9B", 9_000_000_000),
        ("EleutherAI/pythia-410m-seed1", 410_000_000),
        ("mistralai/Mixtral-8x7B-v0.1", 56_000_000_000),
        ("org/Qwen2.5-0.5B-Instruct", 500_000_000),
        ("abacusai/bigstral-12b-32k", 12_000_000_000),
        ("7b-lab/chat", None),
        ("org/gpt2", None),
        ("org/32bit-model", None),
    ],
)
def test_sizes_in_names(id: str, parameters: int | None) -> None:
    assert stated_parameters(id) == parameters


def test_hours_are_tokens_times_operations_over_the_rate() -> None:
    probes = make_probes()
    asked, read = probe_tokens(probes)
    assert asked == sum(len(f"{q.question} {option}") for q in probes.questions for option in q.options) / 4
    assert read == sum(len(text.text) for text in probes.texts) / 4
    assert hours(10**9, probes, teraflops=1) == pytest.approx(1e9 * (6 * asked + 2 * read) / 1e12 / 3600)
    assert memory_bytes(7 * 10**9, 0) == 14 * 10**9, "no gradients of weights"


def test_models_of_unknown_size_are_said_and_those_here_are_not_downloaded() -> None:
    models = [
        BuildEntry(id="org/a-7b", family="a"),
        BuildEntry(id="org/b-7b", family="b", path="b"),
        BuildEntry(id="org/c", family="c"),
    ]
    found = plan(models, make_probes())
    assert [one.download_bytes for one in found.models] == [14 * 10**9, 0]
    assert found.unknown == ("org/c",)
    assert any(
        line.split() == ["?", "?", "?", "org/c:", "its", "name", "states", "no", "size"] for line in table(found)
    )


@pytest.mark.parametrize("name", ["able-239", "finetune-87"])
def test_the_catalogues(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["bank", "build", name, "--dry-run"]) == 0
    said = capsys.readouterr().out
    models = read_build_manifest(data.manifest_file(name)).models
    assert all(f"  {one.id}\n" in said or f"  {one.id}: its name states no size\n" in said for one in models)
    found = plan(models, load_probes())
    assert len(found.models) > 0.7 * len(models), "most names state a size"
    assert f"all {len(found.models)} with a known size" in said


def test_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["bank", "build", "able-239", "--dry-run"]) == 0
    assert not list(Path.cwd().iterdir())
