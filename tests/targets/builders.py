"""Tiny models on disk, whole unless a test breaks them."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

LLAMA = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 64,
    "max_position_embeddings": 128,
    "_name_or_path": "stale/name",
}


def tensors(**shapes: tuple[int, ...]) -> bytes:
    """A whole safetensors file of F32 zeros."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    end = 0
    for name, shape in shapes.items():
        begin, size = end, 4
        for dimension in shape:
            size *= dimension
        end = begin + size
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [begin, end]}
    return pack(header, b"\0" * end)


def pack(header: object, data: bytes = b"") -> bytes:
    """A safetensors file of any header and data, whether they fit or not."""
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + data


def write(folder: Path, files: Mapping[str, object]) -> Path:
    """Write bytes and text as they are, anything else as JSON; None removes the file."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        path = folder / name
        if content is None:
            path.unlink()
        elif isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


def model_files(**changes: object) -> dict[str, object]:
    """The files of a whole model; `config` is merged into config.json."""
    config = changes.pop("config", {})
    assert isinstance(config, dict)
    return {
        "config.json": {**LLAMA, **config},
        "tokenizer.json": {"model": {"type": "BPE", "vocab": {}, "merges": []}},
        "model.safetensors": tensors(a=(2, 3), b=(4,)),
        "README.md": "---\nlicense: apache-2.0\nbase_model: org/parent\n---\n# A model\n",
        **changes,
    }


def adapter_files(base: str, **changes: object) -> dict[str, object]:
    config = {"peft_type": "LORA", "task_type": "CAUSAL_LM", "base_model_name_or_path": base, "revision": None}
    return {
        "adapter_config.json": {**config, **changes},
        "adapter_model.safetensors": tensors(lora=(3, 3)),
    }
