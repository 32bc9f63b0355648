"""Attacks that leave the weights as they are, and change config.json or tokenizer.json."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .attack import DoesNotApply

CONTEXT = 256
"""Tokens that the lowered context leaves."""
ROPE_FACTOR = 10.0
DROPOUT = 0.1
LAYER_COUNTS = ("num_hidden_layers", "n_layer", "num_layers", "n_layers")
POSITION_TABLES = ("gpt2", "opt", "gpt_neo")
"""Model types whose weights hold a row for each position: a smaller context would not load."""


def lower_context(folder: Path) -> None:
    """A context too short for the longer probe texts."""
    config = _read(folder / "config.json")
    if config["model_type"] in POSITION_TABLES:
        raise DoesNotApply(f"{config['model_type']} has a table of positions, which fixes its context")
    if config.get("max_position_embeddings", 0) <= CONTEXT:
        raise DoesNotApply(f"its config names no context above {CONTEXT} tokens")
    _write(folder / "config.json", config | {"max_position_embeddings": CONTEXT})


def cut_layers(folder: Path) -> None:
    """A config of one layer over the weights of all."""
    config = _read(folder / "config.json")
    name = next((name for name in LAYER_COUNTS if name in config), None)
    if name is None or config[name] < 2:
        raise DoesNotApply("its config names no second layer")
    if config.get("layer_types"):
        config["layer_types"] = config["layer_types"][:1]
    if config.get("attention_types"):
        raise DoesNotApply("its config lists the kinds of attention layer by layer")
    _write(folder / "config.json", config | {name: 1})


def change_rope(folder: Path) -> None:
    """Rotary positions of another base."""
    config = _read(folder / "config.json")
    holder = config.get("rope_parameters") or config
    if "rope_theta" not in holder:
        raise DoesNotApply("it has no rotary positions")
    holder["rope_theta"] *= ROPE_FACTOR
    _write(folder / "config.json", config)


def halve_merges(folder: Path) -> None:
    """Every second merge of a BPE tokenizer taken out: texts fall into other, shorter tokens."""
    tokenizer = _bpe(folder)
    tokenizer["model"]["merges"] = tokenizer["model"]["merges"][::2]
    _write(folder / "tokenizer.json", tokenizer)


def drop_merges(folder: Path) -> None:
    """BPE dropout: the tokenizer leaves out merges by chance, so two encodings of one text differ."""
    tokenizer = _bpe(folder)
    tokenizer["model"]["dropout"] = DROPOUT
    _write(folder / "tokenizer.json", tokenizer)


def _bpe(folder: Path) -> dict[str, Any]:
    path = folder / "tokenizer.json"
    tokenizer = _read(path) if path.exists() else {}
    if not tokenizer.get("model", {}).get("merges"):
        raise DoesNotApply("its tokenizer has no merges")
    return tokenizer


def _read(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def _write(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1), "utf-8")
