"""Which adapters can be measured: those that change weights, in a way that their files alone determine."""

from __future__ import annotations

from typing import Any

from provcheck.errors import UnsupportedModel
from provcheck.io.text import clean

TYPES = ("LORA", "ADALORA", "IA3", "LOHA", "LOKR", "OFT", "BOFT", "HRA", "LN_TUNING", "TRAINABLE_TOKENS")
"""Their changes merge into weights. Others load further adapters (XLORA), or draw random numbers (FOURIERFT, VERA)."""

PROMPTS = ("PROMPT_TUNING", "MULTITASK_PROMPT_TUNING", "P_TUNING", "PREFIX_TUNING", "CPT", "CARTRIDGE")

SETTINGS: frozenset[str] = frozenset().union(
    ("peft_type", "task_type", "peft_version", "base_model_name_or_path", "revision", "inference_mode", "auto_mapping"),
    ("target_modules", "target_parameters", "exclude_modules", "feedforward_modules", "layers_to_transform"),
    ("layers_pattern", "modules_to_save", "trainable_token_indices", "token_indices", "ensure_weight_tying", "bias"),
    ("r", "alpha", "lora_alpha", "rank_pattern", "alpha_pattern", "use_rslora", "use_dora", "lora_bias"),
    ("lora_dropout", "rank_dropout", "module_dropout", "rank_dropout_scale", "boft_dropout", "fan_in_fan_out"),
    ("init_weights", "init_ia3_weights", "use_effective_conv2d", "decompose_both", "decompose_factor"),
    ("init_r", "target_r", "tinit", "tfinal", "deltaT", "beta1", "beta2", "orth_reg_weight", "total_step"),
    ("oft_block_size", "coft", "eps", "block_share", "use_cayley_neumann", "num_cayley_neumann_terms"),
    ("boft_block_size", "boft_block_num", "boft_n_butterfly_factor", "apply_GS"),
    ("loftq_config", "eva_config", "megatron_core", "qalora_group_size"),
)
"""Keys of adapter_config.json that may have any value. Those in the last line are read only if another key asks."""

STARTS = (True, False, None, "gaussian", "orthogonal", "eva", "pissa", "olora")
"""Values of `init_lora_weights`. Others start from random numbers that stay, or from data that is not in the files."""


def check_adapter(name: str, config: dict[str, Any]) -> None:
    """Raise UnsupportedModel unless the adapter has a known type, and every setting is known or switched off."""
    _check_type(name, config.get("peft_type"))
    for key, value in config.items():
        if not _is_known(key, value):
            raise UnsupportedModel(
                f"adapter_config.json of {name} sets {clean(key)!a}, which provcheck does not support with that value",
                "Merge the adapter into its base with peft, and audit the merged model.",
            )


def _check_type(name: str, kind: object) -> None:
    if kind in PROMPTS:
        raise UnsupportedModel(
            f"{name} is a prompt ({kind}): it changes no weights, so there is nothing of its own to measure",
            "Audit its base model.",
        )
    if kind not in TYPES:
        raise UnsupportedModel(
            f"{name} is an adapter of the type {clean(str(kind))!a}, which provcheck does not support",
            f"Supported are {', '.join(TYPES)}. Merge others into their base with peft, and audit the merged model.",
        )


def _is_known(key: str, value: object) -> bool:
    """`None` and `False` switch off even what provcheck does not know; an empty list or mapping may not."""
    if key == "init_lora_weights":
        return value in STARTS and type(value) in (bool, type(None), str)
    return key in SETTINGS or value is None or value is False
