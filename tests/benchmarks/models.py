"""Random models to time, and the probes to time them on."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from provcheck.io import data
from provcheck.measurement.devices import choose_device, choose_dtype
from provcheck.measurement.loader import Loaded
from provcheck.probes import load_probes

if TYPE_CHECKING:
    from provcheck.types import ProbeSet

SHAPES: dict[str, dict[str, Any]] = {
    "7b": {
        "hidden_size": 4096,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "intermediate_size": 11008,
        "vocab_size": 32000,
    },
    "1m": {
        "hidden_size": 128,
        "num_hidden_layers": 5,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 352,
        "vocab_size": 1536,
        "tie_word_embeddings": True,
    },
    "tiny": {
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "vocab_size": 1536,
    },
}


def random_llama(shape: str, device: str = "cpu", dtype: str = "auto") -> Loaded:
    """A llama of that shape with random weights, and the tokenizer of a shipped model (1,536 entries)."""
    place = choose_device(device)
    precision = choose_dtype(dtype, place)
    config = LlamaConfig(max_position_embeddings=2048, **SHAPES[shape])
    with torch.device(place):
        model = LlamaForCausalLM._from_config(config, dtype=precision)
    tokenizer = AutoTokenizer.from_pretrained(data.demo_folder())
    return Loaded(model.eval().requires_grad_(False), tokenizer, place, precision)


def every_nth(step: int) -> ProbeSet:
    """The shipped probes, or every n-th of them."""
    probes = load_probes()
    return replace(probes, questions=probes.questions[::step], texts=probes.texts[::step])
