"""Weight files with more or fewer tensors than the model needs."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from provcheck.errors import BrokenModel
from provcheck.targets.resolution import resolve
from provcheck.types import Measurement, ProbeSet
from tests.cached import Notes
from tests.measured import contrast_blocks, loglik_nats, measure
from tests.tiny import save_tiny, tiny_model, tiny_probes, tiny_tokenizer

WEIGHTS = "model.safetensors"


@pytest.fixture(scope="module")
def probes() -> ProbeSet:
    return tiny_probes(questions=2, texts=3)


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny(tmp_path_factory.mktemp("models") / "plain")


@pytest.fixture(scope="module")
def expected(plain: Path, probes: ProbeSet) -> Measurement:
    return measure(resolve(str(plain)), probes)


def rewritten(plain: Path, folder: Path, tensors: dict[str, torch.Tensor]) -> Path:
    """The same model with other weights."""
    folder.mkdir()
    for path in plain.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
    return folder


def check_same(folder: Path, probes: ProbeSet, expected: Measurement) -> None:
    found = measure(resolve(str(folder)), probes)
    np.testing.assert_array_equal(contrast_blocks(found), contrast_blocks(expected))
    np.testing.assert_array_equal(loglik_nats(found), loglik_nats(expected))


def test_tied_embeddings(tmp_path: Path, probes: ProbeSet) -> None:
    """One tensor in the file stands for two; a file that holds both copies gives the same numbers."""
    folder = save_tiny(tmp_path / "tied", tie_word_embeddings=True)
    tensors = load_file(folder / WEIGHTS)
    assert "lm_head.weight" not in tensors
    both = tensors | {"lm_head.weight": tensors["model.embed_tokens.weight"].clone()}
    check_same(rewritten(folder, tmp_path / "both", both), probes, measure(resolve(str(folder)), probes))


def test_tensors_that_the_model_does_not_need(
    plain: Path, tmp_path: Path, probes: ProbeSet, expected: Measurement
) -> None:
    """Old checkpoints hold buffers that later versions of transformers compute; they take no part in the model."""
    more = {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(8), "payload": torch.full((64,), torch.nan)}
    folder = rewritten(plain, tmp_path / "more", load_file(plain / WEIGHTS) | more)
    check_same(folder, probes, expected)
    notes = Notes()
    measure(resolve(str(folder)), probes, observe=notes)
    assert "tensors of the weight files that the model does not use: 1, first 'payload'" in notes.messages
    assert resolve(str(folder)).subject.weights_digest != expected.subject.weights_digest


def test_an_index_that_leaves_tensors_out(tmp_path: Path, probes: ProbeSet) -> None:
    """A hole in the weights is not filled with random numbers."""
    tiny_model().save_pretrained(tmp_path / "m", max_shard_size="20KB")
    tiny_tokenizer().save_pretrained(tmp_path / "m")
    index = tmp_path / "m" / "model.safetensors.index.json"
    content = json.loads(index.read_text("utf-8"))
    last = sorted(set(content["weight_map"].values()))[-1]
    content["weight_map"] = {name: shard for name, shard in content["weight_map"].items() if shard != last}
    index.write_text(json.dumps(content), "utf-8")
    with pytest.raises(BrokenModel, match="do not fit its config"):
        measure(resolve(str(tmp_path / "m")), probes)
