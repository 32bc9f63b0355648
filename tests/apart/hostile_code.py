"""A model folder whose own code runs while it is loaded, as --trust-remote-code lets it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.tiny import save_tiny

CODE = """
from transformers import LlamaConfig, LlamaForCausalLM


class OwnModel(LlamaForCausalLM):
    config_class = LlamaConfig


{payload}
"""


def save_hostile(folder: Path, payload: str) -> Path:
    """A tiny llama that runs the payload when its code is imported."""
    save_tiny(folder)
    config = json.loads((folder / "config.json").read_text("utf-8"))
    config["auto_map"] = {"AutoModelForCausalLM": "own.OwnModel"}
    (folder / "config.json").write_text(json.dumps(config), "utf-8")
    (folder / "own.py").write_text(CODE.format(payload=payload), "utf-8")
    return folder
