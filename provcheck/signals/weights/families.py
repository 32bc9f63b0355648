"""How architectures store their blocks: one table by `model_type` of config.json."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from provcheck.signals.weights.layouts import Attention, Layout, Mlp, Order


def _gated(prefix: str, up: str = "up_proj", down: str = "down_proj", gate: str = "gate_proj") -> Mlp:
    return Mlp(prefix + up, prefix + down, prefix + gate)


def _fused(prefix: str, both: str = "gate_up_proj", down: str = "down_proj", turned: str = "") -> Mlp:
    return Mlp(prefix + both, prefix + down, order=Order.GATE_FIRST, turned=turned)


def _experts(prefix: str, *names: str) -> tuple[Mlp, ...]:
    """Experts one by one, as files hold them, or all in one tensor, as transformers does in memory."""
    return (_gated(f"{prefix}experts.*.", *names), _fused(f"{prefix}experts."))


def _separate(pattern: str, output: str, query: str, key: str, value: str) -> Attention:
    """Attention in four matrices of similar names."""
    return Attention(pattern.format(output), pattern.format(query), pattern.format(key), pattern.format(value))


W = ("w3", "w2", "w1")
"""Meta's names, in the order of `_gated`."""

SHARED = tuple(
    kind(f"mlp.{name}.") for name in ("shared_expert", "shared_experts", "shared_mlp") for kind in (_gated, _fused)
)

LLAMA = Layout((_gated("mlp."), _fused("mlp."), *_experts("mlp."), *SHARED), Attention(packed="self_attn.qkv_proj"))
MIXTRAL = replace(LLAMA, mlps=(*_experts("mlp."), *_experts("block_sparse_moe.", *W)))
GRANITE_MOE = replace(
    LLAMA,
    mlps=(
        *_experts("block_sparse_moe."),
        *(_fused(f"{name}.", "input_linear", "output_linear") for name in ("block_sparse_moe", "shared_mlp", "mlp")),
    ),
)
LLAMA4 = replace(
    LLAMA,
    mlps=(_gated("feed_forward."), _gated("feed_forward.shared_expert."), _fused("feed_forward.experts.", turned="ud")),
)
GPT_OSS = replace(
    LLAMA, mlps=(Mlp("mlp.experts.gate_up_proj", "mlp.experts.down_proj", order=Order.INTERLEAVED, turned="ud"),)
)
SANDWICHED = replace(
    LLAMA,
    mlp_norm="pre_feedforward_layernorm",
    mlp_post_norm=("post_feedforward_layernorm", ""),
    attention_post_norm="post_attention_layernorm",
)
POST_NORM = replace(
    LLAMA,
    mlp_norm=(),
    mlp_post_norm="post_feedforward_layernorm",
    attention_norm=(),
    attention_post_norm="post_attention_layernorm",
)
GLM4 = replace(LLAMA, mlp_post_norm="post_mlp_layernorm", attention_post_norm="post_self_attn_layernorm")
UNGATED = replace(LLAMA, mlps=(Mlp("mlp.up_proj", "mlp.down_proj"),))
JAMBA = replace(
    LLAMA,
    mlps=(_gated("feed_forward."), *_experts("feed_forward.")),
    mlp_norm="pre_ff_layernorm",
    final_norm="final_layernorm",
)
LFM2 = replace(
    LLAMA,
    mlps=(_gated("feed_forward.", *W), *_experts("feed_forward.", *W)),
    attention=Attention("self_attn.out_proj"),
    mlp_norm="ffn_norm",
    mlp_post_norm=("post_ffn_norm", ""),
    attention_norm="operator_norm",
    attention_post_norm=("post_operator_norm", ""),
    final_norm="embedding_norm",
)

GPT2 = Layout(
    (Mlp("mlp.c_fc", "mlp.c_proj", turned="ud"),),
    Attention("attn.c_proj", packed="attn.c_attn", turned="po"),
    block="h.{}.",
    embedding="wte",
    final_norm="ln_f",
    mlp_norm="ln_2",
    attention_norm="ln_1",
    centred=True,
)
GPTJ = replace(
    GPT2,
    mlps=(Mlp("mlp.fc_in", "mlp.fc_out"),),
    attention=_separate("attn.{}_proj", "out", *"qkv"),
    mlp_norm="ln_1",
)
GPT_NEOX = replace(
    LLAMA,
    mlps=(Mlp("mlp.dense_h_to_4h", "mlp.dense_4h_to_h"),),
    attention=Attention("attention.dense", packed="attention.query_key_value", order=Order.GROUPED),
    embedding="embed_in",
    final_norm="final_layer_norm",
    centred=True,
)
BLOOM = replace(
    GPT_NEOX,
    attention=Attention("self_attention.dense", packed="self_attention.query_key_value", order=Order.GROUPED),
    block="h.{}.",
    embedding="word_embeddings",
    embedding_norm="word_embeddings_layernorm",
    final_norm="ln_f",
)
MPT = Layout(
    (Mlp("ffn.up_proj", "ffn.down_proj"),),
    Attention("attn.out_proj", packed="attn.Wqkv"),
    block="blocks.{}.",
    embedding="wte",
    final_norm="norm_f",
    mlp_norm="norm_2",
    attention_norm="norm_1",
    centred=True,
)
OPT = Layout(
    (Mlp("fc1", "fc2"),),
    Attention("self_attn.out_proj"),
    final_norm=("final_layer_norm", "layer_norm", ""),
    mlp_norm="final_layer_norm",
    attention_norm="self_attn_layer_norm",
    centred=True,
)
PHI = replace(
    LLAMA,
    mlps=(Mlp("mlp.fc1", "mlp.fc2"),),
    attention=Attention("self_attn.dense"),
    mlp_norm="input_layernorm",
    final_norm="final_layernorm",
    centred=True,
)
MAMBA = Layout(
    (Mlp("mixer.in_proj", "mixer.out_proj", order=Order.GATE_LAST),),
    attention=None,
    embedding="embeddings",
    final_norm="norm_f",
    mlp_norm="norm",
)

LAYOUTS: dict[str, Layout] = {
    **dict.fromkeys(
        ("llama", "mistral", "ministral", "ministral3", "qwen2", "qwen3", "phi3", "phi4_multimodal"), LLAMA
    ),
    **dict.fromkeys(("granite", "smollm3", "cwm", "seed_oss", "ernie4_5", "glm", "helium", "internlm3", "doge"), LLAMA),
    **dict.fromkeys(("iquestcoder", "hunyuan_v1_dense", "hunyuan_v1_moe", "ernie4_5_moe", "exaone_moe"), LLAMA),
    **dict.fromkeys(("qwen2_moe", "qwen3_moe", "olmoe", "deepseek_v2", "deepseek_v3", "dots1", "glm4_moe"), LLAMA),
    **dict.fromkeys(("glm4_moe_lite", "hy_v3", "solar_open", "mellum", "mimo_v2_flash", "laguna", "minicpm3"), LLAMA),
    **dict.fromkeys(("internlm", "minicpm", "deepseek", "xverse", "aquila", "Yi", "youtu"), LLAMA),
    **dict.fromkeys(("mixtral", "minimax", "minimax_m2"), MIXTRAL),
    **dict.fromkeys(("granitemoe", "granitemoeshared", "granitemoehybrid"), GRANITE_MOE),
    **dict.fromkeys(
        ("qwen3_next", "qwen3_5", "qwen3_5_text", "qwen3_5_moe", "qwen3_5_moe_text"), replace(LLAMA, unit=1.0)
    ),
    **dict.fromkeys(("cohere", "cohere2"), replace(LLAMA, mlp_norm="input_layernorm", centred=True)),
    **dict.fromkeys(("gemma2", "gemma3", "gemma3_text"), replace(SANDWICHED, unit=1.0)),
    **dict.fromkeys(("gemma4", "gemma4_text"), SANDWICHED),
    **dict.fromkeys(("olmo2", "olmo3", "flex_olmo", "exaone4"), POST_NORM),
    **dict.fromkeys(("llama4", "llama4_text"), LLAMA4),
    **dict.fromkeys(("jamba", "bamba", "falcon_h1"), JAMBA),
    **dict.fromkeys(("lfm2", "lfm2_moe", "lfm3"), LFM2),
    **dict.fromkeys(("gpt2", "gpt-sw3"), GPT2),
    **dict.fromkeys(("gpt_neox", "gpt_neox_japanese"), GPT_NEOX),
    **dict.fromkeys(("mamba", "falcon_mamba"), MAMBA),
    **dict.fromkeys(("opt", "xglm", "biogpt"), OPT),
    "gpt_oss": GPT_OSS,
    "phimoe": replace(MIXTRAL, centred=True),
    "jetmoe": replace(GRANITE_MOE, attention=None),
    "gemma": replace(LLAMA, unit=1.0),
    "vaultgemma": replace(LLAMA, mlp_norm="pre_feedforward_layernorm", unit=1.0),
    "recurrent_gemma": replace(
        LLAMA,
        mlps=(_gated("mlp_block."),),
        attention=_separate("temporal_block.{}_proj", *"oqkv"),
        mlp_norm="channel_pre_norm",
        attention_norm="temporal_pre_norm",
        final_norm="final_norm",
        unit=1.0,
    ),
    "afmoe": replace(
        LLAMA,
        mlp_norm="pre_mlp_layernorm",
        mlp_post_norm="post_mlp_layernorm",
        attention_post_norm="post_attention_layernorm",
    ),
    "glm4": GLM4,
    "hyperclovax": replace(LLAMA, mlp_post_norm=("post_norm2", ""), attention_post_norm=("post_norm1", "")),
    "diffllama": replace(LLAMA, attention=None),
    "bitnet": replace(LLAMA, mlps=(replace(_gated("mlp."), inner="mlp.ffn_sub_norm"),), attention=None),
    "apertus": replace(UNGATED, mlp_norm="feedforward_layernorm", attention_norm="attention_layernorm"),
    "arcee": UNGATED,
    "jais2": replace(UNGATED, centred=True),
    "nemotron": replace(UNGATED, centred=True, unit=1.0),
    "nanochat": replace(LLAMA, mlps=PHI.mlps, mlp_norm=(), attention_norm=(), final_norm=()),
    "olmo": replace(LLAMA, mlp_norm=(), attention_norm=(), final_norm=(), centred=True),
    "stablelm": replace(LLAMA, mlp_norm=("post_attention_layernorm", "input_layernorm"), centred=True),
    "starcoder2": replace(LLAMA, mlps=(Mlp("mlp.c_fc", "mlp.c_proj"),), centred=True),
    "orion": replace(LLAMA, centred=True),
    "baichuan": replace(LLAMA, attention=Attention(packed="self_attn.W_pack")),
    "phi": PHI,
    "persimmon": replace(
        PHI,
        mlps=GPT_NEOX.mlps,
        attention=Attention("self_attn.dense", packed="self_attn.query_key_value", order=Order.GROUPED),
        mlp_norm="post_attention_layernorm",
    ),
    "gpt_neo": replace(
        GPT2,
        mlps=(Mlp("mlp.c_fc", "mlp.c_proj"),),
        attention=_separate("attn.attention.{}_proj", "out", *"qkv"),
    ),
    "gpt_bigcode": replace(
        GPT2,
        mlps=(Mlp("mlp.c_fc", "mlp.c_proj"),),
        attention=Attention("attn.c_proj", packed="attn.c_attn", order=Order.GROUPED),
    ),
    "openai-gpt": replace(GPT2, attention=None, embedding="tokens_embed", mlp_norm="ln_1", final_norm=()),
    "ctrl": replace(
        GPT2,
        mlps=(Mlp("ffn.0", "ffn.2"),),
        attention=_separate("multi_head_attention.{}", "dense", "Wq", "Wk", "Wv"),
        embedding="w",
        final_norm="layernorm",
        mlp_norm="layernorm2",
        attention_norm="layernorm1",
    ),
    "gptj": GPTJ,
    "codegen": replace(GPTJ, attention=Attention("attn.out_proj", packed="attn.qkv_proj", order=Order.CODEGEN)),
    "bloom": BLOOM,
    "falcon": replace(
        BLOOM,
        mlp_norm=("ln_mlp", "post_attention_layernorm", "input_layernorm"),
        attention_norm=("ln_attn", "input_layernorm"),
        embedding_norm=(),
    ),
    "mpt": MPT,
    "dbrx": replace(
        MPT,
        mlps=(replace(_gated("ffn.experts.mlp.", "v1", "w2", "w1"), turned="d"),),
        attention=Attention("norm_attn_norm.attn.out_proj", packed="norm_attn_norm.attn.Wqkv"),
        mlp_norm="norm_attn_norm.norm_2",
        attention_norm="norm_attn_norm.norm_1",
    ),
    "internlm2": replace(
        LLAMA,
        mlps=(_gated("feed_forward.", *W),),
        attention=Attention("attention.wo", packed="attention.wqkv", order=Order.GROUPED),
        embedding="tok_embeddings",
        mlp_norm="ffn_norm",
        attention_norm="attention_norm",
    ),
    "qwen": replace(
        GPT2,
        mlps=(_gated("mlp.", "w1", "c_proj", "w2"),),
        attention=Attention("attn.c_proj", packed="attn.c_attn"),
        centred=False,
    ),
    "exaone": replace(
        GPT2,
        mlps=(_gated("mlp.", "c_fc_1", "c_proj", "c_fc_0"),),
        attention=_separate("attn.attention.{}_proj", "out", *"qkv"),
        centred=False,
    ),
    "mamba2": replace(
        MAMBA, mlps=(Mlp("mixer.in_proj", "mixer.out_proj", order=Order.GATE_FIRST, inner="mixer.norm"),)
    ),
    "nemotron_h": replace(MAMBA, mlps=(Mlp("mixer.up_proj", "mixer.down_proj"),), sparse=True),
    "rwkv": Layout(
        (Mlp("feed_forward.key", "feed_forward.value"),),
        attention=None,
        block="blocks.{}.",
        embedding="embeddings",
        embedding_norm="blocks.0.pre_ln",
        final_norm="ln_out",
        mlp_norm="ln2",
        centred=True,
    ),
}


def layout_of(config: Mapping[str, Any]) -> Layout | None:
    """The layout of a model by its config.json; None for one that is not known.

    OPT may normalize after adding instead of before reading; then the norm before the MLP is the one after attention.
    """
    kind = config.get("model_type")
    layout = LAYOUTS.get(kind) if isinstance(kind, str) else None
    if kind == "opt" and config.get("do_layer_norm_before") is False:
        return replace(OPT, attention=None, mlp_norm="self_attn_layer_norm")
    return layout
