"""Network configurations: how each architecture spells width, depth and heads. All tie input and output embeddings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .plan import Size

Options = dict[str, Any]


def build_model(architecture: str, size: Size, vocabulary: int, context: int, special: Options, seed: int) -> Any:
    """A network with random weights that depend only on the seed."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    name, options = ARCHITECTURES[architecture](size)
    shared = {"vocab_size": vocabulary, "tie_word_embeddings": True, "use_cache": False, **special}
    if architecture != "bloom":
        shared["n_positions" if architecture == "gpt2" else "max_position_embeddings"] = context
    config = AutoConfig.for_model(name, **shared, **options)
    torch.manual_seed(seed)
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32)


def _common(size: Size) -> Options:
    return {"hidden_size": size.width, "num_hidden_layers": size.layers, "num_attention_heads": size.heads}


def _gated(name: str, **more: Any) -> Callable[[Size], tuple[str, Options]]:
    """Llama and its kin: RMSNorm, rotary positions, gated feed-forward, two queries to a key."""

    def options(size: Size) -> tuple[str, Options]:
        inner = int(2.7 * size.width) // 8 * 8
        shape = {"intermediate_size": inner, "num_key_value_heads": size.heads // 2}
        return name, {**_common(size), **shape, **more}

    return options


def _plain(name: str, **more: Any) -> Callable[[Size], tuple[str, Options]]:
    """GPT-NeoX and its kin: LayerNorm and a feed-forward of four times the width."""
    return lambda size: (name, {**_common(size), "intermediate_size": 4 * size.width, **more})


def _gemma(size: Size) -> tuple[str, Options]:
    name, options = _gated("gemma", head_dim=size.width // size.heads)(size)
    return name, {**options, "num_key_value_heads": 1}


def _mixtral(size: Size) -> tuple[str, Options]:
    name, options = _gated("mixtral", num_local_experts=4, num_experts_per_tok=2)(size)
    return name, {**options, "intermediate_size": int(1.1 * size.width) // 8 * 8}


def _gpt2(size: Size) -> tuple[str, Options]:
    still = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
    return "gpt2", {"n_embd": size.width, "n_layer": size.layers, "n_head": size.heads, **still}


def _opt(size: Size) -> tuple[str, Options]:
    name, options = "opt", {**_common(size), "ffn_dim": 4 * size.width, "word_embed_proj_dim": size.width}
    return name, {**options, "dropout": 0.0}


def _bloom(size: Size) -> tuple[str, Options]:
    return "bloom", {"hidden_size": size.width, "n_layer": size.layers, "n_head": size.heads}


ARCHITECTURES: dict[str, Callable[[Size], tuple[str, Options]]] = {
    "llama": _gated("llama"),
    "mistral": _gated("mistral", sliding_window=None),
    "stablelm": _gated("stablelm"),
    "gemma": _gemma,
    "mixtral": _mixtral,
    "gpt2": _gpt2,
    "gpt_neox": _plain("gpt_neox", hidden_dropout=0.0, attention_dropout=0.0),
    "phi": _plain("phi", resid_pdrop=0.0),
    "opt": _opt,
    "bloom": _bloom,
}
