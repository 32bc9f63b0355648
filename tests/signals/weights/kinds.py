"""The architectures whose anatomy is compared with the running model."""

from __future__ import annotations

from tests.signals.weights.black_box import WIDTH, Kind

PLAIN = (
    "llama mistral ministral ministral3 qwen2 phi3 granite smollm3 cwm seed_oss ernie4_5 glm helium internlm3 "
    "iquestcoder gemma vaultgemma cohere cohere2 olmo stablelm starcoder2 phi jais2 nemotron arcee mixtral qwen2_moe "
    "phimoe solar_open gpt2 gpt_neo gptj codegen gpt_neox gpt_neox_japanese gpt_bigcode xglm biogpt opt"
)
"""Attention is a softmax over products of queries and keys."""

OTHERS = (
    "qwen3 qwen3_moe hunyuan_v1_dense hunyuan_v1_moe olmoe gemma3_text apertus nanochat mellum persimmon minimax_m2 "
    "qwen3_next qwen3_5_text qwen3_5_moe_text hyperclovax glm4 gemma2 laguna glm4_moe hy_v3 mimo_v2_flash jamba lfm2 "
    "lfm3 diffllama bitnet ernie4_5_moe exaone_moe doge dots1"
)
"""Queries and keys go through a norm, or attention has another form."""

LATENT = "deepseek_v2 deepseek_v3 glm4_moe_lite youtu minicpm3"
POST_NORM = "olmo2 olmo3 flex_olmo exaone4"

GROUPED = {"new_decoder_architecture": True, "num_kv_heads": 2}
MAMBA = {"intermediate_size": 2 * WIDTH, "expand": 2, "n_groups": 1, "num_heads": 8}
HYBRID = {"mamba_expand": 2, "mamba_n_heads": 8, "mamba_d_head": 8, "mamba_n_groups": 1, "mamba_d_state": 8}

KINDS = [
    *(Kind(name, products=True) for name in PLAIN.split()),
    *(Kind(name) for name in OTHERS.split()),
    *(Kind(name, {"head_dim": 8, "num_key_value_heads": 4}) for name in LATENT.split()),
    *(Kind(name, normed=False) for name in POST_NORM.split()),
    *(Kind(name, fused=True) for name in ("granitemoe", "granitemoeshared", "jetmoe")),
    Kind("granitemoehybrid", HYBRID, fused=True),
    Kind("gpt_bigcode", {"multi_query": False}, products=True, name="gpt_bigcode-heads"),
    Kind("gpt_neox", {"use_parallel_residual": False}, products=True, name="gpt_neox-sequential"),
    Kind("stablelm", {"use_parallel_residual": True}, products=True, name="stablelm-parallel"),
    Kind("bloom", act="gelu", products=True),
    Kind("mpt", act="gelu", products=True),
    Kind("ctrl", act="relu", products=True),
    Kind("falcon", act="gelu", products=True),
    Kind("falcon", {"multi_query": False}, act="gelu", products=True, name="falcon-heads"),
    Kind("falcon", {"parallel_attn": False}, act="gelu", products=True, name="falcon-sequential"),
    Kind("falcon", GROUPED, act="gelu", products=True, name="falcon-grouped"),
    Kind("opt", {"word_embed_proj_dim": 16}, products=True, name="opt-projected"),
    Kind("gpt_oss", {"swiglu_alpha": 1.0, "swiglu_limit": 1e9}, act="silu", fused=True),
    Kind("llama4_text", {"hidden_act": "relu", "intermediate_size_mlp": 40}, fused=True),
    Kind("gemma4_text", {"hidden_size_per_layer_input": 0}, values=False),
    Kind("afmoe", values=False),
    Kind("falcon_h1", HYBRID | {"mamba_d_ssm": 64}, values=False),
    Kind("bamba", HYBRID),
    Kind("lfm2_moe", {"layer_types": ["conv", "full_attention"], "num_dense_layers": 1}),
    Kind("recurrent_gemma", {"logits_soft_cap": 1e6}),
    Kind("nemotron_h", HYBRID | {"layers_block_type": ["mamba", "mlp"]}, layers=(1,), blocks=(0,)),
    Kind("rwkv", {"attention_hidden_size": WIDTH, "rescale_every": 0}, act="relu2", layers=(1,), blocks=(1,)),
    *(Kind(name, MAMBA, act="silu", read_act="silu") for name in ("mamba", "falcon_mamba", "mamba2")),
]
