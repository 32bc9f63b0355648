"""Which files a model and its tokenizer are loaded from, and how the weights in them are stored."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from provcheck.errors import UnsupportedModel
from provcheck.types import ModelFiles

FAST = "tokenizer.json"
TOKENIZER_FILES = (FAST, "tokenizer.model", "vocab.json", "vocab.txt", "tokenizer_config.json")

DEQUANTIZED = "bitsandbytes"
"""The packed numbers that transformers makes floats of again."""


def tokenizer_source(files: ModelFiles) -> dict[str, Any]:
    """What transformers loads the tokenizer from: the adapter's folder, the model's, or its GGUF file."""
    gguf = gguf_file(files)
    enough = TOKENIZER_FILES[:1] if gguf else TOKENIZER_FILES
    for folder in (files.adapter_folder, files.folder):
        if folder is not None and any((Path(folder) / name).exists() for name in enough):
            return {"pretrained_model_name_or_path": folder}
    if gguf:
        return {"pretrained_model_name_or_path": files.folder, "gguf_file": gguf}
    raise UnsupportedModel(f"'{files.subject.id}' has no tokenizer", f"add {FAST} to the folder")


def gguf_file(files: ModelFiles) -> str | None:
    """Name of the GGUF file that the weights are in."""
    model = files.subject.base or files.subject
    return model.weights[0].name if model.weight_format == "gguf" else None


def quantization(files: ModelFiles) -> str | None:
    """How config.json says that the weights were quantized; None where it says nothing."""
    try:
        config = json.loads((Path(files.folder) / "config.json").read_bytes())
    except (OSError, ValueError):
        return None
    stated = config.get("quantization_config")
    return str(stated.get("quant_method", "bitsandbytes"))[:40] if isinstance(stated, dict) else None
