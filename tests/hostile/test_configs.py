"""Nonsense in config.json gets a sentence; what changes only the form of the answer changes no number."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from provcheck.errors import BrokenModel, UnsupportedModel
from provcheck.targets.resolution import resolve
from provcheck.types import ProbeSet
from tests.cached import change_json
from tests.measured import measure, same_bits
from tests.tiny import save_tiny, tiny_probes


@pytest.fixture(scope="module")
def probes() -> ProbeSet:
    return tiny_probes(questions=2, texts=4)


@pytest.mark.parametrize("architecture", ["llama", "gpt2", "gemma3_text", "mamba", "bloom"])
@pytest.mark.parametrize(
    ("key", "value"), [("return_dict", False), ("output_hidden_states", "x"), ("output_attentions", True)]
)
def test_the_form_of_the_answer(architecture: str, key: str, value: Any, tmp_path: Path, probes: ProbeSet) -> None:
    folder = save_tiny(tmp_path / "m", architecture)
    plain = measure(resolve(str(folder)), probes)
    change_json(folder, "config.json", **{key: value})
    assert same_bits(measure(resolve(str(folder)), probes), plain)


@pytest.mark.parametrize(
    ("architecture", "key", "value"),
    [
        ("opt", "dropout", 2),
        ("bloom", "hidden_dropout", 2),
        ("gpt2", "resid_pdrop", 2),
        ("gptj", "rotary_dim", 7),
        ("mixtral", "num_experts_per_tok", 9),
        ("llama", "hidden_act", "nope"),
        ("llama", "num_key_value_heads", 0),
        ("llama", "dtype", "nope"),
    ],
)
def test_nonsense(architecture: str, key: str, value: Any, tmp_path: Path, probes: ProbeSet) -> None:
    folder = save_tiny(tmp_path / "m", architecture)
    change_json(folder, "config.json", **{key: value})
    with pytest.raises((BrokenModel, UnsupportedModel), match=r"cannot be (run|loaded): \S") as caught:
        measure(resolve(str(folder)), probes)
    assert caught.value.exit_code == 4
