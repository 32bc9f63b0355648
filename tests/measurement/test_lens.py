from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from provcheck.measurement import MeasureOptions
from provcheck.measurement.lens import layer_log_likelihoods
from provcheck.observer import Silent
from provcheck.targets import find_target
from provcheck.targets.local import LocalTarget
from provcheck.targets.target import FindOptions
from tests.tiny import save_tiny

TEXTS = ["The quick brown fox jumps over the lazy dog.", "Where is it? Nobody knows, and nobody asks."]


@pytest.mark.parametrize("architecture", ["llama", "gpt2"])
def test_a_layer_is_read_through_the_final_norm_and_the_output_embedding(tmp_path: Path, architecture: str) -> None:
    folder = save_tiny(tmp_path / "model", architecture)
    target = find_target(str(folder), FindOptions())
    assert isinstance(target, LocalTarget)
    found = layer_log_likelihoods(target.files, TEXTS, MeasureOptions("cpu", "float32"), Silent())
    assert found == pytest.approx(np.array(by_hand(folder)), rel=1e-4)
    assert not np.allclose(found[0], found[-1])


@torch.inference_mode()
def by_hand(folder: Path) -> list[list[float]]:
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    base = model.base_model
    norm = base.norm if hasattr(base, "norm") else base.ln_f
    columns = []
    for text in TEXTS:
        ids = tokenizer(text, return_tensors="pt")["input_ids"]
        states = model(input_ids=ids, output_hidden_states=True).hidden_states
        read = [*(norm(state) for state in states[1:-1]), states[-1]]
        logits = [model.get_output_embeddings()(state)[0, :-1].log_softmax(-1) for state in read]
        columns.append([float(one.gather(1, ids[0, 1:, None]).sum()) for one in logits])
    return [list(row) for row in zip(*columns, strict=True)]
